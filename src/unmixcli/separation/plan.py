"""Decide what the model must estimate, and compute the outputs from its estimates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..audio.blocks import BlockReader
from ..errors import UsageError
from ..models.cards import ModelCard
from ..options.config import SeparationConfig
from ..options.mixes import MIXTURE, PRESETS, REST, parse_sum, split_mix
from ..words import nearest, twin

Audio = NDArray[np.float32]
Row = Mapping[str, float]
"""The weight of each of the model's stems, and of the mixture, in one output."""


@dataclass(frozen=True)
class Plan:
    """What the model must estimate, and how the outputs are computed from it.

    Attributes
    ----------
    targets : tuple of str
        Targets that the model must estimate, in order.
    residual : bool
        Whether the model must estimate the residual too, after them.
    names : tuple of str
        The stems and mixes that come out, in order.
    parts : tuple of tuple of int
        For each output, the weights of the model's stems and, last, of the
        mixture.
    """

    targets: tuple[str, ...]
    residual: bool
    names: tuple[str, ...]
    parts: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, config: SeparationConfig, card: ModelCard, estimates_residual: bool) -> Plan:
        """Plan the outputs that a config asks for.

        Parameters
        ----------
        config : SeparationConfig
        card : ModelCard
        estimates_residual : bool
            Whether the model estimates a residual itself; otherwise it is the
            mixture minus the targets.

        Raises
        ------
        UsageError
            If a mix names something unknown, or has the name of a stem.
        """
        available = card.targets
        mixes = [(name, parse_sum(name, text, available)) for name, text in _mixes(config)]
        alone = bool(config.preset) if config.only_mixes is None else config.only_mixes
        if alone and not mixes:
            raise UsageError("there is no mix to write: add --mix or --preset")
        used = {term for _, terms in mixes for _, term in terms}
        targets = config.targets or card.usual
        if not config.targets and (alone or config.preset):
            needed = tuple(target for target in available if target in used)
            # If no target is named, the residual is the mixture minus all targets.
            targets = needed or targets
            if not needed and not used & set(REST):
                raise UsageError("the mixes use no stem, so there is nothing to separate")
        _check_sum(config, card, targets)
        residual = config.residual or bool(used.difference(targets) & set(REST))
        rest = REST[1] if len(targets) == 1 else REST[0]
        rows = {target: _row(target, card) for target in targets}
        if residual:
            rows[rest] = {rest: 1} if estimates_residual else _sum({MIXTURE: 1}, rows, -1)
        written: list[str] = []
        if not alone:
            written = [*targets, rest] if config.residual else list(targets)
        names = (*written, *(name for name, _ in mixes))
        if name := twin(names):
            raise UsageError(
                f"two stems or mixes would be called {name!r}; call the mix something else, "
                "or write only mixes with --only-mixes"
            )
        outputs = [rows[name] for name in written]
        outputs += [_mix(name, terms, rows, rest) for name, terms in mixes]
        own = residual and estimates_residual
        needs = {term for row in (*rows.values(), *outputs) for term in row}
        asked = dict.fromkeys((*targets, *card.estimated))
        if config.sum != "none" and not card.rest:
            needs.update(card.whole)
        estimated = tuple(target for target in asked if target in needs)
        columns = (*estimated, *([rest] if own else []), MIXTURE)
        parts = tuple(tuple(row.get(term, 0) for term in columns) for row in outputs)
        return cls(estimated, own, names, parts)

    def mix(self, stems: Iterable[Audio], mixture: Iterable[Audio]) -> Iterator[Audio]:
        """Compute the outputs.

        Parameters
        ----------
        stems : iterable of ndarray, shape (stems, channels, samples)
        mixture : iterable of ndarray, shape (channels, samples)
            Of the same total length, in blocks of any size; not read if no
            output needs it.

        Yields
        ------
        ndarray, shape (outputs, channels, samples)
        """
        count = len(self.targets) + self.residual
        plain = tuple(tuple(float(k == n) for k in range(count + 1)) for n in range(count))
        if self.parts == plain:
            yield from stems
            return
        needs_mixture = any(row[-1] for row in self.parts)
        reader, done = BlockReader(mixture), 0
        for block in stems:
            if not block.shape[-1]:
                continue
            end = done + block.shape[-1]
            terms = [*block, reader.read(done, end)] if needs_mixture else list(block)
            done = end
            out = np.zeros((len(self.parts), *block.shape[1:]), np.float32)
            for k, row in enumerate(self.parts):
                # Add the stems first and the mixture last, so that the residual is
                # exactly the mixture minus the sum of the stems.
                for part, term in zip(row, terms, strict=False):
                    if part:
                        out[k] += np.float32(part) * term
            yield out


def _check_sum(config: SeparationConfig, card: ModelCard, targets: Sequence[str]) -> None:
    """Refuse a `--sum` that the stems cannot have."""
    if config.sum == "none":
        return
    if config.sum not in ("exact", *card.usual):
        raise UsageError(
            f"--sum {config.sum}: give none, exact or one of {', '.join(card.usual)}"
            f"{nearest(config.sum, card.usual)}"
        )
    if card.rest:
        return  # they add up already: it is what the others leave
    if len(card.usual) < 2 or (config.targets and set(targets) != set(card.usual)):
        raise UsageError(
            f"--sum needs several stems, all that the model has: {', '.join(card.usual)}"
        )
    if config.residual:
        raise UsageError("with --sum nothing remains, so there is no --residual to write")


def _mixes(config: SeparationConfig) -> list[tuple[str, str]]:
    return [(name, PRESETS[name]) for name in config.preset] + [
        split_mix(text) for text in config.mix
    ]


def _row(target: str, card: ModelCard) -> Row:
    if target != card.rest:
        return {target: 1}
    return {MIXTURE: 1} | dict.fromkeys(card.whole, -1)


def _sum(start: Row, rows: Mapping[str, Row], gain: float) -> Row:
    total = dict(start)
    for row in rows.values():
        for term, part in row.items():
            total[term] = total.get(term, 0) + gain * part
    return total


def _mix(name: str, terms: Sequence[tuple[float, str]], rows: Mapping[str, Row], rest: str) -> Row:
    total: Row = {}
    for gain, term in terms:
        if term == MIXTURE:
            row: Row = {MIXTURE: 1}
        elif term in rows:
            row = rows[term]
        elif term in REST:  # under its other name
            row = rows[rest]
        else:
            raise UsageError(f"mix {name} needs the target {term}, which --targets leaves out")
        total = _sum(total, {term: row}, gain)
    return total
