"""BS-RoFormer and Mel-Band RoFormer: transformers along time and along bands of the spectrum.

Read `network` first, then `bands` and `transformer`; `layout` and `building`
turn a checkpoint into them.
"""

from .plugin import plugin

__all__ = ["plugin"]
