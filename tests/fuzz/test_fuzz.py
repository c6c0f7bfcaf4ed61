"""A few cases of the fuzz harness, and that it sees what it should see."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

if not sys.platform.startswith("linux"):
    pytest.skip("the harness needs fork and limits of Linux", allow_module_level=True)

from fuzz import cage, mutation, seeds, targets
from fuzz.checkpoints import write_state
from unmixcli.errors import InputError

ROOT = Path(__file__).parents[2]


def forever() -> None:
    while True:
        pass


def too_much() -> None:
    os.environ["HELD"] = str(len(bytearray(4 * 10**9)))


def refused() -> None:
    raise InputError("not so")


def wrapped() -> None:
    try:
        raise ValueError
    except ValueError as error:
        raise InputError("strange") from error


def promise() -> None:
    raise cage.BrokenPromise("a stem is lost")


@pytest.mark.parametrize(
    ("case", "kind"),
    [
        (int, "fine"),
        (refused, "refused"),
        (wrapped, "traceback"),
        (lambda: 1 / 0, "traceback"),
        (lambda: sys.exit(0), "traceback"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "crash"),
        (lambda: os._exit(0), "crash"),
        (forever, "hang"),
        (lambda: time.sleep(60), "hang"),
        (too_much, "memory"),
        (promise, "lost"),
    ],
)
def test_the_cage_sees(case: object, kind: str) -> None:
    result = cage.run(case, seconds=1)  # type: ignore[arg-type]
    assert (result.kind, result.bad) == (kind, kind not in ("fine", "refused")), result


def test_damage_is_the_same_for_the_same_seed() -> None:
    data = bytes(range(256)) * 9
    for how in (mutation.damage, lambda data, random: mutation.damage_text(b'{"a": 1}', random)):
        ones, others = ([how(data, Random(k)) for k in range(50)] for _ in range(2))
        assert ones == others and len(set(ones)) > 20


def test_what_is_damaged_is_good_before(tmp_path: Path) -> None:
    """Otherwise every case would be refused for the wrong reason."""
    for name, family in seeds.families().items():
        suffix = family.suffixes[-1]
        path = tmp_path / f"{name}{suffix}"
        write_state(family.state, path, False, family.metadata, family.package)
        card = family.card(path)
        targets._load_and_separate(card, {weights.file: path for weights in card.weights})


def test_some_cases_of_every_kind() -> None:
    """The long run is `python -m fuzz --cases 20000`."""
    command = [sys.executable, "-W", "ignore", "-m", "fuzz", "--cases", "36", "--seed", "7"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert re.search(r"36 cases in \d+ s: 0 defects", done.stdout)
