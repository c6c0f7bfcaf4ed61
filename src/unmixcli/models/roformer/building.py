"""From the tensors of a checkpoint to a network, with its weights put as they are computed with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from .bands import BandLayers, BandSplit, MaskEstimator, groups_of
from .layout import SHARED_BIASES, Layout
from .network import Roformer, Transform
from .transformer import Attention, FeedForward, Norm, Rotary, Stage, Trunk


def build_network(
    state: Mapping[str, Tensor], layout: Layout, heads: Sequence[int], transform: Transform
) -> Roformer:
    """Build a network with some of a checkpoint's heads, ready to infer, on the CPU.

    Parameters
    ----------
    state : mapping of str to Tensor
        Of any floating type; what the heads do not need is not even read.
    layout : Layout
        As read from `state`.
    heads : sequence of int
        Which of its stems to estimate, in this order.
    transform : Transform
    """
    return _Builder(state, layout).network(heads, transform).eval().requires_grad_(False)


class _Builder:
    """Puts one network together."""

    def __init__(self, state: Mapping[str, Tensor], layout: Layout) -> None:
        self._state = state
        self._layout = layout
        self._rotaries: list[tuple[Tensor, Rotary]] = []

    def network(self, heads: Sequence[int], transform: Transform) -> Roformer:
        stages = list(self._stages())
        return Roformer(
            transform, self._split(), Trunk(stages), [self._head(head) for head in heads]
        )

    def _take(self, key: str) -> Tensor:
        """Return a float32 copy: the file may be mapped into memory only for now."""
        return self._state[key].detach().to(torch.float32, copy=True)

    def _stages(self) -> Iterator[Stage]:
        """Cut the run of all steps behind each attention along time."""
        attention: Attention | None = None
        steps: list[nn.Module] = []
        for along_time, along_bands in self._layout.transformers:
            for prefix, blocks in zip((along_time, along_bands), self._layout.blocks, strict=True):
                for block in range(blocks):
                    new = self._attention(f"{prefix}.layers.{block}.0")
                    if prefix == along_time:
                        if attention:
                            yield Stage(attention, tuple(steps))
                        attention, steps = new, []
                    else:
                        steps.append(new)
                    steps.append(self._feed_forward(f"{prefix}.layers.{block}.1.net"))
                if self._layout.norms:
                    steps.append(Norm(self._take(f"{prefix}.norm.gamma")))
        if self._layout.final_norm:
            steps.append(Norm(self._take("final_norm.gamma")))
        assert attention is not None
        yield Stage(attention, tuple(steps))

    def _attention(self, prefix: str) -> Attention:
        keys = (f"{prefix}.to_qkv.bias", f"{prefix}.to_out.0.bias")
        biases = [
            self._take(key) if key in self._state else self._take(shared) if shared else None
            for key, shared in zip(
                keys, SHARED_BIASES if self._layout.shared else (None, None), strict=True
            )
        ]
        return Attention(
            norm=self._take(f"{prefix}.norm.gamma"),
            queries_keys_values=self._take(f"{prefix}.to_qkv.weight"),
            gates=self._take(f"{prefix}.to_gates.weight"),
            gates_bias=self._take(f"{prefix}.to_gates.bias"),
            output=self._take(f"{prefix}.to_out.0.weight"),
            rotary=self._rotary(self._take(f"{prefix}.rotary_embed.freqs")),
            bias=biases[0],
            output_bias=biases[1],
        )

    def _rotary(self, frequencies: Tensor) -> Rotary:
        """Return the table of these frequencies, one for all layers that have the same."""
        for known, rotary in self._rotaries:
            if torch.equal(known, frequencies):
                return rotary
        self._rotaries.append((frequencies, Rotary(frequencies)))
        return self._rotaries[-1][1]

    def _feed_forward(self, prefix: str) -> FeedForward:
        return FeedForward(
            norm=self._take(f"{prefix}.0.gamma"),
            hidden=self._take(f"{prefix}.1.weight"),
            hidden_bias=self._take(f"{prefix}.1.bias"),
            output=self._take(f"{prefix}.4.weight"),
            output_bias=self._take(f"{prefix}.4.bias"),
        )

    def _split(self) -> BandSplit:
        groups = []
        for bands in groups_of(self._layout.bands):
            weights, biases = [], []
            for band in bands:
                prefix = f"band_split.to_features.{band.index}"
                gains = self._take(f"{prefix}.0.gamma")
                # The norm's gains go into the weights: only its length is computed.
                gains *= len(gains) ** 0.5
                weights.append((self._take(f"{prefix}.1.weight") * gains).T)
                biases.append(self._take(f"{prefix}.1.bias"))
            groups.append(BandLayers(bands, [torch.stack(weights)], [torch.stack(biases)]))
        return BandSplit(groups)

    def _head(self, stem: int) -> MaskEstimator:
        shares = self._shares()
        groups = []
        for bands in groups_of(self._layout.bands):
            weights, biases = [], []
            for layer in range(self._layout.mask_depth):
                keys = [
                    f"mask_estimators.{stem}.to_freqs.{band.index}.0.{2 * layer}" for band in bands
                ]
                weights.append(torch.stack([self._take(f"{key}.weight").T for key in keys]))
                biases.append(torch.stack([self._take(f"{key}.bias") for key in keys]))
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
