"""A plan on paper: 1,000 workers and 1,000,000 tracks, simulated. Nothing here was run for real.

    python benchmarks/clusters.py
    python benchmarks/clusters.py --workers 100 --tracks 100000 --order longest-first

Each event is a recording that a worker finishes, as `unmixcli.separation.executors.cluster`
hands them out: one a worker, the next when the last is done. The model of a day:

- Lengths: log-normal with a median of 3:38 and a sigma of 0.45, 1 in 100 a mix of 20 to 90
  minutes. These are assumptions about popular music; give your own with --lengths FILE
  (seconds, one a line).
- Speed: a worker separates at a rate of times real time; 2 in 100 workers are stragglers
  at a third of it; each recording varies by 10 %.
- Failures: a worker dies on average every --days-between-deaths days and is back after
  two minutes; its recording waits for the claim to expire and begins again.
- The scheduler answers one message at a time; the storage has one limit for all bytes
  that are read and written.
"""

from __future__ import annotations

import argparse
import heapq
from dataclasses import dataclass
from pathlib import Path

import numpy as np

MEGABYTES_A_MINUTE = 10.0 + 4 * 10.0
"""Read as 16-bit PCM, and four stems written as 24-bit FLAC, about as large each."""
START = 20.0
"""Seconds to import torch and load a model, once a worker and after each death."""
ROUND_TRIP = 0.01
"""Seconds between the end of a recording and the start of the next one on that worker."""
AWAY = 120.0
"""Seconds until a dead worker is back, and until its claim has expired."""


@dataclass(frozen=True)
class Site:
    """A cluster."""

    workers: int
    speed: float
    """Seconds of audio a second, of one worker."""
    days_between_deaths: float
    messages: float
    """Recordings that the scheduler and the client can hand out in a second."""
    storage: float
    """Megabytes a second that the storage moves for all workers together."""


@dataclass(frozen=True)
class Result:
    """How long it took, and where the time went."""

    hours: float
    efficiency: float
    """The time that equal workers without any loss would take, over the time it took."""
    lost: dict[str, float]
    """Share of all workers' time that went to each cause."""


def lengths_of(count: int, seed: int) -> np.ndarray:
    """Draw lengths of recordings in seconds."""
    random = np.random.default_rng(seed)
    lengths = random.lognormal(np.log(218), 0.45, count)
    mixes = random.random(count) < 0.01
    lengths[mixes] = random.uniform(20 * 60, 90 * 60, int(mixes.sum()))
    return lengths


def simulate(lengths: np.ndarray, site: Site, seed: int) -> Result:
    """Run the events of a whole library."""
    random = np.random.default_rng(seed)
    slow = np.where(random.random(site.workers) < 0.02, 3.0, 1.0)
    varied = random.lognormal(0, 0.1, len(lengths))
    every = site.days_between_deaths * 86400
    until_death = random.exponential(every, site.workers)
    free = [(START, worker) for worker in range(site.workers)]
    heapq.heapify(free)
    again: list[tuple[float, float]] = []
    scheduler = storage = 0.0
    busy = waited_scheduler = waited_storage = died = 0.0
    end = 0.0
    position = 0
    while position < len(lengths) or again:
        now, worker = heapq.heappop(free)
        if again and (again[0][0] <= now or position == len(lengths)):
            ready, work = heapq.heappop(again)
            now = max(now, ready)
        else:
            work = lengths[position] * varied[position] / site.speed
            position += 1
        start = max(now + ROUND_TRIP, scheduler)
        scheduler = start + 1 / site.messages
        waited_scheduler += start - now
        seconds = work * slow[worker]
        # The storage serves one after the other; most of it overlaps with the arithmetic.
        moved = work * site.speed / 60 * MEGABYTES_A_MINUTE / site.storage
        storage = max(storage, start) + moved
        done = max(start + seconds, storage)
        waited_storage += done - start - seconds
        if done - start > until_death[worker]:
            dead = start + until_death[worker]
            died += until_death[worker] + AWAY + START
            until_death[worker] = random.exponential(every)
            heapq.heappush(again, (dead + AWAY, work))
            heapq.heappush(free, (dead + AWAY + START, worker))
            continue
        until_death[worker] -= done - start
        busy += work
        end = max(end, done)
        heapq.heappush(free, (done, worker))
    idle = sum(max(0.0, end - time) for time, _ in free)
    whole = end * site.workers
    ideal = float((lengths * varied).sum()) / site.speed / site.workers
    lost = {
        "tail": idle,
        "scheduler": waited_scheduler,
        "storage": waited_storage,
        "deaths": died,
        "start": START * site.workers,
    }
    shares = {name: value / whole for name, value in lost.items()}
    shares["stragglers"] = max(0.0, 1 - busy / whole - sum(shares.values()))
    return Result(end / 3600, ideal / end, shares)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tracks", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=1000)
    parser.add_argument("--speed", type=float, help="times real time of one worker")
    parser.add_argument("--order", choices=("as-found", "longest-first"), default="as-found")
    parser.add_argument("--days-between-deaths", type=float, default=7)
    parser.add_argument("--messages", type=float, default=100)
    parser.add_argument("--storage", type=float, default=10_000, help="MB a second for all")
    parser.add_argument("--lengths", type=Path, help="seconds of each recording, one a line")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    lengths = np.loadtxt(given.lengths) if given.lengths else lengths_of(given.tracks, given.seed)
    if given.order == "longest-first":
        lengths = np.sort(lengths)[::-1]
    causes = ("tail", "scheduler", "storage", "deaths", "start", "stragglers")
    print("| a worker's speed | hours | of the ideal |", " | ".join(causes), "|")
    print("|---|---|---|" + "---|" * len(causes))
    for speed in [given.speed] if given.speed else [0.65, 4.0, 30.0, 100.0]:
        site = Site(given.workers, speed, given.days_between_deaths, given.messages, given.storage)
        result = simulate(lengths, site, given.seed)
        shares = " | ".join(f"{100 * max(0.0, result.lost[name]):.2f} %" for name in causes)
        print(f"| {speed:g}× | {result.hours:.1f} | {100 * result.efficiency:.1f} % | {shares} |")


if __name__ == "__main__":
    main()
