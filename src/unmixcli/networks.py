"""The networks of all models as PyTorch modules, for training and for gradients.

>>> import unmixcli.networks
>>> network = unmixcli.networks.load("umx-synth")                # doctest: +SKIP
>>> stems = network(audio)                                       # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .models.registry import Registry

if TYPE_CHECKING:
    from .models.differentiable import SourceNetwork

__all__ = ["load"]


def load(model: str, targets: Sequence[str] = (), *, offline: bool = False) -> SourceNetwork:
    """Load the network of a model as a differentiable `torch.nn.Module`.

    It maps excerpts of shape (batch, channels, samples) to stems of shape
    (batch, targets, channels, samples). Of Open-Unmix it is the network with
    ``niter=0``: gains times the mixture's spectrum. Weights are downloaded if needed.

    Parameters
    ----------
    model : str
        The name of a model, or a folder or file with your own; ensembles and chains
        have no network of their own.
    targets : sequence of str, optional
        Targets to estimate; all of the model's by default.
    offline : bool
        Fail rather than use the network.

    Returns
    -------
    SourceNetwork
        On the CPU, in evaluation mode, with ``requires_grad`` set for all parameters.

    Raises
    ------
    ModelError
        If the model is unknown, or its weights are missing, unavailable or damaged.
    UsageError
        If the model has no such target, or combines several models.

    Examples
    --------
    >>> network = load("umx-synth", ["vocals"])                      # doctest: +SKIP
    >>> loss = (network(mixtures)[:, 0] - vocals).abs().mean()       # doctest: +SKIP
    >>> loss.backward()                                              # doctest: +SKIP
    """
    from .models.differentiable import load_network  # here, because it imports torch

    return load_network(Registry(), model, tuple(targets), offline=offline)
