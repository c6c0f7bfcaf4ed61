"""The command; see the package for what it does."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

# Before torch is imported: a child that is forked must find no threads of OpenMP.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from . import cage, targets


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit code is 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("what", nargs="*", help="case KIND NUMBER, kills, races or farm")
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--count", type=int, default=20, help="of kills or races")
    parser.add_argument("--tracks", type=int, default=100, help="of a farm")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--kinds", default=",".join(targets.KINDS))
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="unmix-fuzz-") as folder:
        os.environ["UNMIX_HOME"] = str(Path(folder, "home"))
        os.environ["UNMIX_OFFLINE"] = ""
        for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
            del os.environ[name]
        if given.what[:1] == ["farm"]:
            from .farm import farm

            return farm(Path(folder), given.count, given.seed, given.tracks)
        if given.what[:1] in (["kills"], ["races"]):
            from . import runs

            run = runs.kills if given.what == ["kills"] else runs.races
            return run(Path(folder), given.count, given.seed)
        world = targets.World.build(Path(folder))
        if given.what[:1] == ["case"]:
            make_case(world, given.what[1], int(given.what[2]), given.seed)()
            return 0
        numbers = range(given.first, given.first + given.cases)
        return fuzz(world, numbers, given.seed, given.kinds.split(","))


def fuzz(world: targets.World, numbers: range, seed: int, kinds: list[str]) -> int:
    """Run cases of all kinds in turn and report on stdout."""
    turns = [kind for kind in kinds for _ in range(targets.KINDS[kind][1])]
    counts: Counter[tuple[str, str]] = Counter()
    slowest: dict[str, float] = dict.fromkeys(kinds, 0)
    largest: dict[str, int] = dict.fromkeys(kinds, 0)
    began = time.monotonic()
    for number in numbers:
        kind = turns[number % len(turns)]
        result = run_case(world, kind, number, seed)
        counts[kind, result.kind] += 1
        slowest[kind] = max(slowest[kind], result.seconds)
        largest[kind] = max(largest[kind], result.memory)
        if result.bad:
            print(f"--- {kind} {number} --seed {seed}: {result.kind}\n{result.text}", flush=True)
    for kind in kinds:
        ended = ", ".join(f"{n} {how}" for (k, how), n in sorted(counts.items()) if k == kind)
        print(f"{kind}: {ended}; {slowest[kind]:.1f} s, {largest[kind] / 1e6:.0f} MB at most")
    bad = sum(n for (_, how), n in counts.items() if how not in ("fine", "refused"))
    print(f"{len(numbers)} cases in {time.monotonic() - began:.0f} s: {bad} defects")
    return 1 if bad else 0


def run_case(world: targets.World, kind: str, number: int, seed: int) -> cage.Result:
    """Run one case in its cage and a folder of its own."""
    folder = world.folder / f"case-{number}"
    folder.mkdir()
    try:
        return cage.run(_make(world, kind, number, seed, folder))
    finally:
        shutil.rmtree(folder)


def make_case(world: targets.World, kind: str, number: int, seed: int) -> targets.Case:
    """Make a case to run here, for a debugger or a traceback; its folder stays."""
    folder = Path(tempfile.mkdtemp(prefix=f"unmix-{kind}-{number}-"))
    print(folder)
    return _make(world, kind, number, seed, folder)


def _make(world: targets.World, kind: str, number: int, seed: int, folder: Path) -> targets.Case:
    return targets.KINDS[kind][0](world, Random(f"{seed} {kind} {number}"), folder)


if __name__ == "__main__":
    sys.exit(main())
