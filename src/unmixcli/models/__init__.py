"""The models that ship, each a plugin like any other."""
