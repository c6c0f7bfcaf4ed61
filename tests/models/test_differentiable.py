"""Every family as a module with gradients: those of the reference, or of differences."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import demucs_networks
import mdx23cs
import roformers
import scnets
import torchaudio_networks
import unmixcli
from networks import TARGETS, four_states, joint_state, refinement_state, write_folder, write_joint
from unmixcli import networks
from unmixcli.errors import InputError, UsageError
from unmixcli.models.cards import ModelCard
from unmixcli.models.differentiable import SourceNetwork
from unmixcli.models.known import KnownModel
from unmixcli.models.registry import Registry

pytestmark = pytest.mark.usefixtures("one_thread")

CASES: dict[str, tuple[Callable[[], nn.Module], Callable[[Path], ModelCard]]] = {
    "bs": (roformers.bs_roformer, roformers.card),
    "scnet": (scnets.scnet, scnets.card),
    "mdx23c": (mdx23cs.mdx23c, mdx23cs.card),
}


def loaded(card: ModelCard, monkeypatch: pytest.MonkeyPatch) -> SourceNetwork:
    """Load a card as if it were in the catalogue."""
    registry = Registry()
    plugin, _ = registry._plugins[card.plugin]
    monkeypatch.setattr(Registry, "resolve", lambda self, name: KnownModel(card, plugin))
    return networks.load(card.name)


def excerpt(length: int) -> torch.Tensor:
    return 0.1 * torch.randn((1, 2, length), generator=torch.Generator().manual_seed(3))


def gradients(
    network: nn.Module, audio: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, list[torch.Tensor | None]]:
    """Return the stems, the gradient for the audio and those for the parameters."""
    audio = audio.clone().requires_grad_()
    stems = network(audio)
    stems = stems.reshape(len(audio), -1, *audio.shape[1:])
    weights = torch.randn(stems.shape, generator=torch.Generator().manual_seed(5))
    (stems * weights).sum().backward()
    assert audio.grad is not None
    return stems.detach(), audio.grad, [parameter.grad for parameter in network.parameters()]


@pytest.mark.parametrize("family", CASES)
def test_gradients_are_those_of_the_reference(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, describe = CASES[family]
    reference = make()
    torch.save(reference.state_dict(), tmp_path / "tiny.ckpt")
    network = loaded(describe(tmp_path / "tiny.ckpt"), monkeypatch)
    assert network.samples is not None
    audio = excerpt(network.samples)
    with torch.inference_mode():  # what is kept from it must not get in the way
        plain = network(audio)
    stems, gradient, own = gradients(network, audio)
    expected, theirs, _ = gradients(reference.requires_grad_(), audio)
    torch.testing.assert_close(stems, plain, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(stems, expected, atol=1e-5, rtol=1e-4)
    assert (gradient - theirs).norm() < 1e-3 * theirs.norm()
    assert all(each is not None and each.isfinite().all() for each in own)


@pytest.mark.parametrize("kind", ["HTDemucs", "HDemucs"])
def test_demucs(kind: str, tmp_path: Path) -> None:
    reference = demucs_networks.network(kind)
    path = demucs_networks.save_package(reference, tmp_path)
    network = networks.load(str(path))
    assert network.samples is not None
    audio = excerpt(network.samples)
    stems, gradient, own = gradients(network, audio)
    expected, theirs, _ = gradients(reference, audio)
    torch.testing.assert_close(stems, expected, atol=1e-5, rtol=1e-4)
    assert (gradient - theirs).norm() < 1e-3 * theirs.norm()
    assert all(each is not None for each in own)


def test_torchaudio_demucs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = torchaudio_networks.tiny().eval()
    torch.save(reference.state_dict(), tmp_path / "tiny.pt")
    network = loaded(torchaudio_networks.card(tmp_path / "tiny.pt"), monkeypatch)
    audio = excerpt(9000)
    _, gradient, _ = gradients(network, audio)
    _, theirs, _ = gradients(reference, audio)
    assert (gradient - theirs).norm() < 1e-3 * theirs.norm()


def open_unmix(folder: Path, kind: str) -> Path:
    if kind == "published":
        return write_folder(folder, four_states(hidden=8, n_fft=256, bins=100), n_fft=256, hop=64)
    state = joint_state(hidden=8)
    return write_joint(folder, state | (refinement_state() if kind == "refined" else {}))


@pytest.mark.parametrize("kind", ["published", "joint", "refined"])
def test_open_unmix(kind: str, tmp_path: Path) -> None:
    """The stems of the stream with ``niter=0``, and the slope of a difference."""
    folder = open_unmix(tmp_path / "tiny", kind)
    network = networks.load(str(folder))
    assert set(network.targets) == set(TARGETS) and network.samples is None
    audio = excerpt(6000)
    stems, gradient, own = gradients(network, audio)
    separator = unmixcli.Separator(model=str(folder), niter=0)
    streamed = separator.separate(audio[0], network.sample_rate, channels_first=True)
    for stem, name in zip(stems[0], network.targets, strict=True):
        torch.testing.assert_close(stem, streamed[name], atol=2e-6, rtol=1e-4)
    assert all(each is not None and each.isfinite().all() for each in own)

    weights = torch.randn(stems.shape, generator=torch.Generator().manual_seed(5))
    along = torch.randn(audio.shape, generator=torch.Generator().manual_seed(7))
    step = 1e-5
    with torch.no_grad():
        difference = network(audio + step * along) - network(audio - step * along)
    slope = (difference.double() * weights).sum() / (2 * step)
    assert float((gradient.double() * along).sum()) == pytest.approx(float(slope), rel=0.05)


def test_some_targets_and_training(tmp_path: Path) -> None:
    """One step down the gradient makes the loss smaller; the state can be saved."""
    network = networks.load(str(open_unmix(tmp_path / "tiny", "published")), ["drums", "vocals"])
    audio = excerpt(4000)
    with torch.no_grad():
        wanted = 0.5 * network(audio)
    optimiser = torch.optim.SGD(network.parameters(), lr=1e-3)
    losses = []
    for _ in range(2):
        loss = (network(audio) - wanted).square().sum()
        losses.append(loss.item())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert losses[1] < losses[0]
    assert network.targets == ("drums", "vocals")
    names = {name.rpartition("drums.")[2] for name in network.state_dict() if "drums." in name}
    assert names == set(four_states(hidden=8, n_fft=256, bins=100)["drums"])


def test_what_has_no_network(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="combines several models; load one of them: umx-synth"):
        networks.load("umx-synth+umx-synth")
    with pytest.raises(UsageError, match="no target 'voice'"):
        networks.load("umx-synth", ["voice"])


@pytest.mark.parametrize(
    ("shape", "words"),
    [((2, 4000), "give \\(batch, channels, samples\\)"), ((1, 3, 4000), "has 3 channels")],
)
def test_audio_of_another_shape(shape: tuple[int, ...], words: str) -> None:
    network = networks.load("umx-synth")
    with pytest.raises(InputError, match=words):
        network(torch.from_numpy(np.zeros(shape, np.float32)))
