"""Relatives of the two networks that are not run here, recognised by their keys."""

from __future__ import annotations

import re
from collections.abc import Iterable

_VARIANTS = (
    (r"^freq_domain_model\.|\.self_attn\.q_proj\.", "a Mini-BS-RoFormer in transformers' layout"),
    (r"\.branch\.", "a RoFormer with hyper-connections"),
    (r"\.segm\.", "a HyperACE RoFormer, whose masks come from a U-shaped network"),
    (r"(^|[._])fno|\.spectral_conv", "a RoFormer with Fourier neural operators (FNO)"),
    (r"pope", "a PolarFormer (PoPE instead of rotary positions)"),
    (r"\.to_value_residual_mix\.", "a RoFormer with value residuals (BS-RoFormer 0.5 or later)"),
    (r"^layers\.\d+\.\d+\.layers\.\d+\.0\.temperature$", "a RoFormer with linear attention"),
    (r"^layers\.\d+\.2\.", "a RoFormer with three transformers in a layer"),
    (r"^layers\.\d+\.\d+\.(layers\.\d+\.)?(ff1|conv)\.", "a band-split conformer"),
    (r"mamba|\.(forward|backward)_blocks\.", "a band-split Mamba network"),
)


def variant_of(keys: Iterable[str]) -> str | None:
    """Name the relative of RoFormer that has these keys, with its article.

    Parameters
    ----------
    keys : iterable of str
        Of a state dict.

    Returns
    -------
    str or None
        None if it is none of those known.
    """
    # Mel-Band RoFormer 0.4 counts its transformers from 1, with nothing at 0.
    text = [key for key in keys if key.startswith(("layers.", "mask_", "freq_", "band_"))]
    counted_from_0 = any(key.startswith("layers.0.0.") for key in text)
    for pattern, name in _VARIANTS:
        if r"\.2\." in pattern and not counted_from_0:
            continue
        found = re.compile(pattern, re.IGNORECASE)
        if any(found.search(key) for key in text):
            return name
    return None
