"""Run networks that read a few seconds at a time over whole tracks, as a stream.

A family provides a *network*: a callable from segments, float32 of shape
(batch, channels, samples), to their stems, (batch, stems, channels, samples).
`SegmentedModel` turns it into a `unmixcli.models.interface.Model`::

    SegmentedModel(
        network,                          # or Bag([network, ...], weights, rows)
        {"vocals": 3, "bass": 1},         # the targets wanted: which of its stems each one is
        sample_rate=44100,
        channels=2,
        device=torch.device("cpu"),
        scheme=lambda options: TriangleScheme(343_980, options.overlap),
    )

How a track is cut into segments and how their estimates are joined is a *scheme*:

`TriangleScheme`
    Demucs: a normalised track, real neighbours around each segment, triangular weights.
`ChunkScheme`
    RoFormer, SCNet, MDX23C and most others: reflected ends, chunks with short linear fades.
`CrossFadeScheme`
    torchaudio's tutorial on Hybrid Demucs: each segment fades over to the next.

Read `segment`, `schemes`, then `model`; `statistics` and `joining` are the
first and the last step of a separation.
"""

from .bag import Bag, Network
from .model import SegmentedModel
from .schemes import ChunkScheme, CrossFadeScheme, TriangleScheme
from .segment import Scheme, Segment

__all__ = [
    "Bag",
    "ChunkScheme",
    "CrossFadeScheme",
    "Network",
    "Scheme",
    "Segment",
    "SegmentedModel",
    "TriangleScheme",
]
