"""Masks and EM against norbert, with the regularisation of the reference."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unmixcli.signal.em import (
    MixtureSpectrum,
    estimate_power,
    masked_power,
    squared_scale,
    wiener_filter,
)
from unmixcli.signal.masks import apply_gains, gains_of_magnitudes, ratio_mask, residual_gain

norbert = pytest.importorskip("norbert")
EPS = 1e-10


def spectrum(channels: int, seed: int = 0, frames: int = 40, bins: int = 33) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    loudness = torch.rand(frames, bins, generator=random) * 60
    parts = torch.randn(2, channels, frames, bins, generator=random) * loudness
    return torch.complex(parts[0], parts[1])


def some_gains(sources: int, channels: int, seed: int = 1) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.rand(sources, channels, 40, 33, generator=random)


def refine(gains: torch.Tensor, mixture: torch.Tensor, niter: int) -> torch.Tensor:
    scale = squared_scale(mixture.abs().amax())
    planes = MixtureSpectrum.of(mixture)
    power, statistics = masked_power(gains, planes)
    estimates = torch.empty(gains.shape, dtype=mixture.dtype)
    for _ in range(niter):
        wiener_filter(power, statistics.spatial_covariance(scale), planes, scale, estimates)
        power, statistics = estimate_power(estimates)
    return estimates


def by_norbert(
    magnitudes: torch.Tensor, mixture: torch.Tensor, niter: int, softmask: bool
) -> torch.Tensor:
    """Norbert's layout is (frames, bins, channels, sources)."""
    v = magnitudes.permute(2, 3, 1, 0).double().numpy()
    x = mixture.permute(1, 2, 0).to(torch.complex128).numpy().copy()
    found = norbert.wiener(v, x, niter, use_softmask=softmask, eps=EPS)
    return torch.from_numpy(found).permute(3, 2, 0, 1)


def assert_same(found: torch.Tensor, expected: torch.Tensor) -> None:
    loudest = float(expected.abs().amax())
    torch.testing.assert_close(
        found.to(torch.complex128), expected, rtol=0, atol=2e-5 * loudest, check_device=False
    )


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("niter", [1, 2, 3])
@pytest.mark.parametrize("sources", [2, 4])
def test_em_from_the_mixture_phase(channels: int, niter: int, sources: int) -> None:
    mixture, gains = spectrum(channels), some_gains(sources, channels)
    expected = by_norbert(gains * mixture.abs(), mixture, niter, softmask=False)
    assert_same(refine(gains, mixture, niter), expected)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("niter", [0, 1, 2])
def test_softmask(alpha: float, niter: int) -> None:
    mixture, gains = spectrum(2), some_gains(3, 2)
    expected = by_norbert((gains * mixture.abs()) ** alpha, mixture, niter, softmask=True)
    mask = ratio_mask(gains, mixture.abs(), alpha)
    assert_same(refine(mask, mixture, niter) if niter else mask * mixture, expected)


@pytest.mark.parametrize("softmask", [False, True])
@pytest.mark.parametrize("niter", [0, 1, 2])
def test_residual(softmask: bool, niter: int) -> None:
    alpha = 0.7 if softmask else 1.0
    mixture, gains = spectrum(2), some_gains(2, 2)
    magnitude = mixture.abs()
    models = (gains * magnitude) ** alpha
    rest = (magnitude**alpha - models.sum(0, keepdim=True)).clamp_min(0)
    expected = by_norbert(torch.cat([models, rest]), mixture, niter, softmask)
    if softmask:
        gains = ratio_mask(gains, magnitude, alpha, residual=True)
    else:
        gains = torch.cat([gains, residual_gain(gains)])
    assert_same(refine(gains, mixture, niter) if niter else gains * mixture, expected)


def test_one_estimate_for_both_channels() -> None:
    mixture = spectrum(2)
    mixture[0, 3, 4] = 0
    magnitudes = torch.rand(2, 1, 40, 33)
    gains = gains_of_magnitudes(magnitudes, mixture.abs())
    expected = magnitudes * torch.exp(1j * mixture.angle())
    expected[:, 0, 3, 4] = 0  # no magnitude to share out where the mixture has none
    torch.testing.assert_close(gains * mixture, expected, rtol=0, atol=1e-5)


def test_gains_are_applied_in_place() -> None:
    mixture, gains = spectrum(2), some_gains(3, 2)
    out = torch.empty(gains.shape, dtype=mixture.dtype)
    apply_gains(gains, mixture, out)
    torch.testing.assert_close(out, gains * mixture)


@pytest.mark.parametrize("channels", [1, 2])
def test_silence_stays_silent(channels: int) -> None:
    mixture = torch.zeros(channels, 40, 33, dtype=torch.complex64)
    for gains in (some_gains(2, channels), torch.zeros(2, channels, 40, 33)):
        assert not refine(gains, mixture, 2).abs().any()


@pytest.mark.parametrize("loudness", [1e-6, 1.0, 1e4])
def test_equal_channels_stay_finite_and_bounded(loudness: float) -> None:
    """The covariance of a mono recording in two channels cannot be inverted without care."""
    one = spectrum(1) * loudness / 60
    mixture = torch.cat([one, one])
    gains = some_gains(4, 1).repeat(1, 2, 1, 1)
    found = refine(gains, mixture, 2)
    assert torch.isfinite(torch.view_as_real(found)).all()
    assert found.abs().amax() <= 1.5 * mixture.abs().amax()


def test_estimates_add_up_to_the_mixture() -> None:
    mixture, gains = spectrum(2), some_gains(4, 2)
    total = refine(gains, mixture, 1).sum(0)
    np.testing.assert_allclose(total, mixture, rtol=0, atol=1e-3 * float(mixture.abs().amax()))
