"""Named sums of stems, and what a model has to be asked for to make them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from ..options.config import SeparationConfig, split_mix

MIXTURE = "mixture"
REST = ("residual", "accompaniment")
"""Names of what remains of the mixture without the targets."""

PRESETS = {
    "karaoke": "mixture-vocals",
    "acapella": "vocals",
    "drumless": "mixture-drums",
    "bassless": "mixture-bass",
}
"""The mixes that have a name of their own."""

Audio = NDArray[np.float32]


@dataclass(frozen=True)
class Plan:
    """What to ask a model for and what to make of its answer.

    Attributes
    ----------
    targets : tuple of str
        Targets to estimate.
    residual : bool
        Whether the model is to estimate the residual too.
    names : tuple of str
        The stems and mixes that come out, in order.
    stem_parts : ndarray, shape (outputs, stems)
        How much of each of the model's stems is in each output.
    mixture_part : ndarray, shape (outputs,)
        How much of the mixture is.
    """

    targets: tuple[str, ...]
    residual: bool
    names: tuple[str, ...]
    stem_parts: Audio
    mixture_part: Audio

    @classmethod
    def of(cls, config: SeparationConfig, available: Sequence[str]) -> Plan:
        """Plan what a config asks for.

        Parameters
        ----------
        config : SeparationConfig
        available : sequence of str
            The targets that the model has.

        Raises
        ------
        UsageError
            If a mix speaks of what there is not, or has the name of a stem.
        """
        mixes = [(name, _parse(name, text, available)) for name, text in _mixes(config)]
        alone = bool(config.preset) if config.only_mixes is None else config.only_mixes
        if alone and not mixes:
            raise UsageError("there is no mix to write: give a --mix or a --preset")
        used = {term for _, terms in mixes for _, term in terms}
        targets = config.targets or tuple(available)
        if not config.targets and (alone or config.preset):
            needed = tuple(target for target in available if target in used)
            # What remains is what remains of all targets, if none is named.
            targets = needed or targets
            if not needed and not used & set(REST):
                raise UsageError("the mixes take no stem, so there is nothing to separate")
        residual = config.residual or bool(used.difference(targets) & set(REST))
        rest = REST[1] if len(targets) == 1 else REST[0]
        stems = (*targets, rest) if residual else targets
        written: tuple[str, ...] = ()
        if not alone:
            written = stems if config.residual else targets
        _refuse_twins([*written, *(name for name, _ in mixes)])
        rows = np.zeros((len(written) + len(mixes), len(stems) + 1), np.float32)
        for k in range(len(written)):
            rows[k, k] = 1
        for row, (name, terms) in zip(rows[len(written) :], mixes, strict=True):
            for sign, term in terms:
                row[_column(name, term, stems)] += sign
        names = (*written, *(name for name, _ in mixes))
        return cls(targets, residual, names, rows[:, :-1], rows[:, -1])

    @property
    def plain(self) -> bool:
        """Whether the outputs are just the model's stems."""
        outputs, stems = self.stem_parts.shape
        return outputs == stems and np.array_equal(self.stem_parts, np.eye(stems))

    def mix(self, stems: Iterable[Audio], mixture: Iterable[Audio]) -> Iterator[Audio]:
        """Make the outputs.

        Parameters
        ----------
        stems : iterable of ndarray, shape (stems, channels, samples)
        mixture : iterable of ndarray, shape (channels, samples)
            Adds up to the same length, in blocks of any size; not touched if
            no output has a part of it.

        Yields
        ------
        ndarray, shape (outputs, channels, samples)
        """
        if self.plain:
            yield from stems
            return
        lockstep = _Lockstep(mixture)
        for block in stems:
            out: Audio = np.tensordot(self.stem_parts, block, 1)
            if self.mixture_part.any() and block.shape[-1]:
                out += self.mixture_part[:, np.newaxis, np.newaxis] * lockstep.take(block.shape[-1])
            yield out


class _Lockstep:
    """A stream in blocks of the sizes that are asked for."""

    def __init__(self, blocks: Iterable[Audio]) -> None:
        self._blocks = iter(blocks)
        self._rest: Audio | None = None

    def take(self, count: int) -> Audio:
        parts: list[Audio] = []
        while count:
            if self._rest is None or not self._rest.shape[-1]:
                self._rest = next(self._blocks)
            part, self._rest = self._rest[..., :count], self._rest[..., count:]
            parts.append(part)
            count -= part.shape[-1]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, -1)


def _mixes(config: SeparationConfig) -> list[tuple[str, str]]:
    return [(name, PRESETS[name]) for name in config.preset] + [
        split_mix(text) for text in config.mix
    ]


def _parse(name: str, expression: str, targets: Sequence[str]) -> list[tuple[int, str]]:
    """Turn ``a+b-c`` into signed terms, knowing that a target may have a minus in its name."""
    known = sorted({*targets, MIXTURE, *REST}, key=len, reverse=True)
    term = re.compile(rf"\s*([+-]?)\s*({'|'.join(map(re.escape, known))})\s*(?=[+-]|$)")
    terms: list[tuple[int, str]] = []
    position = 0
    while position < len(expression):
        found = term.match(expression, position)
        if found is None or (terms and not found[1]):
            wrong = expression[position:].strip()
            wrong = re.split(r"(?<=.)[+-]", wrong)[0].lstrip("+- ") or wrong
            raise UsageError(
                f"mix {name}: {wrong!r} in {expression!r} is none of {', '.join(targets)}, "
                f"{MIXTURE}, {REST[0]}; write it as a+b-c"
            )
        terms.append((-1 if found[1] == "-" else 1, found[2]))
        position = found.end()
    return terms


def _column(mix: str, term: str, stems: Sequence[str]) -> int:
    if term in stems:
        return stems.index(term)
    if term == MIXTURE:
        return -1
    if term in REST:  # under the other of its names
        return len(stems) - 1
    raise UsageError(f"mix {mix} needs the target {term}, which --targets leaves out")


def _refuse_twins(names: Sequence[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name.casefold() in seen:
            raise UsageError(
                f"two stems or mixes would be called {name!r}; call the mix something else, "
                "or write only mixes with --only-mixes"
            )
        seen.add(name.casefold())
