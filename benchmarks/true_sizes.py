"""Networks of published models in their true sizes, random, from the reference packages."""

from __future__ import annotations

from types import SimpleNamespace

import torch

FOUR = ("drums", "bass", "other", "vocals")


def htdemucs(targets: tuple[str, ...] = FOUR, bottom: int = 512) -> torch.nn.Module:
    from fractions import Fraction

    from demucs.htdemucs import HTDemucs

    return HTDemucs(list(targets), bottom_channels=bottom, segment=Fraction(39, 5))


def bs_roformer(stems: int = 1) -> torch.nn.Module:
    from bs_roformer import BSRoformer

    return BSRoformer(
        256,
        depth=12,
        stereo=True,
        num_stems=stems,
        time_transformer_depth=1,
        freq_transformer_depth=1,
    )


def mel_roformer() -> torch.nn.Module:
    from bs_roformer import MelBandRoformer

    return MelBandRoformer(
        384,
        depth=6,
        stereo=True,
        time_transformer_depth=1,
        freq_transformer_depth=1,
        linear_transformer_depth=0,
        mask_estimator_depth=2,
        stft_hop_length=441,
        match_input_audio_length=True,
    )


def scnet() -> torch.nn.Module:
    from pymss_core.modules.scnet import SCNet

    return SCNet(
        sources=list(FOUR),
        dims=[4, 64, 128, 256],
        band_SR=[0.225, 0.372, 0.403],
        band_stride=[1, 4, 16],
        band_kernel=[3, 4, 16],
        conv_depths=[3, 2, 1],
    )


def mdx23c(targets: tuple[str, ...]) -> torch.nn.Module:
    from pymss_core.modules.mdx23c_tfc_tdf_v3 import TFC_TDF_net

    model = {"norm": "InstanceNorm", "act": "gelu", "num_subbands": 4, "num_scales": 5}
    model |= {"scale": [2, 2], "num_blocks_per_scale": 2, "num_channels": 128, "growth": 128}
    network: torch.nn.Module = TFC_TDF_net(
        SimpleNamespace(
            audio=SimpleNamespace(num_channels=2, n_fft=2048, hop_length=512, dim_f=1024),
            model=SimpleNamespace(**model, bottleneck_factor=4),
            training=SimpleNamespace(target_instrument=None, instruments=list(targets)),
        )
    )
    return network
