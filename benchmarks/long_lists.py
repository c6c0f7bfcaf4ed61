"""How a run begins over a million recordings: time to the first one, peak memory of the client.

    python benchmarks/long_lists.py                 # a list of 1,000,000 names
    python benchmarks/long_lists.py --folders       # as many empty files in folders of 1,000

An executor that separates nothing takes the jobs, so that what is measured is the
listing, the claims and the checks. The names in the list do not exist and fail at once;
the empty files become jobs. Linux and macOS only.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from unmixcli.errors import UnmixError
from unmixcli.models.interface import ignore
from unmixcli.models.store import silent
from unmixcli.options.config import SeparationConfig
from unmixcli.separation.batch import Batch
from unmixcli.separation.results import Outcome


class Taker:
    """An executor that notes when the first job came."""

    waits_for_others = False
    first: float | None = None

    def run(self, jobs: Iterator[Any], began: Any) -> Iterator[Outcome]:
        for job in jobs:
            self.first = self.first or time.monotonic()
            yield job if isinstance(job, Outcome) else Outcome(job.source, UnmixError("taken"))

    def close(self) -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--folders", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder, "library")
        if given.folders:
            make_files(top, given.count)
            inputs = [str(top)]
        else:
            names = Path(folder, "list")
            with names.open("w") as file:
                file.writelines(
                    f"{top}/artist {n // 1000}/{n:07}.flac\n" for n in range(given.count)
                )
            inputs = [f"@{names}"]
        config = SeparationConfig.parse(model="umx-synth", niter=0, outdir=Path(folder, "out"))
        taker = Taker()
        batch = Batch(
            config, lambda _: nullcontext(ignore), lambda: nullcontext(silent), executor=taker
        )
        before = peak()
        began = time.monotonic()
        count = sum(1 for _ in batch.run(inputs))
        ended = time.monotonic()
        print(
            f"{count} recordings; the first after {(taker.first or ended) - began:.2f} s, "
            f"all after {ended - began:.0f} s; peak memory {before:.0f} MB before, "
            f"{peak():.0f} MB at the end"
        )


def make_files(top: Path, count: int) -> None:
    """Make empty files, a thousand in a folder."""
    for number in range(count):
        folder = top / f"artist {number // 1000}"
        if number % 1000 == 0:
            folder.mkdir(parents=True)
        (folder / f"{number:07}.flac").touch()


def peak() -> float:
    """Return the largest resident memory so far in MB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


if __name__ == "__main__":
    main()
