"""Run a network that reads segments as a model: from a stream to a stream.

The mixture is read once, or twice if the network needs it normalised. Threads
compute while segments are read and stems are consumed; only a few segments are
held at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from typing import Any

import torch
from torch import nn

from ...audio.blocks import BlockReader, crop, reflect
from ...errors import ModelError
from ..interface import Block, Mixture, Progress, Request
from ..workers import Workers
from .bag import Network
from .joining import Joining
from .segment import Scheme, Segment
from .statistics import measure

BATCH = 4
"""Segments in one pass on a CUDA device, if its memory allows."""
MEASURING = 0.02
"""Share of the work that a first reading takes."""

_LONG = 10**9
"""Samples of a mixture that is longer than any segment."""

Blocks = Generator[Block, None, None]
Moments = tuple[float, float]
"""The mean to subtract from a mixture, and the divisor that follows."""

_Read = list[tuple[Segment, Block]]
"""Segments and the samples that the network reads for each, all of one width."""


class SegmentedModel:
    """A network and a scheme as a model; see `unmixcli.models.interface.Model`.

    Parameters
    ----------
    network : callable
        From segments, float32 of shape (batch, channels, samples), to stems of
        shape (batch, stems, channels, samples), of any floating type; on the
        device, ready to infer, and without state that two threads could share.
    targets : mapping of str to int
        The wanted targets, in order, each with its index among the network's stems.
    sample_rate : int
        In Hz.
    channels : int or None
        Number of channels that the network reads; None if one and two both work.
    device : torch.device
    scheme : callable
        Returns the `Scheme` for a request's options.
    batch : int, optional
        Segments in one pass; by default `BATCH` on a CUDA device and 1 elsewhere.
        Halved permanently when the device runs out of memory.
    at_once : int
        Passes that run in parallel on the CPU, each in its own thread with its
        share of the cores. With 1, every pass uses all cores.
    """

    def __init__(
        self,
        network: Network,
        targets: Mapping[str, int],
        *,
        sample_rate: int,
        channels: int | None,
        device: torch.device,
        scheme: Callable[[Any], Scheme],
        batch: int | None = None,
        at_once: int = 1,
    ) -> None:
        self.targets = tuple(targets)
        self.sample_rate = sample_rate
        self.channels = channels
        self.network = network
        self._rows = list(targets.values())
        self._device = device
        self._scheme = scheme
        self._batch = batch or (BATCH if device.type == "cuda" else 1)
        self._workers = Workers(device, at_once)

    def width(self, options: Any) -> int:
        """Return the samples that the network reads at a time in a long mixture."""
        return next(self._scheme(options).segments(_LONG)).width

    def separate(
        self, mixture: Mixture, request: Request[Any], progress: Progress
    ) -> Iterator[Block]:
        """Separate a mixture; see `unmixcli.models.interface.Model.separate`."""
        scheme = self._scheme(request.options)
        share, moments = 0.0, None
        if scheme.normalised:
            share = MEASURING
            mean, deviation = measure(mixture, lambda done: progress("measuring", share * done))
            moments = mean, scheme.scale(deviation)
        border, done = scheme.border(mixture.length), 0
        with closing(self._join(mixture, scheme, moments)) as stems:
            for block in crop(stems, border, border + mixture.length):
                done += block.shape[-1]
                yield block
                progress("separating", share + (1 - share) * done / mixture.length)

    def _join(self, mixture: Mixture, scheme: Scheme, moments: Moments | None) -> Blocks:
        """Yield the stems of the mixture and its borders when they are final."""
        joining = Joining(scheme.averaged)
        reads = ((read, moments) for read in self._read(mixture, scheme))
        with closing(self._workers.map(self._estimate, reads)) as estimates:
            for estimate in estimates:
                for segment, weighted in estimate:
                    yield joining.push(segment, weighted)

    def _read(self, mixture: Mixture, scheme: Scheme) -> Iterator[_Read]:
        """Read the mixture in segments, grouped into passes."""
        border = scheme.border(mixture.length)
        reader = BlockReader(reflect(mixture.blocks(), mixture.length, border))
        group: _Read = []
        for segment in scheme.segments(mixture.length):
            if len(group) >= self._batch or (group and group[0][0].width != segment.width):
                yield group
                group = []
            group.append((segment, reader.read(segment.read_first, segment.read_end)))
        if group:
            yield group

    def _estimate(self, read: _Read, moments: Moments | None) -> _Read:
        """Run the network on segments; return their weighted estimates."""
        inputs = torch.stack([self._prepare(*item, moments) for item in read])
        estimates = self._run(inputs)
        weighted = []
        for (segment, _), estimate in zip(read, estimates, strict=True):
            kept = estimate[..., segment.skipped : segment.skipped + segment.end - segment.first]
            if moments:
                mean, scale = moments
                kept = kept * scale + mean
            kept = kept * torch.from_numpy(segment.weights).to(self._device)
            weighted.append((segment, kept.cpu().numpy()))
        return weighted

    def _prepare(self, segment: Segment, audio: Block, moments: Moments | None) -> torch.Tensor:
        """Return the network's input for a segment, shape (channels, segment.width)."""
        samples = _to(audio, self._device)
        if moments:
            mean, scale = moments
            samples = (samples - mean) / scale
        mode = "reflect" if segment.reflected else "constant"
        return nn.functional.pad(samples, (segment.before, segment.after), mode)

    def _run(self, segments: torch.Tensor) -> torch.Tensor:
        """Return float32 estimates of the wanted stems, in passes that fit in memory."""
        while True:
            batch = self._batch
            try:
                passes = [self._pass(part) for part in torch.split(segments, batch)]
                return passes[0] if len(passes) == 1 else torch.cat(passes)
            except torch.OutOfMemoryError:
                if batch == 1:
                    raise ModelError(
                        f"{self._device} has no memory for a segment of "
                        f"{segments.shape[-1] / self.sample_rate:.1f} seconds; close other "
                        "programs that use it, or use --device cpu"
                    ) from None
            # Only outside of the handler is the memory of the failed pass free.
            self._batch = min(self._batch, max(1, min(batch, len(segments)) // 2))
            torch.cuda.empty_cache()

    def _pass(self, segments: torch.Tensor) -> torch.Tensor:
        """Run the network once."""
        stems = self.network(segments)
        batch, channels, samples = segments.shape
        needed = 1 + max(self._rows)
        if stems.shape != (batch, *stems.shape[1:2], channels, samples) or stems.shape[1] < needed:
            raise ModelError(
                f"the network turned segments of shape {tuple(segments.shape)} into "
                f"{tuple(stems.shape)}; it must give (batch, stems, channels, samples), with as "
                f"many channels and samples and at least {needed} stems"
            )
        return stems[:, self._rows].float()


def _to(audio: Block, device: torch.device) -> torch.Tensor:
    """Copy audio to a device; a CUDA device goes on with earlier work meanwhile."""
    if device.type != "cuda":
        return torch.tensor(audio, device=device)
    return torch.tensor(audio).pin_memory().to(device, non_blocking=True)
