"""Hybrid Demucs and Hybrid Transformer Demucs: two U-nets, of the spectrogram and of the waveform.

Parameters have the names and shapes that the classes ``HDemucs`` and
``HTDemucs`` of the package demucs give them, so their state dicts load as they
are. Spectrograms are complex, as channels; `arguments` says what is refused.

References
----------
A. Défossez, "Hybrid spectrogram and waveform source separation", Proceedings
of the ISMIR 2021 Workshop on Music Source Separation, 2021.

S. Rouard, F. Massa, A. Défossez, "Hybrid Transformers for Music Source
Separation", ICASSP 2023.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .arguments import Arguments, HDemucsArguments, HTDemucsArguments, LayerSizes, measure_layers
from .layers import DecoderLayer, EncoderLayer, LayerPlan, empty_embedding
from .spectrum import spectrogram, waveform
from .transformer import CrossTransformer

EPSILON = 1e-5
"""Added to a deviation before it divides."""
MOST_FRAMES = 8192
"""Frames of a segment that attention compares with each other, at most: a table of 1 GB."""


class HDemucs(nn.Module):
    """Hybrid Demucs.

    Parameters
    ----------
    arguments : Arguments

    Raises
    ------
    ValueError
        If the sizes do not go together.
    """

    def __init__(self, arguments: Arguments) -> None:
        super().__init__()
        self.arguments = arguments
        self._stems = len(arguments.sources)
        self._rows: list[int] | None = None
        self.encoder, self.decoder = nn.ModuleList(), nn.ModuleList()
        self.tencoder, self.tdecoder = nn.ModuleList(), nn.ModuleList()
        estimates = arguments.audio_channels * self._stems
        sizes = measure_layers(arguments)
        self._check(sizes)
        for index, size in enumerate(sizes):
            plan = _plan(arguments, index, size)
            outputs = size.inputs if index else 2 * estimates
            self.encoder.append(EncoderLayer(plan))
            self.decoder.insert(0, DecoderLayer(plan, outputs, last=not index))
            if plan.rows:
                plan = _time_plan(arguments, plan, size)
                outputs = size.time_inputs if index else estimates
                self.tencoder.append(EncoderLayer(plan))
                self.tdecoder.insert(0, DecoderLayer(plan, outputs, last=not index))
        if arguments.freq_emb:
            rows = sizes[0].freqs // arguments.stride
            self.freq_emb = nn.ModuleDict({"embedding": empty_embedding(rows, arguments.channels)})

    def _check(self, sizes: Sequence[LayerSizes]) -> None:
        # What is innermost counts as zeros here, so the waveform must have been merged.
        if not any(size.merges for size in sizes):
            raise ValueError(f"depth {len(sizes)} is too small to merge both branches")
        arguments = self.arguments
        frames = arguments.samples // arguments.hop
        attends = isinstance(arguments, HDemucsArguments) and arguments.dconv_attn < len(sizes)
        if attends and frames > MOST_FRAMES:
            raise ValueError(f"attention over {frames} frames takes too much memory")

    def forward(self, audio: Tensor) -> Tensor:
        """Estimate the stems of a mixture.

        Parameters
        ----------
        audio : Tensor, shape (batch, channels, samples)

        Returns
        -------
        Tensor, shape (batch, stems, channels, samples)
        """
        length = audio.shape[-1]
        spectrum, mean, deviation = _normalise(spectrogram(audio, self.arguments.nfft))
        wave, time_mean, time_deviation = _normalise(audio)
        rows, frames = spectrum.shape[2:]
        spectrum, wave = self._run(spectrum, wave)
        spectrum = spectrum.reshape(len(audio), self._stems, -1, 2, rows, frames)
        wave = wave.reshape(len(audio), self._stems, -1, length)
        if self._rows is not None:
            spectrum, wave = spectrum[:, self._rows], wave[:, self._rows]
        spectrum = spectrum * deviation[..., None, None] + mean[..., None, None]
        wave = wave * time_deviation[..., None] + time_mean[..., None]
        return wave + waveform(spectrum, length)

    def keep(self, stems: Sequence[int]) -> None:
        """Estimate only some stems from now on, in this order.

        What only the others need is dropped from the last layers; all layers
        before are shared. A normalised last layer needs all of its channels.
        """
        if self.arguments.norm_starts <= 0:
            self._rows = list(stems)
            return
        audio_channels = self.arguments.audio_channels
        for decoder, width in ((self.decoder, 2 * audio_channels), (self.tdecoder, audio_channels)):
            last = decoder[-1]
            assert isinstance(last, DecoderLayer)
            last.keep([stem * width + k for stem in stems for k in range(width)])
        self._stems = len(stems)

    def _run(self, spectrum: Tensor, wave: Tensor) -> tuple[Tensor, Tensor]:
        """Encode and decode both signals."""
        skips: list[tuple[Tensor, int]] = []
        time_skips: list[tuple[Tensor | None, int]] = []
        for index, layer in enumerate(self.encoder):
            assert isinstance(layer, EncoderLayer)
            merges = layer.plan.merges
            length, time_length = spectrum.shape[-1], wave.shape[-1]
            other = None
            if index < len(self.tencoder):
                wave = self.tencoder[index](wave)
                other = wave if merges else None
                time_skips.append((None if merges else wave, time_length))
            spectrum = layer(spectrum, other)
            if not index and self.arguments.freq_emb:
                spectrum = spectrum + self._embedding()
            skips.append((spectrum, length))
        inner, inner_wave = self._middle(spectrum, wave)
        for layer in self.decoder:
            inner, before = layer(inner, *skips.pop())
            if len(skips) < len(self.tdecoder):
                skip, length = time_skips.pop()
                # Up to where the branches part, there is one signal for both.
                signal = before[:, :, 0] if skip is None else inner_wave
                inner_wave, _ = self.tdecoder[len(self.tdecoder) - 1 - len(skips)](
                    signal, skip, length
                )
        assert inner is not None
        assert inner_wave is not None
        return inner, inner_wave

    def _middle(self, spectrum: Tensor, wave: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Work on the innermost signals; None counts as zeros."""
        return None, None

    def _embedding(self) -> Tensor:
        """Return what is added to each row of the spectrogram: (1, channels, rows, 1)."""
        scale = (self.arguments.freq_emb or 0.0) * self.arguments.emb_scale
        embedding = self.freq_emb["embedding"]
        assert isinstance(embedding, nn.Embedding)
        return embedding.weight.t()[None, :, :, None] * scale


