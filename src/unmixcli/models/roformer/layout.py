"""The sizes of a RoFormer, read off the tensors of a checkpoint, and what it must hold.

The layout is that of the package BS-RoFormer, versions 0.3.10 to 0.4.1, which
the published checkpoints share.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ...errors import ModelError
from ..tensors import Shape, TensorFile, not_a_network, some
from .bands import Band
from .mel import mel_table
from .variants import variant_of

WHAT = "a BS-RoFormer or Mel-Band RoFormer network"
_N_FFTS = (2048, 4096, 1024, 512, 8192)
SHARED_BIASES = ("linear_62_bias_0", "linear_64_bias_0")
"""Biases of all `to_qkv` and all `to_out`, which one line of checkpoints shares."""


@dataclass(frozen=True)
class Layout:
    """What a checkpoint is.

    Attributes
    ----------
    dim, heads, dim_head, hidden : int
        Sizes of the transformers; `hidden` is that of their feed-forward layers.
    transformers : tuple of (str, str)
        Keys of the transformers along time and along bands, of each layer.
    blocks : tuple of (int, int)
        Blocks of attention and feed-forward in either.
    bands : tuple of Band
    n_fft, channels, stems : int
    mask_hidden : int
        Size of the mask estimators' hidden layers.
    mask_depth : int
        Their linear layers.
    norms : bool
        Whether each transformer ends with a norm.
    final_norm : bool
    bias, output_bias : bool
        Whether attention has biases of its own for its inputs and its output.
    shared : bool
        Whether all attentions share theirs.
    """

    dim: int
    heads: int
    dim_head: int
    hidden: int
    transformers: tuple[tuple[str, str], ...]
    blocks: tuple[int, int]
    bands: tuple[Band, ...]
    n_fft: int
    channels: int
    stems: int
    mask_hidden: int
    mask_depth: int
    norms: bool
    final_norm: bool
    bias: bool
    output_bias: bool
    shared: bool

    def shapes(self) -> Iterator[tuple[str, Shape]]:
        """Name every tensor and its shape."""
        if self.shared:
            yield from zip(SHARED_BIASES, self._biases(), strict=True)
        for pair in self.transformers:
            for prefix, blocks in zip(pair, self.blocks, strict=True):
                for block in range(blocks):
                    yield from self._block(f"{prefix}.layers.{block}")
                if self.norms:
                    yield f"{prefix}.norm.gamma", (self.dim,)
        if self.final_norm:
            yield "final_norm.gamma", (self.dim,)
        for band in self.bands:
            inputs = self.inputs(band)
            prefix = f"band_split.to_features.{band.index}"
            yield f"{prefix}.0.gamma", (inputs,)
            yield f"{prefix}.1.weight", (self.dim, inputs)
            yield f"{prefix}.1.bias", (self.dim,)
        for stem in range(self.stems):
            for band in self.bands:
                sizes = [self.dim, *[self.mask_hidden] * (self.mask_depth - 1)]
                sizes.append(2 * self.inputs(band))
                prefix = f"mask_estimators.{stem}.to_freqs.{band.index}.0"
                for layer, (old, new) in enumerate(itertools.pairwise(sizes)):
                    yield f"{prefix}.{2 * layer}.weight", (new, old)
                    yield f"{prefix}.{2 * layer}.bias", (new,)

    def inputs(self, band: Band) -> int:
        """Return the values of a band in a frame: complex numbers of each channel."""
        return 2 * self.channels * band.width

    def _biases(self) -> tuple[Shape, Shape]:
        return (3 * self.heads * self.dim_head,), (self.dim,)

    def _block(self, prefix: str) -> Iterator[tuple[str, Shape]]:
        inner = self.heads * self.dim_head
        yield f"{prefix}.0.norm.gamma", (self.dim,)
        yield f"{prefix}.0.to_qkv.weight", (3 * inner, self.dim)
        yield f"{prefix}.0.to_gates.weight", (self.heads, self.dim)
        yield f"{prefix}.0.to_gates.bias", (self.heads,)
        yield f"{prefix}.0.to_out.0.weight", (self.dim, inner)
        yield f"{prefix}.0.rotary_embed.freqs", (self.dim_head // 2,)
        if self.bias:
            yield f"{prefix}.0.to_qkv.bias", (3 * inner,)
        if self.output_bias:
            yield f"{prefix}.0.to_out.0.bias", (self.dim,)
        yield f"{prefix}.1.net.0.gamma", (self.dim,)
        yield f"{prefix}.1.net.1.weight", (self.hidden, self.dim)
        yield f"{prefix}.1.net.1.bias", (self.hidden,)
        yield f"{prefix}.1.net.4.weight", (self.dim, self.hidden)
        yield f"{prefix}.1.net.4.bias", (self.dim,)


def read_layout(file: TensorFile, sample_rate: int, n_fft: int | None = None) -> Layout:
    """Read the sizes off the tensors' shapes, and check each shape against them.

    Parameters
    ----------
    file : TensorFile
    sample_rate : int
        In Hz; the bands of a Mel-Band RoFormer depend on it.
    n_fft : int, optional
        Samples in a frame, if the bands are mel bands and theirs is none of the usual ones.

    Raises
    ------
    ModelError
        If it is another network, or tensors are missing, foreign or of the wrong shape.
    """
    if variant := variant_of(file.shapes):
        raise ModelError(
            f"{file.path} is {variant}, which is not run; of its relatives, BS-RoFormer and "
            "Mel-Band RoFormer are, as the package BS-RoFormer 0.3.10 to 0.4.1 has them"
        )
    return _Reader(file).read(sample_rate, n_fft)


class _Reader:
    """Measures one checkpoint."""

    def __init__(self, file: TensorFile) -> None:
        self._file = file
        self._shapes = file.shapes

    def read(self, sample_rate: int, n_fft: int | None) -> Layout:
        layers = self._count(r"layers\.(\d+)\.")
        # Mel-Band RoFormer 0.4 counts from 1: a linear transformer would be 0.
        places = (0, 1) if any(key.startswith("layers.0.0.") for key in self._shapes) else (1, 2)
        transformers = tuple(
            (f"layers.{layer}.{places[0]}", f"layers.{layer}.{places[1]}")
            for layer in range(layers)
        )
        along_time, along_bands = transformers[0]
        first = f"{along_time}.layers.0"
        heads, dim = self._shape(f"{first}.0.to_gates.weight", 2)
        rows, _ = self._shape(f"{first}.0.to_qkv.weight", 2)
        dim_head, rest = divmod(rows, 3 * heads)
        if rest or dim_head % 2 or not dim_head:
            raise self._fault(f"{rows} rows of {first}.0.to_qkv.weight do not fit {heads} heads")
        widths = [
            self._shape(f"band_split.to_features.{band}.0.gamma", 1)[0]
            for band in range(self._count(r"band_split\.to_features\.(\d+)\."))
        ]
        mask = "mask_estimators.0.to_freqs.0.0"
        has_norms = f"{along_time}.norm.gamma" in self._shapes
        final_norm = "final_norm.gamma" in self._shapes
        channels, n_fft, bands = (
            self._mel_bands(widths, sample_rate, n_fft) if not final_norm else self._bands(widths)
        )
        layout = Layout(
            dim=dim,
            heads=heads,
            dim_head=dim_head,
            hidden=self._shape(f"{first}.1.net.1.bias", 1)[0],
            transformers=transformers,
            blocks=(
                self._count(rf"{re.escape(along_time)}\.layers\.(\d+)\."),
                self._count(rf"{re.escape(along_bands)}\.layers\.(\d+)\."),
            ),
            bands=bands,
            n_fft=n_fft,
            channels=channels,
            stems=self._count(r"mask_estimators\.(\d+)\."),
            mask_hidden=self._shape(f"{mask}.0.bias", 1)[0],
            mask_depth=1 + self._count(rf"{re.escape(mask)}\.(\d+)\.") // 2,
            norms=has_norms,
            final_norm=final_norm,
            bias=f"{first}.0.to_qkv.bias" in self._shapes,
            output_bias=f"{first}.0.to_out.0.bias" in self._shapes,
            shared=all(key in self._shapes for key in SHARED_BIASES),
        )
        self._compare(dict(layout.shapes()))
        return layout

    def _bands(self, widths: list[int]) -> tuple[int, int, tuple[Band, ...]]:
        """Lay bands side by side: channels, n_fft, bands."""
        # The bins are an odd number, so one band at least has an odd number of
        # them: of two channels all widths are multiples of 4, of one they are not.
        channels = 1 if any(width % 4 for width in widths) else 2
        if any(width % (2 * channels) for width in widths):
            raise self._fault(f"bands of {widths[0]} values are not of complex numbers")
        stops = np.cumsum([width // (2 * channels) for width in widths]).tolist()
        bands = tuple(
            Band(index, start, stop)
            for index, (start, stop) in enumerate(zip([0, *stops], stops, strict=False))
        )
        n_fft = 2 * (stops[-1] - 1)
        if n_fft < 4:
            raise self._fault("its bands have no bins")
        return channels, n_fft, bands

    def _mel_bands(
        self, widths: list[int], sample_rate: int, n_fft: int | None
    ) -> tuple[int, int, tuple[Band, ...]]:
        """Find the mel bands that have these widths: channels, n_fft, bands."""
        for size in (n_fft,) if n_fft else _N_FFTS:
            table = mel_table(sample_rate, size, len(widths))
            counts = table.sum(1)
            for channels in (2, 1):
                if widths != (2 * channels * counts).tolist():
                    continue
                starts = table.argmax(1)
                ranges = [
                    Band(index, int(start), int(start + count))
                    for index, (start, count) in enumerate(zip(starts, counts, strict=True))
                ]
                gapless = all(table[band.index, band.start : band.stop].all() for band in ranges)
                if gapless and table.any(0).all():
                    return channels, size, tuple(ranges)
        raise self._fault(
            f"its {len(widths)} bands are not the mel bands at {sample_rate} Hz"
            + (f" for n_fft {n_fft}" if n_fft else "")
        )

    def _count(self, pattern: str) -> int:
        """Count what keys number: one more than the highest number."""
        numbers = [re.match(pattern, key) for key in self._shapes]
        count = 1 + max((int(number[1]) for number in numbers if number), default=-1)
        if not 1 <= count <= len(self._shapes):
            example = pattern.replace(r"(\d+)", "0").replace("\\", "")
            raise self._fault(f"it has no {example}*")
        return count

    def _shape(self, key: str, dimensions: int) -> Shape:
        if key not in self._shapes:
            raise self._fault(f"it lacks {key}")
        shape = self._shapes[key]
        if len(shape) != dimensions or 0 in shape:
            raise self._fault(f"{key} has the shape {shape}")
        return shape

    def _compare(self, expected: Mapping[str, Shape]) -> None:
        missing = sorted(expected.keys() - self._shapes.keys())
        foreign = sorted(self._shapes.keys() - expected.keys())
        parts = [f"it lacks {some(missing)}"] if missing else []
        parts += [f"it has {some(foreign)}, which do not belong there"] if foreign else []
        if parts:
            raise self._fault(" and ".join(parts))
        for key, shape in expected.items():
            if self._shapes[key] != shape:
                raise self._fault(
                    f"{key} has the shape {self._shapes[key]}, and the other tensors call for "
                    f"{shape}"
                )

    def _fault(self, reason: str) -> ModelError:
        return not_a_network(self._file, WHAT, reason)
