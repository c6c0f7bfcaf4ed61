"""The plugin interface: how the rest of the program sees a model.

A plugin is an object that an entry point of the group ``unmixcli.models``
names. It lists cards, and turns a card and its weights into a `Model`. A model
turns a stream of the mixture into a stream of stems. Plugin and Model are
protocols: a plugin does not need to inherit from them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .cards import ModelCard

Block = NDArray[np.float32]
"""Audio: (channels, samples) of a mixture, (stems, channels, samples) of stems."""

Progress = Callable[[str, float], None]
"""Called with the current stage and the finished fraction of the whole, from 0 to 1."""


def ignore(stage: str, fraction: float) -> None:
    """Ignore progress."""


class Mixture(Protocol):
    """A recording at the model's rate, readable from its start any number of times."""

    @property
    def sample_rate(self) -> int:
        """In Hz."""
        ...

    @property
    def channels(self) -> int:
        """1 or 2."""
        ...

    @property
    def length(self) -> int:
        """Samples per channel; the blocks of one reading add up to it."""
        ...

    def blocks(self) -> Iterator[Block]:
        """Read from the start: finite float32 blocks (channels, samples) of any length."""
        ...


class Derived:
    """What a mixture made from another one has in common with it."""

    mixture: Mixture

    @property
    def sample_rate(self) -> int:
        return self.mixture.sample_rate

    @property
    def channels(self) -> int:
        return self.mixture.channels

    @property
    def length(self) -> int:
        return self.mixture.length


Options = TypeVar("Options")


@dataclass(frozen=True)
class Request(Generic[Options]):
    """A request to a model, besides the targets that it was loaded for.

    Attributes
    ----------
    options : Options
        The plugin's own options, an instance of its ``options`` class; None
        if it has no such class.
    residual : bool
        Whether the model must also estimate the residual, as one more stem
        after the targets. True only for plugins with ``estimates_residual``;
        for all others the engine subtracts the targets from the mixture.
    temp_dir : Path or None
        Folder for temporary files; None for the default folder.
    """

    options: Options
    residual: bool = False
    temp_dir: Path | None = None


class Model(Protocol):
    """A loaded model. One instance may separate several mixtures at once, in threads."""

    targets: tuple[str, ...]
    sample_rate: int
    channels: int | None
    """Number of channels that the mixture must have; None if one and two both work."""

    def separate(
        self, mixture: Mixture, request: Request[Any], progress: Progress
    ) -> Iterator[Block]:
        """Separate a mixture.

        Yields
        ------
        ndarray, shape (stems, channels, samples), float32
            Consecutive blocks: the stems of ``self.targets`` in order, then the
            residual if ``request.residual``. All samples are finite, and the
            blocks add up to exactly ``mixture.length`` samples.
            `unmixcli.models.contract` checks this.
        """
        ...


class Plugin(Protocol):
    """The object that an entry point of the group ``unmixcli.models`` names.

    A plugin may have more attributes, all optional:

    ``options``
        A pydantic class with the options of its models. They are validated
        once, before any download; ``request.options`` is the instance.
    ``estimates_residual``
        True if its models can estimate the residual themselves.
    ``precisions``
        The precisions that its networks support, such as ``("float32",
        "bfloat16")``; only float32 without this attribute. `load` then takes
        one of them as a fifth argument.
    ``compose(name, table, find)`` and ``assemble(card, models, targets)``
        For models that consist of others, see `unmixcli.models.combined`.
        `compose` turns a catalogue table into a card with ``members`` and the
        `KnownModel` of each; `assemble` replaces `load` and takes a loaded model
        for each member that the targets need, and None for the others.
    ``check(card)``
        Raises `ModelError` if a model cannot work on this machine; called
        before its weights are downloaded.
    ``network(card, weights, targets)``
        Returns a `torch.nn.Module` from (batch, channels, samples) to (batch,
        targets, channels, samples), for `unmixcli.networks.load`. A plugin that
        loads a `SegmentedModel` does not need it.
    ``folder_card(folder)``
        Returns the card of the model in a user's folder, or None if it is of another kind.
    ``file_card(file)``
        The same for a single file.
    """

    def cards(self) -> Iterable[ModelCard]:
        """Return the models of this plugin; must be fast and not import torch."""
        ...

    def load(
        self,
        card: ModelCard,
        weights: Mapping[str, Path],
        targets: Sequence[str],
        device: str,
    ) -> Model:
        """Build a model.

        Parameters
        ----------
        card : ModelCard
            One of this plugin's cards.
        weights : mapping of str to Path
            The verified local files that the targets need, keyed by their file
            names in the card.
        targets : sequence of str
            Targets to estimate: a subset of ``card.targets``, in the requested order.
        device : str
            A torch device such as ``cpu``, ``cuda:0`` or ``mps``.

        Raises
        ------
        ModelError
            If a file does not match the card.
        """
        ...
