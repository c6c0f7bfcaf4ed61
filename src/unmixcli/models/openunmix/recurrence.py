"""Run the LSTM layers over a whole track, block by block.

One direction of a layer is one pass over the track, which carries the LSTM's
state from block to block: from the first to the last, or from the last to the
first. The directions of a layer do not depend on each other, nor do networks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import wait
from functools import partial
from threading import Event

import torch
from torch import nn

from ..workers import Workers
from .network import Trunk
from .rows import Sequence, SequenceStore

BLOCK_FRAMES = 2048
"""Frames per call of an LSTM: enough that the cost of a call is negligible."""

_POLL_SECONDS = 0.1


class Recurrence:
    """Runs the LSTM layers, and the layer after them, over the sequences of a track.

    Parameters
    ----------
    trunks : list of Trunk
    workers : Workers
    device : torch.device
    frames : int
        Number of frames of the track.
    """

    def __init__(
        self, trunks: list[Trunk], workers: Workers, device: torch.device, frames: int
    ) -> None:
        self._trunks = trunks
        self._workers = workers
        self._device = device
        self._starts = range(0, frames, BLOCK_FRAMES)
        self._frames = frames
        self._stop = Event()
        self._blocks_done = 0
        directions = len(trunks[0].layers[0])
        self._side_by_side = min(len(trunks), max(1, workers.count // directions))

    @property
    def widths(self) -> int:
        """Numbers per frame of all sequences together, including the networks' own."""
        hidden = [trunk.hidden for trunk in self._trunks]
        return sum(hidden) + 2 * self._side_by_side * sum(set(hidden))

    def run(
        self, sequences: list[Sequence], store: SequenceStore, progress: Callable[[float], None]
    ) -> None:
        """Replace each network's sequence by the input of its output layer.

        Parameters
        ----------
        sequences : list of Sequence
            For each network, the output of its input layer; overwritten.
        store : SequenceStore
        progress : callable
            Called with the fraction done.
        """
        scratch = _Scratch(store)
        for first in range(0, len(self._trunks), self._side_by_side):
            members = range(first, min(first + self._side_by_side, len(self._trunks)))
            group = [(self._trunks[n], sequences[n], n - first) for n in members]
            for layer in range(max(len(trunk.layers) for trunk, _, _ in group)):
                passes = [
                    one
                    for trunk, own, slot in group
                    if layer < len(trunk.layers)
                    for one in self._passes(trunk, own, scratch.of(trunk, slot), layer)
                ]
                self._run_all(passes, progress)
            for trunk, own, slot in group:
                self._merge(trunk, own, scratch.of(trunk, slot)[(len(trunk.layers) - 1) % 2])

    def _passes(
        self, trunk: Trunk, own: Sequence, places: list[list[Sequence]], layer: int
    ) -> list[Callable[[], None]]:
        """Return the passes of a layer: one for each direction."""
        inputs = places[(layer - 1) % 2] if layer else [own]
        return [
            partial(self._pass, lstm, inputs, output, backwards)
            for lstm, output, backwards in zip(
                trunk.layers[layer], places[layer % 2], (False, True), strict=False
            )
        ]

    def _run_all(
        self, passes: Iterable[Callable[[], None]], progress: Callable[[float], None]
    ) -> None:
        """Run passes in parallel; report progress from this thread."""
        total = len(self._starts) * sum(
            len(layer) for trunk in self._trunks for layer in trunk.layers
        )
        futures = [self._workers.submit(one) for one in passes]
        try:
            pending = set(futures)
            while pending:
                done, pending = wait(pending, _POLL_SECONDS)
                for future in done:
                    future.result()
                progress(self._blocks_done / total)
        finally:
            self._stop.set()
            wait(futures)
            self._stop.clear()

    def _pass(
        self, lstm: nn.LSTM, inputs: list[Sequence], output: Sequence, backwards: bool
    ) -> None:
        """Run one direction of one layer over the track."""
        state: tuple[torch.Tensor, torch.Tensor] | None = None
        dtype = next(lstm.parameters()).dtype
        for first in reversed(self._starts) if backwards else self._starts:
            if self._stop.is_set():
                return
            rows = _read(inputs, first, self._end(first)).to(self._device)
            if backwards:
                rows = rows.flip(0)
            rows, state = lstm(rows.unsqueeze(1).to(dtype), state)
            rows = rows.squeeze(1)
            output.write(first, (rows.flip(0) if backwards else rows).float().cpu())
            self._blocks_done += 1

    def _merge(self, trunk: Trunk, own: Sequence, last: list[Sequence]) -> None:
        """Combine the output of the input layer with the LSTM's, in place of the former."""
        size = self._workers.block_size(self._frames, BLOCK_FRAMES)

        def merge(first: int) -> None:
            end = min(first + size, self._frames)
            rows = trunk.skip(own.read(first, end).to(self._device))
            last_rows = _read(last, first, end).to(self._device)
            if trunk.merge.dtype == rows.dtype:
                rows.addmm_(last_rows, trunk.merge)
            else:
                rows.add_(last_rows.to(trunk.merge.dtype) @ trunk.merge)
            own.write(first, rows.relu_().cpu())

        for _ in self._workers.map(merge, ((first,) for first in range(0, self._frames, size))):
            pass

    def _end(self, first: int) -> int:
        return min(first + BLOCK_FRAMES, self._frames)


class _Scratch:
    """Buffers for the layers, shared by networks that run one after another."""

    def __init__(self, store: SequenceStore) -> None:
        self._store = store
        self._places: dict[tuple[int, int, int], list[list[Sequence]]] = {}

    def of(self, trunk: Trunk, slot: int) -> list[list[Sequence]]:
        """Return two alternating buffers for layers, each with a sequence per direction."""
        directions = len(trunk.layers[0])
        key = (slot, trunk.hidden, directions)
        if key not in self._places:
            self._places[key] = [
                [self._store.add(trunk.hidden // directions) for _ in range(directions)]
                for _ in range(2)
            ]
        return self._places[key]


def _read(sequences: list[Sequence], first: int, end: int) -> torch.Tensor:
    parts = [sequence.read(first, end) for sequence in sequences]
    return parts[0] if len(parts) == 1 else torch.cat(parts, -1)
