"""Open-Unmix: spectrogram networks with a bidirectional LSTM, and what surrounds them."""

from .plugin import plugin

__all__ = ["plugin"]
