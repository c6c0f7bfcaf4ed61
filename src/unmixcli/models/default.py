"""Choose a model if the user names none."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from ..errors import FetchError, ModelError
from ..files import paths
from ..options.config import AUTO
from ..words import about
from .cards import ModelCard
from .registry import Registry
from .store import Failures, Policy, Report, Store, silent

PREFERRED = "umxhq"

IMPATIENT = Policy(connect_timeout=5.0, read_timeout=10.0, rounds=1, longest_wait=0.0)
"""There is a model to fall back on, so do not wait long for a server."""

log = logging.getLogger("unmixcli")


def likely_card(registry: Registry, model: str) -> ModelCard:
    """Return the card of a model; for ``auto``, of the model that it prefers.

    Raises
    ------
    ModelError
        If the model is unknown.
    """
    return registry.resolve(PREFERRED if model == AUTO else model).card


def choose_model(
    registry: Registry,
    model: str,
    targets: Sequence[str] = (),
    *,
    offline: bool | None = None,
    progress: Report | None = None,
) -> str:
    """Choose a model.

    A model that the user names is used as it is. ``auto`` means umxhq if it is
    in the store or can be downloaded. Otherwise it means the built-in model; a
    warning then says so and how to get the better one. After a failed download
    none is tried for an hour.

    Parameters
    ----------
    registry : Registry
    model : str
        The user's choice.
    targets : sequence of str
        The wanted targets; only their files are downloaded. Empty for all.
    offline : bool, optional
        Whether to do without the network; False tries a download even if one has just failed.
    progress : callable, optional
        Takes a `unmixcli.models.store.FetchEvent` while files are downloaded.

    Returns
    -------
    str
        Its name or folder, never ``auto``.

    Raises
    ------
    ModelError
        If a file cannot be stored, or there is no model to fall back on.
    """
    if model != AUTO:
        return model
    card = likely_card(registry, model)
    own = registry.built_in(targets)
    if own is None or not set(targets) <= set(card.targets):
        return PREFERRED
    store = Store(registry.store.root, IMPATIENT)
    files = card.files_for(targets or card.targets)
    failures = Failures(store.root)
    failed = failures.recent() if offline is None else None
    off = bool(offline) or paths.offline()
    try:
        store.ensure(card, files, offline=off or failed is not None, report=progress or silent)
    except FetchError as error:
        failures.remember(error.reason)
        why = f"could not be downloaded: {error.reason}"
    except ModelError:
        if off:
            why = "is not on this machine, and downloads are off"
        elif failed:
            age, reason = failed
            why = f"could not be downloaded {about(age)} ago ({reason}); --online tries again"
        else:
            raise
    else:
        return PREFERRED
    log.warning(
        "%s %s; using the built-in model %s, which is weaker. "
        "For better stems, run `unmix models fetch %s` when you have a network",
        PREFERRED, why, own.card.name, PREFERRED,
    )  # fmt: skip
    return own.card.name
