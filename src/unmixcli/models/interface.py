"""The plugin interface: what a model is to the rest of the program.

A plugin is an object named by an entry point of the group ``unmixcli.models``.
It offers cards and turns one card with its weights into a `Model`; a model
turns a stream of the mixture into a stream of stems. Everything here is a
protocol, so a plugin needs no base class of ours.
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
"""Called with the stage that work is in and the fraction of the whole done, 0 to 1."""


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
        """Read from the start: float32 blocks (channels, samples), finite, of any length."""
        ...


Options = TypeVar("Options")


@dataclass(frozen=True)
class Request(Generic[Options]):
    """What a model is asked for, besides the targets that it was loaded for.

    Attributes
    ----------
    options : Options
        The plugin's own options, an instance of its ``options`` class; None
        where it has no such class.
    residual : bool
        Whether the model is to estimate the residual too, as one more stem
        after the targets. Only ever true for a plugin that says
        ``estimates_residual``; for all others the engine subtracts.
    temp_dir : Path or None
        Folder for temporary files; None for the default one.
    """

    options: Options
    residual: bool = False
    temp_dir: Path | None = None


class Model(Protocol):
    """A loaded model. One instance may separate several mixtures at once, in threads."""

    targets: tuple[str, ...]
    sample_rate: int
    channels: int | None
    """Channels that the mixture must have; None takes one or two alike."""

    def separate(
        self, mixture: Mixture, request: Request[Any], progress: Progress
    ) -> Iterator[Block]:
        """Separate a mixture.

        Yields
        ------
        ndarray, shape (stems, channels, samples), float32
            Consecutive blocks of ``self.targets`` in order, then of the residual
            if ``request.residual``, that add up to exactly ``mixture.length``
            samples and are finite. `unmixcli.models.contract` checks all of it.
        """
        ...


class Plugin(Protocol):
    """What an entry point of the group ``unmixcli.models`` names.

    A plugin may have more attributes, all optional:

    ``options``
        A pydantic class of options that only its models have. They are
        validated once, before anything is fetched; ``request.options`` is the
        instance.
    ``estimates_residual``
        True if its models estimate the residual themselves when asked.
    ``precisions``
        The kinds of arithmetic that its networks run in, such as
        ``("float32", "bfloat16")``; only float32 if it has no such attribute.
        `load` then takes one of them as a fifth argument.
    ``check(card)``
        Raises `ModelError` if a model cannot work on this machine; called
        before its weights are fetched.
    ``folder_card(folder)``
        Returns the card of the model in a user's folder, or None if it is not one of its kind.
    ``file_card(file)``
        The same for a single file.
    """

    def cards(self) -> Iterable[ModelCard]:
        """Return the models that this plugin offers; must be quick and not import torch."""
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
            The verified local file of each of the card's weights that the
            targets need, by the file name in the card.
        targets : sequence of str
            Targets to estimate, a subset of ``card.targets``, in the order wanted.
        device : str
            A torch device such as ``cpu``, ``cuda:0`` or ``mps``.

        Raises
        ------
        ModelError
            If a file is not what the card says.
        """
        ...
