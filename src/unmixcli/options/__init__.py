"""What may be asked for: the config, where its values come from, mixes and presets."""
