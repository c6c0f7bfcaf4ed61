"""SCNet: a sparse spectrogram, compressed, separated by LSTMs and spread again.

`bands` and `dualpath` hold the two ideas of the paper, `network` puts them
together, `loading` turns a published checkpoint into a model, and `parameters`
lists what a card has to say of it.
"""

from .plugin import plugin

__all__ = ["plugin"]
