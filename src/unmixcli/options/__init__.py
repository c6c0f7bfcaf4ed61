"""The options: the config, the sources of its values, mixes and presets."""
