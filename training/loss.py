"""The training loss: how far each target is from its best, in log error, as SDR measures it."""

from __future__ import annotations

import torch
from torch import Tensor

from .fused import FusedErrors

FLOOR = 0.03
"""Errors below this part of the mixture's energy (-15 dB) no longer matter."""

PRESENT = 3e-3
"""Targets below this part of the mixture's energy (-25 dB) count as silent: no SDR is taken."""

SHARPNESSES = (1.0, 2.0)
"""The loss looks at the network's masks m and at m^2 / sum m^2, close to one iteration of EM."""


def squared_errors(logits: Tensor, batch: dict[str, Tensor], sharpness: float) -> Tensor:
    """Sum of |S_j - m_j X|^2 over all bins of each example.

    Parameters
    ----------
    logits : Tensor, shape (frames, batch, targets, channels, bands)
    batch : dict
        `cross` and `energy` of `mixing.example`, stacked.
    sharpness : float
        Factor on the logits: 1 for masks m, 2 for masks m^2 / sum m^2.

    Returns
    -------
    Tensor, shape (batch, targets)
    """
    cross = batch["cross"]
    power = cross.sum(dim=2, keepdim=True)
    masks = torch.softmax(sharpness * logits, dim=2)
    excess = (masks * (masks * power - 2 * cross)).sum(dim=(0, 3, 4))
    return (excess + batch["energy"]).clamp_min(0)


def separation_loss(logits: Tensor, batch: dict[str, Tensor]) -> Tensor:
    """Mean over targets, examples and both kinds of masks of ln(error / mixture + floor).

    Targets that are not known in an example (`known` of the batch, shape (batch, targets), is 0)
    count for nothing: their sound is in the mixture, but not apart.
    """
    logits = logits.float()
    mixture = batch["cross"].sum(dim=(0, 2, 3, 4))[:, None] + 1e-6
    if logits.device.type == "cpu":
        errors = (FusedErrors.apply(logits, batch["cross"]) + batch["energy"]).clamp_min(0)
    else:
        errors = torch.stack([squared_errors(logits, batch, s) for s in SHARPNESSES])
    values = torch.log(errors / mixture + FLOOR).mean(dim=0)
    known = batch.get("known")
    return values.mean() if known is None else (known * values).sum() / known.sum()


def sdr(logits: Tensor, batch: dict[str, Tensor], sharpness: float) -> Tensor:
    """Decibels, shape (batch, targets); not-a-number where a target is silent."""
    energy = batch["energy"]
    present = energy > PRESENT * energy.sum(dim=1, keepdim=True)
    ratio = energy / (squared_errors(logits.float(), batch, sharpness) + 1e-9)
    return torch.where(present, 10 * torch.log10(ratio + 1e-9), torch.nan)
