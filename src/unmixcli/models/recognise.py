"""Recognise the family of a checkpoint by the names of its tensors."""

from __future__ import annotations

import re
from collections.abc import Iterable

_FAMILIES = (
    ("a Hybrid Transformer Demucs checkpoint", ("crosstransformer.layers.0.norm1.weight",)),
    ("a Hybrid Demucs checkpoint", ("encoder.0.conv.weight", "tencoder.0.conv.weight")),
    (
        "a Hybrid Demucs checkpoint of torchaudio",
        ("freq_encoder.0.conv.weight", "time_encoder.0.conv.weight"),
    ),
    ("a checkpoint of Demucs before the hybrid ones", ("encoder.0.0.weight", "decoder.0.0.weight")),
    (
        "a BS-RoFormer or Mel-Band RoFormer checkpoint",
        ("band_split.to_features.0.0.gamma", r"mask_estimators\.0\..*"),
    ),
    ("an SCNet checkpoint", (r"encoder\.0\.SDlayer\..*", r"separation_net\..*")),
    (
        "an MDX23C checkpoint",
        ("first_conv.weight", r"encoder_blocks\.0\.tfc_tdf\..*", r"final_conv\.0\.weight"),
    ),
    ("an Open-Unmix checkpoint", ("fc1.weight", "lstm.weight_ih_l0", "fc3.weight")),
)
"""Names of families, each with the keys that must all exist; the first match counts."""


def recognise(keys: Iterable[str]) -> str | None:
    """Name the family of a checkpoint.

    Parameters
    ----------
    keys : iterable of str
        The names of its tensors; a common prefix such as ``module.`` is ignored.

    Returns
    -------
    str or None
        For example "an SCNet checkpoint"; None if the family is unknown.
    """
    names = "\n".join(key.removeprefix("module.").removeprefix("model.") for key in keys)
    for family, signs in _FAMILIES:
        if all(re.search(rf"^{sign}$", names, re.MULTILINE) for sign in signs):
            return family
    return None
