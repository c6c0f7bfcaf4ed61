"""From the tensors of a checkpoint to a network, with its weights put as they are computed with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from ..tensors import TensorFile
from .bands import BandLayers, BandSplit, MaskEstimator, groups_of
from .layout import SHARED_BIASES, Layout
from .network import Roformer, Transform
from .transformer import Attention, FeedForward, Norm, Rotary, Stage, Trunk


def build_network(
    file: TensorFile, layout: Layout, heads: Sequence[int], transform: Transform
) -> Roformer:
    """Build a network with some of a checkpoint's heads, ready to infer, on the CPU.

    Parameters
    ----------
    file : TensorFile
        What belongs to other heads is not read.
    layout : Layout
        As read from the file.
    heads : sequence of int
        Which of its stems to estimate, in this order.
    transform : Transform
    """
    return _Builder(file, layout).network(heads, transform).eval().requires_grad_(False)


class _Builder:
    """Puts one network together, reading a part of the file at a time."""

    def __init__(self, file: TensorFile, layout: Layout) -> None:
        self._file = file
        self._layout = layout
        self._shared: dict[str, Tensor] = file.read(SHARED_BIASES) if layout.shared else {}
        self._rotaries: list[tuple[Tensor, Rotary]] = []

    def network(self, heads: Sequence[int], transform: Transform) -> Roformer:
        stages = list(self._stages())
        return Roformer(
            transform, self._split(), Trunk(stages), [self._head(head) for head in heads]
        )

    def _section(self, prefix: str) -> dict[str, Tensor]:
        """Read the tensors whose keys begin with a prefix; return them by the rest of the key."""
        start = f"{prefix}."
        keys = [key for key in self._file.shapes if key.startswith(start)]
        return {key.removeprefix(start): part for key, part in self._file.read(keys).items()}

    def _stages(self) -> Iterator[Stage]:
        """Cut the run of all steps before each attention along time."""
        attention: Attention | None = None
        steps: list[nn.Module] = []
        for pair in self._layout.transformers:
            for along_time, prefix in zip((True, False), pair, strict=True):
                part = self._section(prefix)
                for block in range(self._layout.blocks[not along_time]):
                    new = self._attention(part, f"layers.{block}.0")
                    if along_time:
                        if attention:
                            yield Stage(attention, tuple(steps))
                        attention, steps = new, []
                    else:
                        steps.append(new)
                    steps.append(_feed_forward(part, f"layers.{block}.1.net"))
                if self._layout.norms:
                    steps.append(Norm(part["norm.gamma"]))
        if self._layout.final_norm:
            steps.append(Norm(self._section("final_norm")["gamma"]))
        assert attention is not None  # a layout has layers
        yield Stage(attention, tuple(steps))

    def _attention(self, part: dict[str, Tensor], prefix: str) -> Attention:
        shared_bias, shared_output = (self._shared.get(key) for key in SHARED_BIASES)
        return Attention(
            norm=part[f"{prefix}.norm.gamma"],
            queries_keys_values=part[f"{prefix}.to_qkv.weight"],
            gates=part[f"{prefix}.to_gates.weight"],
            gates_bias=part[f"{prefix}.to_gates.bias"],
            output=part[f"{prefix}.to_out.0.weight"],
            rotary=self._rotary(part[f"{prefix}.rotary_embed.freqs"]),
            bias=part.get(f"{prefix}.to_qkv.bias", shared_bias),
            output_bias=part.get(f"{prefix}.to_out.0.bias", shared_output),
        )

    def _rotary(self, frequencies: Tensor) -> Rotary:
        """Return the table of these frequencies, one for all layers that have the same."""
        for known, rotary in self._rotaries:
            if torch.equal(known, frequencies):
                return rotary
        self._rotaries.append((frequencies, Rotary(frequencies)))
        return self._rotaries[-1][1]

    def _split(self) -> BandSplit:
        part = self._section("band_split.to_features")
        groups = []
        for bands in groups_of(self._layout.bands):
            weights = []
            for band in bands:
                # The norm's gains go into the weights: only its length is computed.
                gains = part[f"{band.index}.0.gamma"]
                weights.append((part[f"{band.index}.1.weight"] * (gains * len(gains) ** 0.5)).T)
            biases = [part[f"{band.index}.1.bias"] for band in bands]
            groups.append(BandLayers(bands, [torch.stack(weights)], [torch.stack(biases)]))
        return BandSplit(groups)

    def _head(self, stem: int) -> MaskEstimator:
        part = self._section(f"mask_estimators.{stem}.to_freqs")
        shares = self._shares()
        groups = []
        for bands in groups_of(self._layout.bands):
            weights, biases = [], []
            for layer in range(self._layout.mask_depth):
                keys = [f"{band.index}.0.{2 * layer}" for band in bands]
                weights.append(torch.stack([part.pop(f"{key}.weight").T for key in keys]))
                biases.append(torch.stack([part.pop(f"{key}.bias") for key in keys]))
            # Masks of bands that overlap are averaged. The first half of the last
            # layer is linear, so each band's share can be in its weights.
            for place, band in enumerate(bands):
                share = shares[band.start : band.stop].repeat_interleave(2 * self._layout.channels)
                weights[-1][place, :, : len(share)] *= share
                biases[-1][place, : len(share)] *= share
            groups.append(BandLayers(bands, weights, biases))
        return MaskEstimator(groups)

    def _shares(self) -> Tensor:
        """Return what each band's mask counts in each bin: 1 over the number of its bands."""
        counts = torch.zeros(self._layout.n_fft // 2 + 1)
        for band in self._layout.bands:
            counts[band.start : band.stop] += 1
        return counts.reciprocal()


def _feed_forward(part: dict[str, Tensor], prefix: str) -> FeedForward:
    return FeedForward(
        norm=part[f"{prefix}.0.gamma"],
        hidden=part[f"{prefix}.1.weight"],
        hidden_bias=part[f"{prefix}.1.bias"],
        output=part[f"{prefix}.4.weight"],
        output_bias=part[f"{prefix}.4.bias"],
    )
