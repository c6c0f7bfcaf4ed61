"""The built-in models, each a plugin like any other."""
