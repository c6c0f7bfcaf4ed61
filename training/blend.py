"""Weights between given ones and what became of them in training.

Networks that went on from the same weights can be averaged, weight by weight. A short training
run forgets a little of what the weights knew and wanders about; part of the way back, most of what
it learnt is still there (Wortsman et al., Robust fine-tuning of zero-shot models, 2022).
"""

from __future__ import annotations

from torch import Tensor

from .export import folded, unfolded
from .network import JointOpenUnmix


def blend(
    start: JointOpenUnmix,
    trained: JointOpenUnmix,
    share: float,
    refined: JointOpenUnmix | None = None,
) -> JointOpenUnmix:
    """A network on the straight line between two.

    Parameters
    ----------
    start, trained : JointOpenUnmix
        Of the same hidden size.
    share : float
        Of `trained`, from 0 to 1; the rest is of `start`.
    refined : JointOpenUnmix, optional
        Whose refinement to take as it is; else that of `trained`, if it has one, or of `start`.

    Raises
    ------
    ValueError
        If the sizes differ or the share is out of range.
    """
    if start.hidden != trained.hidden:
        raise ValueError(
            f"hidden sizes {start.hidden} and {trained.hidden} cannot be blended: "
            "both networks must go back to the same weights"
        )
    if not 0 <= share <= 1:
        raise ValueError(f"the share is {share}; give one from 0 to 1")
    first, second = folded(start), folded(trained)
    out: dict[str, Tensor] = {}
    for key, ours in first.items():
        if not key.startswith("refine."):
            mean = (1 - share) * ours.double() + share * second[key].double()
            out[key] = mean.to(ours.dtype)
    for source in (refined, trained, start):
        if source is not None and source.refine:
            out |= {k: v for k, v in folded(source).items() if k.startswith("refine.")}
            break
    return unfolded(out)
