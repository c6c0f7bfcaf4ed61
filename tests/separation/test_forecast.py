"""The time left for a batch."""

from __future__ import annotations

import time

import pytest

from unmixcli.cli.summary import Summary
from unmixcli.separation.forecast import Forecast


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_sizes_stand_for_lengths() -> None:
    clock = Clock()
    forecast = Forecast(lambda: 100 + 300 + 50 + 600, clock)
    forecast.drop(50)  # skipped
    clock.now = 50  # loading a model is no part of it
    forecast.begin(100)
    assert forecast.left(0.05) is None
    clock.now += 5
    assert forecast.left(0.5) == pytest.approx(5 + 30 + 60)
    clock.now += 5
    forecast.finish(100)
    clock.now += 100
    forecast.begin(300)
    assert forecast.left(0.0) == pytest.approx(30 + 60)
    clock.now += 15
    assert forecast.left(0.5) == pytest.approx(15 + 60)


def test_the_last_recording_needs_no_forecast() -> None:
    clock = Clock()
    forecast = Forecast(lambda: 100, clock)
    forecast.begin(100)
    clock.now = 1
    assert forecast.left(0.5) is None


def test_recordings_side_by_side() -> None:
    """The clock on the wall counts, not the time of each."""
    clock = Clock()
    forecast = Forecast(lambda: 1000, clock)
    forecast.begin(100)
    forecast.begin(100)
    assert forecast.left() is None
    clock.now = 10
    forecast.finish(100)
    forecast.begin(100)
    clock.now = 20
    assert forecast.left() == pytest.approx(20 / 100 * 900)


def test_unknown_sizes() -> None:
    clock = Clock()
    forecast = Forecast(lambda: 0, clock)
    forecast.begin(0)
    clock.now = 1
    assert forecast.left(0.5) is None


def test_the_time_of_a_summary_is_on_the_clock() -> None:
    assert 30 <= Summary(began=time.monotonic() - 30).elapsed < 60
