"""MDX23C: a U-Net over sub-bands of a spectrogram, with layers over all bins at every scale.

`blocks` holds its layers, `network` puts them together, `loading` turns a
published checkpoint into a model, and `parameters` lists what a card has to
say of it.
"""

from .plugin import plugin

__all__ = ["plugin"]