class HTDemucs(HDemucs):
    """Hybrid Transformer Demucs.

    Parameters
    ----------
    arguments : HTDemucsArguments

    Raises
    ------
    ValueError
        If the sizes do not go together.
    """

    arguments: HTDemucsArguments

    def __init__(self, arguments: HTDemucsArguments) -> None:
        super().__init__(arguments)
        channels = arguments.channels * arguments.growth ** (arguments.depth - 1)
        if channels != int(channels):
            raise ValueError(f"growth {arguments.growth} makes no whole number of channels")
        outside = inside = int(channels)
        if arguments.bottom_channels:
            inside = arguments.bottom_channels
            self.channel_upsampler = nn.Conv1d(outside, inside, 1)
            self.channel_downsampler = nn.Conv1d(inside, outside, 1)
            self.channel_upsampler_t = nn.Conv1d(outside, inside, 1)
            self.channel_downsampler_t = nn.Conv1d(inside, outside, 1)
        places = -(-arguments.samples // arguments.stride**arguments.depth)
        if arguments.t_emb == "scaled" and places > arguments.t_max_positions:
            raise ValueError(f"t_max_positions is less than the {places} places of a segment")
        if arguments.t_layers:
            self.crosstransformer = CrossTransformer(arguments, inside)

    def _check(self, sizes: Sequence[LayerSizes]) -> None:
        if sizes[-1].freqs == 1:
            raise ValueError(f"depth {len(sizes)} leaves the transformer no spectrogram")
        if sizes[-1].outputs != sizes[-1].time_outputs:
            raise ValueError("channels_time must be that of the spectrogram")

    def forward(self, audio: Tensor) -> Tensor:
        """Estimate the stems of a mixture; see `HDemucs.forward`.

        What is shorter than the segments of the training is followed by zeros,
        as the transformer knows no other length.
        """
        length = audio.shape[-1]
        if self.arguments.use_train_segment:
            audio = F.pad(audio, (0, max(0, self.arguments.samples - length)))
        return super().forward(audio)[..., :length]

    def _middle(self, spectrum: Tensor, wave: Tensor) -> tuple[Tensor | None, Tensor | None]:
        if not self.arguments.t_layers:
            return spectrum, wave
        if not self.arguments.bottom_channels:
            return self.crosstransformer(spectrum, wave)  # type: ignore[no-any-return]
        places = spectrum.shape[2:]
        inner = self.channel_upsampler(spectrum.flatten(2)).unflatten(2, places)
        inner, inner_wave = self.crosstransformer(inner, self.channel_upsampler_t(wave))
        inner = self.channel_downsampler(inner.flatten(2)).unflatten(2, places)
        return inner, self.channel_downsampler_t(inner_wave)


def build_network(arguments: Arguments) -> HDemucs:
    """Build the network that arguments describe; see `HDemucs` for what is raised."""
    if isinstance(arguments, HTDemucsArguments):
        return HTDemucs(arguments)
    return HDemucs(arguments)


def _plan(arguments: Arguments, index: int, size: LayerSizes) -> LayerPlan:
    """Plan the layer of the spectrogram."""
    return LayerPlan(
        inputs=size.inputs,
        outputs=size.outputs,
        kernel=size.kernel,
        stride=size.stride,
        padding=0 if size.merges else size.kernel // 4,
        rows=size.freqs > 1,
        merges=size.merges,
        bare=False,
        norm_groups=arguments.norm_groups if index >= arguments.norm_starts else 0,
        rewrite=arguments.rewrite,
        context=(arguments.context_enc, arguments.context),
        compression=arguments.dconv_comp,
        depth=arguments.dconv_depth,
        lstm=isinstance(arguments, HDemucsArguments) and index >= arguments.dconv_lstm,
        attention=isinstance(arguments, HDemucsArguments) and index >= arguments.dconv_attn,
        branches=(bool(arguments.dconv_mode & 1), bool(arguments.dconv_mode & 2)),
    )


def _time_plan(arguments: Arguments, plan: LayerPlan, size: LayerSizes) -> LayerPlan:
    """Plan the layer of the waveform beside one of the spectrogram."""
    # Where they merge, the strides of the waveform have come to one hop.
    stride = size.freqs // 2 if size.merges else arguments.stride
    return replace(
        plan,
        inputs=size.time_inputs,
        outputs=size.time_outputs,
        kernel=2 * stride,
        stride=stride,
        padding=stride // 2,
        rows=False,
        bare=size.merges,
    )


def _normalise(signal: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return a signal normalised for each of the batch, its mean and its deviation."""
    dimensions = tuple(range(1, signal.dim()))
    deviation, mean = torch.std_mean(signal, dimensions, keepdim=True)
    return (signal - mean) / (EPSILON + deviation), mean, deviation
