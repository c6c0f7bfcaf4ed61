"""Audio in and out: always in blocks, float32, shape (channels, samples)."""
