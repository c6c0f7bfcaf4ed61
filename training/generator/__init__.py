"""A seeded composer and renderer of multitrack songs: song N is always song N."""

TARGETS = ("vocals", "drums", "bass", "other")
SAMPLE_RATE = 44_100

# Part of every seed: raise it when a change alters what a song number sounds like.
GENERATOR_VERSION = 3
