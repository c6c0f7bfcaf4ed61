"""The stream from a recording through a model to its stems."""

from __future__ import annotations

from collections.abc import Iterator

from ..audio.resampling import AdaptedMixture, Recording, blocks_at, length_at
from ..models.cards import ModelCard
from ..models.contract import Contract
from ..models.interface import Block, Model, Progress
from ..signal.closing import Gap, put_onto, spread
from .order import Order


def stems_of(
    model: Model,
    card: ModelCard,
    order: Order,
    recording: Recording,
    sample_rate: int,
    progress: Progress,
    gap: Gap,
) -> Iterator[Block]:
    """Yield the stems and mixes of a recording in blocks, with its channels."""
    plan, request = order.plan, order.request
    mixture = AdaptedMixture(recording, model.sample_rate, model.channels or recording.channels)
    contract = Contract(
        card.name,
        card.plugin,
        len(plan.targets) + plan.residual,
        mixture.channels,
        mixture.length,
    )
    stems = contract.enforce(lambda: model.separate(mixture, request, progress))
    restored = mixture.restore(stems, sample_rate)
    length = length_at(recording, sample_rate)
    closed = _close(order, card, restored, blocks_at(recording, sample_rate), length, gap)
    return plan.mix(closed, blocks_at(recording, sample_rate))


def _close(
    order: Order,
    card: ModelCard,
    stems: Iterator[Block],
    mixture: Iterator[Block],
    length: int,
    gap: Gap,
) -> Iterator[Block]:
    """Make the stems add up to the mixture, if that is asked for."""
    wanted = order.config.sum
    if wanted == "none" or card.rest:
        return stems
    if wanted == "exact":
        return spread(stems, mixture, length, gap)
    return put_onto(stems, mixture, order.plan.targets.index(wanted), gap)
