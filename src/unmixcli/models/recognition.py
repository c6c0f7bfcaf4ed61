"""Which family a checkpoint belongs to, told by the names of its tensors."""

from __future__ import annotations

import re
from collections.abc import Iterable

_SIGNS = (
    # The first that fits: variants before what they vary.
    (r"mask_layer\.0\.weight|pos_embed_f", "an SCNet that estimates masks"),
    (r"separation_net\.dp_modules\.0\.time_layer\.", "an SCNet with transformers"),
    (r"separation_net\.dp_modules\.0\.lstm_layers\.", "an SCNet"),
    (r"sd_blocks\.0\.|su_blocks\.0\.", "an SCNet in another layout"),
    (r"encoder_blocks\.0\.tfc_tdf\.", "an MDX23C network"),
    (r"crosstransformer\.", "a Hybrid Transformer Demucs network"),
    (r"tencoder\.0\.|freq_encoder\.0\.", "a Hybrid Demucs network"),
    (r"band_split\.to_features\.0\.", "a RoFormer"),
    (r"stg1_low_band_net\.", "a VR network"),
    (r"fc1\.weight", "an Open-Unmix network"),
)


def family_of(keys: Iterable[str]) -> str | None:
    """Name the network that tensors of these names make up, or return None.

    Examples
    --------
    >>> family_of(["first_conv.weight", "encoder_blocks.0.tfc_tdf.blocks.0.shortcut.weight"])
    'an MDX23C network'
    """
    names = list(keys)
    return next(
        (name for sign, name in _SIGNS if any(re.match(sign, key) for key in names)),
        None,
    )
