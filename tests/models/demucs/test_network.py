"""The networks against demucs' own: every argument that is honoured, and lengths of all kinds."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch

from demucs_networks import SOURCES, class_name, network
from unmixcli.models.demucs.arguments import parse
from unmixcli.models.demucs.network import HDemucs, build_network
from unmixcli.models.demucs.spectrum import spectrogram, waveform

pytest.importorskip("demucs.htdemucs")


def ours(reference: Any) -> HDemucs:
    args, kwargs = reference._init_args_kwargs
    with torch.device("meta"):
        made = build_network(parse(Path("x.th"), class_name(reference), args, kwargs))
    made.load_state_dict(reference.state_dict(), strict=True, assign=True)
    return made.eval()


def noise(length: int, channels: int = 2, batch: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(length)
    return 0.3 * torch.randn(batch, channels, length, generator=generator) + 0.05


@torch.inference_mode()
def compare(reference: Any, audio: torch.Tensor) -> None:
    expected = reference(audio)
    found = ours(reference)(audio)
    assert found.shape == expected.shape
    scale = max(1.0, float(expected.abs().max()))
    assert float((found - expected).abs().max()) <= 1e-5 * scale
    assert float(expected.abs().max()) > 1e-3


@pytest.mark.parametrize("length", [1, 2, 100, 2000, 3899, 3900])
def test_a_transformer_at_any_length(length: int) -> None:
    compare(network(), noise(length))


@pytest.mark.parametrize("length", [1, 2, 100, 255, 256, 257, 700, 5001])
def test_a_hybrid_at_any_length(length: int) -> None:
    compare(network("HDemucs"), noise(length))


@pytest.mark.parametrize(
    "arguments",
    [
        {"t_emb": "cape", "t_cross_first": True, "t_norm_first": False, "t_gelu": False},
        {"t_emb": "cape", "t_cape_mean_normalize": False, "t_hidden_scale": 1.5},
        {"t_emb": "scaled", "t_max_positions": 500, "t_weight_pos_embed": 0.5},
        {"t_norm_in": False, "t_norm_in_group": 2, "t_group_norm": 1, "t_norm_out": False},
        {"t_norm_in": False, "t_layer_scale": False, "use_train_segment": False},
        {"t_layers": 0, "rewrite": False, "norm_starts": 0, "context": 0, "context_enc": 1},
        {"bottom_channels": 0, "t_max_period": 100.0, "growth": 3, "norm_groups": 2},
        {"nfft": 256, "norm_starts": 1, "norm_groups": 2, "dconv_mode": 2, "dconv_depth": 1},
        {"multi_freqs": [], "dconv_mode": 0, "freq_emb": 0, "rescale": 0, "t_dropout": 0.02},
        {"t_auto_sparsity": True, "t_sparsity": 0.9, "sources": ["speech", "noise"]},
        {"stride": 2, "kernel_size": 4, "emb_scale": 3, "depth": 2},
    ],
)
def test_arguments_of_a_transformer(arguments: dict[str, Any]) -> None:
    compare(network(**arguments), noise(3000))


@pytest.mark.parametrize(
    "arguments",
    [
        {"dconv_lstm": 2, "dconv_attn": 1, "channels": 16, "nfft": 256, "depth": 4},
        {"norm_starts": 0, "audio_channels": 1, "channels_time": 4},
        {"dconv_mode": 3, "dconv_depth": -2, "dconv_comp": 2},
        {"hybrid": True, "time_stride": 4, "depth": 6, "freq_emb": None},
    ],
)
def test_arguments_of_a_hybrid(arguments: dict[str, Any]) -> None:
    compare(network("HDemucs", **arguments), noise(3000, arguments.get("audio_channels", 2)))


def test_an_lstm_that_is_cut_into_parts() -> None:
    # More than 200 frames where the LSTM is, so that parts of them are joined.
    reference = network("HDemucs", nfft=256, depth=4, dconv_lstm=3, dconv_attn=9)
    for frames in (201, 300, 301):
        compare(reference, noise(128 * frames, batch=1))


@pytest.mark.parametrize("kind", ["HDemucs", "HTDemucs"])
@pytest.mark.parametrize("norm_starts", [0, 3])
@torch.inference_mode()
def test_only_the_stems_wanted(kind: str, norm_starts: int) -> None:
    made = ours(network(kind, norm_starts=norm_starts))
    audio = noise(3000)
    every = made(audio)
    made.keep([3, 1])
    torch.testing.assert_close(made(audio), every[:, [3, 1]], rtol=0, atol=1e-6)


@torch.inference_mode()
def test_a_batch_is_as_each_alone() -> None:
    made = ours(network())
    audio = noise(3900, batch=3)
    together = made(audio)
    for k in range(3):
        torch.testing.assert_close(made(audio[k : k + 1])[0], together[k], rtol=0, atol=1e-5)


@pytest.mark.parametrize("length", [1, 63, 64, 65, 1000, 4096])
def test_the_spectrogram_is_undone(length: int) -> None:
    # Waves far below the Nyquist frequency, whose row is left out.
    phase = torch.arange(length) * torch.tensor([[0.1], [1.3]])
    audio = phase.sin()[None]
    spectrum = spectrogram(audio, 256)
    assert spectrum.shape == (1, 4, 128, -(-length // 64))
    again = waveform(spectrum.unflatten(1, (2, 2)), length)
    assert again.shape == audio.shape
    # Frames that see an end see its reflection, which is not a wave.
    inside = slice(224, max(224, length - 288))
    torch.testing.assert_close(again[..., inside], audio[..., inside], rtol=0, atol=1e-5)


def test_the_published_sizes() -> None:
    known = {"samplerate": 44100, "channels": 48, "nfft": 4096, "segment": Fraction(39, 5)}
    with torch.device("meta"):
        four = build_network(
            parse(
                Path("x"),
                "demucs.htdemucs.HTDemucs",
                [SOURCES],
                known | {"dconv_mode": 3, "bottom_channels": 512},
            )
        )
        six = build_network(
            parse(
                Path("x"),
                "demucs.htdemucs.HTDemucs",
                [(*SOURCES, "guitar", "piano")],
                known | {"dconv_mode": 3},
            )
        )
    sizes = [sum(each.numel() for each in made.parameters()) for made in (four, six)]
    # In half precision 84 MB and 55 MB, as the published files have.
    assert sizes == [41_984_456, 27_414_996]
    assert four.arguments.samples == 343_980
