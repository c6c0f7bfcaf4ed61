"""Which model to use where none is named."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from ..errors import FetchError, ModelError
from ..files import paths
from ..options.config import AUTO
from .cards import ModelCard
from .registry import Registry
from .store import Policy, Report, Store, silent

PREFERRED = "umxhq"

IMPATIENT = Policy(connect_timeout=5.0, read_timeout=10.0, rounds=1, longest_wait=0.0)
"""There is something to fall back on, so nobody is kept waiting for a server."""

log = logging.getLogger("unmixcli")


def likely_card(registry: Registry, model: str) -> ModelCard:
    """Return the card of a model, or of the one that ``auto`` is if nothing is in its way.

    Raises
    ------
    ModelError
        If there is no such model.
    """
    return registry.resolve(PREFERRED if model == AUTO else model).card


def choose_model(
    registry: Registry,
    model: str,
    targets: Sequence[str] = (),
    *,
    offline: bool = False,
    progress: Report | None = None,
) -> str:
    """Settle on a model.

    A model that the user names is the model. ``auto`` is umxhq where it is in
    the store or can be fetched, and otherwise the one that comes with the
    program, with a warning that says so and how to get the better one.

    Parameters
    ----------
    registry : Registry
    model : str
        What the user asked for.
    targets : sequence of str
        Those wanted; only their files are fetched. Empty for all.
    offline : bool
        Do not use the network.
    progress : callable, optional
        Takes a `unmixcli.models.store.FetchEvent` while files are fetched.

    Returns
    -------
    str
        Its name or folder, never ``auto``.

    Raises
    ------
    ModelError
        If a file cannot be stored, or there is nothing to fall back on.
    """
    if model != AUTO:
        return model
    card = likely_card(registry, model)
    own = registry.built_in(targets)
    if own is None or not set(targets) <= set(card.targets):
        return PREFERRED
    store = Store(registry.store.root, IMPATIENT)
    files = card.files_for(targets or card.targets)
    try:
        store.ensure(card, files, offline=offline, report=progress or silent)
    except FetchError as error:
        why = f"cannot be fetched ({error.reason})"
    except ModelError:
        if not (offline or paths.offline()):
            raise
        why = "may not be fetched"
    else:
        return PREFERRED
    log.warning(
        "%s is used, which comes with the program, since %s is not here and %s; "
        "for better stems run `unmix models fetch %s` where there is a network",
        own.card.name, PREFERRED, why, PREFERRED,
    )  # fmt: skip
    return own.card.name
