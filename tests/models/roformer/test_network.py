"""The networks against the package whose checkpoints they read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

import roformers
from unmixcli.models.roformer.building import build_network
from unmixcli.models.roformer.layout import read_layout
from unmixcli.models.roformer.network import Roformer, Transform
from unmixcli.models.tensors import TensorFile, open_tensors

pytest.importorskip("bs_roformer")
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*sdp_kernel"),
]

CLOSE = 1e-5


def saved(network: torch.nn.Module, folder: Path) -> TensorFile:
    torch.save(network.state_dict(), folder / "network.ckpt")
    return open_tensors(folder / "network.ckpt")


def ours(
    file: TensorFile, hop: int, heads: Sequence[int] | None = None, zero_dc: bool = False
) -> Roformer:
    layout = read_layout(file, 44100)
    chosen = range(layout.stems) if heads is None else heads
    return build_network(file, layout, chosen, Transform(layout.n_fft, hop, zero_dc))


def theirs(network: torch.nn.Module, audio: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        stems: torch.Tensor = network(audio)
    return stems if stems.dim() == 4 else stems.unsqueeze(1)


def noise(channels: int, samples: int, batch: int = 2) -> torch.Tensor:
    return torch.randn(batch, channels, samples, generator=torch.Generator().manual_seed(3))


def difference(network: Roformer, reference: torch.nn.Module, audio: torch.Tensor) -> float:
    with torch.inference_mode():
        estimate = network(audio)
    assert estimate.shape[-1] == audio.shape[-1]
    expected = theirs(reference, audio)
    # The reference stops at the last whole hop.
    return (estimate[..., : expected.shape[-1]] - expected).abs().max().item()


@pytest.mark.parametrize("stereo", [True, False])
@pytest.mark.parametrize("stems", [1, 4])
@pytest.mark.parametrize("mask_depth", [1, 2, 3])
def test_bs_roformer(stereo: bool, stems: int, mask_depth: int, tmp_path: Path) -> None:
    reference = roformers.bs_roformer(
        stereo=stereo, num_stems=stems, mask_estimator_depth=mask_depth
    )
    network = ours(saved(reference, tmp_path), roformers.HOP)
    audio = noise(1 + stereo, 40 * roformers.HOP)
    assert difference(network, reference, audio) <= CLOSE


@pytest.mark.parametrize("stereo", [True, False])
@pytest.mark.parametrize("stems", [1, 4])
@pytest.mark.parametrize("mask_depth", [1, 2, 3])
def test_mel_band_roformer(stereo: bool, stems: int, mask_depth: int, tmp_path: Path) -> None:
    reference = roformers.mel_roformer(
        stereo=stereo, num_stems=stems, mask_estimator_depth=mask_depth
    )
    network = ours(saved(reference, tmp_path), roformers.MEL_HOP)
    audio = noise(1 + stereo, 30 * roformers.MEL_HOP)
    assert difference(network, reference, audio) <= CLOSE


@pytest.mark.parametrize("extra", [1, 17, 31])
def test_length_is_no_multiple_of_the_hop(extra: int, tmp_path: Path) -> None:
    reference = roformers.bs_roformer()
    network = ours(saved(reference, tmp_path), roformers.HOP)
    assert difference(network, reference, noise(2, 20 * roformers.HOP + extra)) <= CLOSE


def test_shortest_segment(tmp_path: Path) -> None:
    reference = roformers.bs_roformer()
    network = ours(saved(reference, tmp_path), roformers.HOP)
    assert difference(network, reference, noise(2, roformers.N_FFT // 2 + 1)) <= CLOSE


def test_silence(tmp_path: Path) -> None:
    reference = roformers.bs_roformer()
    network = ours(saved(reference, tmp_path), roformers.HOP)
    with torch.inference_mode():
        assert not network(torch.zeros(1, 2, 640)).any()


@pytest.mark.parametrize("heads", [1, 4])
def test_transformers_of_several_blocks(heads: int, tmp_path: Path) -> None:
    reference = roformers.bs_roformer(
        time_transformer_depth=2, freq_transformer_depth=3, heads=heads
    )
    network = ours(saved(reference, tmp_path), roformers.HOP)
    assert difference(network, reference, noise(2, 640)) <= CLOSE


def test_mel_norms_of_several_blocks(tmp_path: Path) -> None:
    reference = roformers.mel_roformer(time_transformer_depth=2, freq_transformer_depth=2)
    network = ours(saved(reference, tmp_path), roformers.MEL_HOP)
    assert difference(network, reference, noise(2, 2560)) <= CLOSE


def test_blocks_of_all_sizes_give_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = roformers.mel_roformer(num_stems=2)
    network = ours(saved(reference, tmp_path), roformers.MEL_HOP)
    audio = noise(2, 2560)
    for tokens in (1, 100, 10_000):
        monkeypatch.setattr("unmixcli.models.roformer.transformer.CPU_TOKENS", tokens)
        monkeypatch.setattr("unmixcli.models.roformer.bands.CPU_VALUES", tokens)
        assert difference(network, reference, audio) <= CLOSE


@pytest.mark.parametrize("factor", [2, 3])
def test_other_expansion_of_masks(factor: int, tmp_path: Path) -> None:
    from bs_roformer.bs_roformer import MaskEstimator

    reference = roformers.bs_roformer(num_stems=2)
    for stem in range(2):  # the network has no argument for it, its estimator has
        reference.mask_estimators[stem] = MaskEstimator(
            24, reference.band_split.dim_inputs, 2, mlp_expansion_factor=factor
        )
    roformers.randomise(reference)
    network = ours(saved(reference, tmp_path), roformers.HOP)
    assert difference(network, reference, noise(2, 640)) <= CLOSE


def test_only_the_wanted_heads_are_read(tmp_path: Path) -> None:
    reference = roformers.bs_roformer(num_stems=6)
    file = saved(reference, tmp_path)
    read: list[str] = []

    def watched(keys: Sequence[str]) -> dict[str, torch.Tensor]:
        read.extend(keys)
        return file.read(list(keys))

    network = ours(TensorFile(file.path, file.shapes, file.extras, watched), roformers.HOP, [4, 1])
    audio = noise(2, 640)
    with torch.inference_mode():
        estimate = network(audio)
    assert (estimate - theirs(reference, audio)[:, [4, 1]]).abs().max() <= CLOSE
    stems = {key.split(".")[1] for key in read if key.startswith("mask_estimators.")}
    assert stems == {"1", "4"}
    assert sum(p.numel() for p in network.heads.parameters()) == sum(
        p.numel() for stem in (1, 4) for p in reference.mask_estimators[stem].parameters()
    )


@pytest.mark.parametrize("everywhere", [True, False])
def test_shared_biases(everywhere: bool, tmp_path: Path) -> None:
    reference = roformers.bs_roformer()
    reference.linear_62_bias_0 = torch.nn.Parameter(torch.zeros(3 * 24))
    reference.linear_64_bias_0 = torch.nn.Parameter(torch.zeros(24))
    for name, part in list(reference.named_modules()):
        if name.endswith("to_qkv"):
            part.bias = reference.linear_62_bias_0
        elif name.endswith("to_out.0"):
            part.bias = reference.linear_64_bias_0
    reference.linear_62_bias_0.data = torch.linspace(-1, 1, 3 * 24)
    reference.linear_64_bias_0.data = torch.linspace(-1, 1, 24)
    reference.requires_grad_(False)
    state = reference.state_dict()
    if not everywhere:
        keys = [key for key in state if key.endswith(("to_qkv.bias", "to_out.0.bias"))]
        state = {key: tensor for key, tensor in state.items() if key not in keys}
    torch.save(state, tmp_path / "shared.ckpt")
    network = ours(open_tensors(tmp_path / "shared.ckpt"), roformers.HOP)
    assert difference(network, reference, noise(2, 640)) <= CLOSE


def test_zero_dc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = roformers.bs_roformer()
    network = ours(saved(reference, tmp_path), roformers.HOP, zero_dc=True)
    audio = noise(2, 640) + 1
    with torch.inference_mode():
        estimate = network(audio)
    inverse = torch.istft

    def without_dc(spectrum: torch.Tensor, **arguments: object) -> torch.Tensor:
        spectrum[:, 0] = 0
        return inverse(spectrum, **arguments)

    kept = theirs(reference, audio)
    monkeypatch.setattr(torch, "istft", without_dc)
    assert (estimate - theirs(reference, audio)).abs().max() <= CLOSE
    assert (estimate - kept).abs().max() > 100 * CLOSE


def test_half_precision_files_and_wrappers(tmp_path: Path) -> None:
    reference = roformers.bs_roformer().half().float()
    for wrapper in ("state", "state_dict", "model_state_dict"):
        path = tmp_path / f"{wrapper}.ckpt"
        state = {key: tensor.half() for key, tensor in reference.state_dict().items()}
        torch.save({wrapper: state, "epoch": 3}, path)
        network = ours(open_tensors(path), roformers.HOP)
        assert difference(network, reference, noise(2, 640)) <= CLOSE
        assert all(part.dtype == torch.float32 for part in network.buffers())
