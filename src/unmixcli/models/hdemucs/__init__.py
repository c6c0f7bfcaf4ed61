"""Hybrid Demucs: one network that estimates the waveforms of all targets at once."""

from .plugin import plugin

__all__ = ["plugin"]
