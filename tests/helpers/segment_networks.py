"""A small network that reads segments and keeps count of what it is given, and its model."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from streams import ArrayMixture, Audio, ignore, noise
from unmixcli.models.interface import Request
from unmixcli.models.segmented import Scheme, SegmentedModel


class Counted:
    """Three stems that depend on the whole segment; keeps count of what it is given."""

    def __init__(self, room: int = 10**9) -> None:
        self.room = room
        self.shapes: list[tuple[int, ...]] = []
        self.running = 0
        self.most = 0
        self._lock = threading.Lock()

    def __call__(self, segments: torch.Tensor) -> torch.Tensor:
        assert torch.is_inference_mode_enabled()
        with self._lock:
            self.shapes.append(tuple(segments.shape))
            self.running += 1
            self.most = max(self.most, self.running)
        try:
            return self.estimate(segments)
        finally:
            with self._lock:
                self.running -= 1

    def estimate(self, segments: torch.Tensor) -> torch.Tensor:
        if len(segments) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        means = segments.mean(-1, keepdim=True)
        return torch.stack([segments, means - segments, segments.flip(-1)], 1)


def model(network: Any, targets: dict[str, int] | None = None, **fields: Any) -> SegmentedModel:
    known = {
        "sample_rate": 8000,
        "channels": 2,
        "device": torch.device("cpu"),
        "scheme": lambda options: options,
    }
    return SegmentedModel(network, targets or {"a": 0, "b": 1, "c": 2}, **{**known, **fields})


def start(
    model: SegmentedModel, scheme: Scheme, length: int = 1000, progress: Any = ignore
) -> Iterator[Audio]:
    request = Request(scheme)
    return model.separate(ArrayMixture(noise(length), 300), request, progress)


def run(model: SegmentedModel, scheme: Scheme, length: int = 1000) -> Audio:
    return np.concatenate(list(start(model, scheme, length)), -1)
