"""Read and write audio: always in blocks, float32, shape (channels, samples)."""
