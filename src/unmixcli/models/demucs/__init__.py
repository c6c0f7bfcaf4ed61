"""Hybrid Demucs and Hybrid Transformer Demucs: all targets, as waveforms, by one network.

Read `network` for what they compute, `checkpoint` and `arguments` for what a
file says of one, `loading` for how a model is made of files.
"""

from .plugin import plugin, torchaudio_plugin

__all__ = ["plugin", "torchaudio_plugin"]
