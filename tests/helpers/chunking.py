"""The scheme of chunks over a whole track at once, written plainly, to compare streams with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import pad

from streams import ArrayMixture, ignore
from unmixcli.models.interface import Model, Request

Audio = NDArray[np.float32]


def whole_track(
    network: Callable[[torch.Tensor], torch.Tensor], mixture: Audio, chunk: int, overlap: int
) -> Audio:
    """Run a network over a mixture, all of it in memory, one chunk at a time."""
    track = torch.from_numpy(mixture)
    length = track.shape[1]
    step = chunk // overlap
    border = chunk - step if length > 2 * (chunk - step) else 0
    if border:
        track = pad(track[None], (border, border), mode="reflect")[0]
    total = track.shape[1]
    fade = chunk // 10
    stems: torch.Tensor | float = 0.0
    weights = torch.zeros(total)
    with torch.inference_mode():
        for start in range(0, total, step):
            part = track[:, start : start + chunk]
            size = part.shape[1]
            if size < chunk:
                mode = "reflect" if size > chunk // 2 else "constant"
                part = pad(part[None], (0, chunk - size), mode=mode)[0]
            window = torch.ones(chunk)
            if start > 0:
                window[:fade] = torch.linspace(0, 1, fade)
            if start + step < total:
                window[chunk - fade :] = torch.linspace(1, 0, fade)
            estimate = (network(part[None])[0] * window)[..., :size]
            stems = stems + pad(estimate, (start, total - start - size))
            weights[start : start + size] += window[:size]
    result: Audio = torch.nan_to_num(stems / weights).numpy()
    return result[..., border : border + length]


def stream(model: Model, mixture: Audio, options: Any, block: int = 700) -> Audio:
    """Separate a mixture that is read in blocks."""
    reading = ArrayMixture(mixture, block, model.sample_rate)
    blocks = list(model.separate(reading, Request(options), ignore))
    assert all(part.dtype == np.float32 and part.shape[-1] for part in blocks)
    return np.concatenate(blocks, axis=-1)
