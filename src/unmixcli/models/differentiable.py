"""A model as one PyTorch module, from waveform to waveforms, with gradients."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..errors import InputError, UsageError
from .cards import ModelCard
from .loading import Loader, check
from .registry import Registry
from .segmented import Bag, SegmentedModel


class SourceNetwork(nn.Module):
    """The network of a model; make one with `unmixcli.networks.load`.

    In evaluation mode, in float32, and with gradients for its parameters as for
    its input. Nothing is streamed: the memory grows with the length of the input.

    Attributes
    ----------
    card : ModelCard
        What the catalogue says about the model.
    targets : tuple of str
        What the network estimates, in order.
    sample_rate : int
        In Hz.
    channels : int or None
        Channels that the network reads; None if one and two both work.
    samples : int or None
        Length of the excerpts that the network is run on; None for any length. Other
        lengths work where the family allows them.
    network : torch.nn.Module
        The family's own network.
    """

    def __init__(
        self,
        card: ModelCard,
        targets: Sequence[str],
        channels: int | None,
        samples: int | None,
        networks: Sequence[nn.Module],
        bag: Bag | None = None,
    ) -> None:
        super().__init__()
        self.card = card
        self.targets = tuple(targets)
        self.sample_rate = card.sample_rate
        self.channels = channels
        self.samples = samples
        self.network = networks[0] if bag is None else nn.ModuleList(networks)
        self._bag = bag
        self.eval().requires_grad_()

    def forward(self, audio: Tensor) -> Tensor:
        """Separate excerpts.

        Parameters
        ----------
        audio : torch.Tensor, shape (batch, channels, samples), float32
            At ``sample_rate``, with full scale 1.

        Returns
        -------
        torch.Tensor, shape (batch, targets, channels, samples)

        Raises
        ------
        InputError
            If the shape is not what the network reads.
        """
        if audio.dim() != 3:
            raise InputError(
                f"the audio has the shape {tuple(audio.shape)}; give (batch, channels, samples)"
            )
        if self.channels not in (None, audio.shape[1]):
            raise InputError(
                f"the audio has {audio.shape[1]} channels, but {self.card.name} reads "
                f"{self.channels}"
            )
        run = self._bag or self.network
        try:
            stems: Tensor = run(audio)
        except RuntimeError as error:
            if self.samples in (None, audio.shape[-1]) or isinstance(error, torch.OutOfMemoryError):
                raise
            raise InputError(
                f"{self.card.name} does not read {audio.shape[-1]} samples; "
                f"give {self.samples} ({error})"
            ) from error
        return stems


def load_network(
    registry: Registry, model: str, targets: Sequence[str], *, offline: bool
) -> SourceNetwork:
    """Load the network of a model on the CPU; see `unmixcli.networks.load`."""
    known = registry.resolve(model)
    card = known.card
    if known.parts:
        parts = ", ".join(dict.fromkeys(part.card.name for part in known.parts))
        raise UsageError(f"{card.name} combines several models; load one of them: {parts}")
    wanted = known.pick_targets(targets)
    if card.rest in wanted:
        raise UsageError(
            f"{card.rest} is what the network's estimates leave of the mixture; "
            f"load {', '.join(card.estimated)}"
        )
    check(known)
    files = registry.fetch(known, wanted, offline=offline)
    if build := getattr(known.plugin, "network", None):
        network = build(card, files[card.plugin, card.name], wanted)
        return SourceNetwork(card, wanted, card.channels, None, [network])
    loaded = Loader(files, "cpu", "float32").load(known, wanted)
    network = getattr(loaded, "network", None)
    if not isinstance(loaded, SegmentedModel) or not isinstance(network, (nn.Module, Bag)):
        raise UsageError(f"{card.name} has no network of its own that PyTorch could differentiate")
    options, _ = known.validate_options({}, {})
    bag = network if isinstance(network, Bag) else None
    members = bag.networks if bag else [network]
    networks = [each for each in members if isinstance(each, nn.Module)]
    return SourceNetwork(card, wanted, loaded.channels, loaded.width(options), networks, bag)
