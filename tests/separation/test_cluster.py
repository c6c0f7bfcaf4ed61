"""Recordings on the workers of a cluster: the same stems, and nothing lost when workers die."""

from __future__ import annotations

import _thread
import importlib.util
import json
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from batches import STEMS, records
from running import Run, files
from sounds import music, write_float
from unmixcli.models.interface import ignore
from unmixcli.models.store import silent
from unmixcli.options.config import SeparationConfig
from unmixcli.separation.batch import Batch
from unmixcli.separation.executors import connecting
from unmixcli.separation.executors.cluster import Cluster
from unmixcli.separation.executors.worker import share_of


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """Two workers for all tests."""
    pytest.importorskip("distributed")
    from poison import Poisoned
    from unmixcli.separation.executors.local import start

    with start(workers=2, threads=1, deaths=3) as client:
        client.register_plugin(Poisoned())
        yield client


@pytest.fixture
def workers(client: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let ``--workers`` use them."""
    monkeypatch.setattr(connecting, "_local", lambda workers: nullcontext(client))
    return client


def test_workers_give_the_same_stems(
    batch: Run, album: list[str], workers: Any, one_thread: None
) -> None:
    """The same samples as the command by itself, and the same rows."""
    Path("album/bad.wav").write_bytes(b"RIFF, more or less")
    Path("album/deadly-once.wav").write_bytes(Path(album[0]).read_bytes())
    here = batch("album", "missing.wav")
    Path("out").rename("here")
    there = batch("album", "missing.wav", "--workers", "2")
    assert (here.code, there.code) == (1, 1)
    assert "7 recordings: 5 separated, 0 skipped, 2 failed" in there.err
    assert by_source(here.out) == by_source(there.out)
    Path("out/deadly-once.died").unlink()  # a worker did die
    stems = sorted(Path("here").rglob("*.wav"))
    assert len(stems) == 10
    for stem in stems:
        same = soundfile.read(Path("out", stem.relative_to("here")))[0]
        np.testing.assert_array_equal(soundfile.read(stem)[0], same)
    assert not [name for name in files() if name.endswith((".part", ".lease"))]
    again = batch("album", "--workers", "2", "--skip-existing")
    assert "6 recordings: 0 separated, 5 skipped, 1 failed" in again.err


def test_a_recording_that_kills_workers_is_set_aside(
    batch: Run, album: list[str], workers: Any
) -> None:
    Path("album/poison.wav").write_bytes(Path(album[0]).read_bytes())
    outcome = batch("album", "--workers", "2")
    assert outcome.code == 1
    assert "poison.wav was set aside: each of 3 workers died" in outcome.error
    # A set whose worker died before it could report it counts as skipped: it is complete.
    assert sum(row["status"] in ("separated", "skipped") for row in records(outcome)) == 4
    assert len(list(Path("out").rglob("vocals.wav"))) == 4
    assert not [name for name in files() if name.startswith("out/poison") and "/." not in name]


def test_a_run_that_is_called_off_leaves_nothing(run: Run, tiny_model: Path, workers: Any) -> None:
    write_float(Path("long.wav"), music(60))
    config = SeparationConfig.parse(model=str(tiny_model), outdir="out", targets=STEMS)
    batch = Batch(
        config,
        lambda _: nullcontext(ignore),
        lambda: nullcontext(silent),
        executor=Cluster(lambda: nullcontext(workers)),
    )
    outcomes = batch.run(["long.wav"])
    with pytest.raises(KeyboardInterrupt):
        interrupt_when(lambda: any(Path("out").rglob("*.part")), outcomes)
    assert files() == ["long.wav"]


def by_source(output: str) -> dict[str, dict[str, Any]]:
    """The rows without their times, whatever their order."""
    rows = {row["source"]: row for row in map(json.loads, output.splitlines())}
    for row in rows.values():
        row.pop("elapsed", None)
    return rows


def interrupt_when(ready: Any, outcomes: Any) -> None:
    """Press Ctrl-C in the middle of the work."""

    def press() -> None:
        deadline = time.monotonic() + 120
        while not ready() and time.monotonic() < deadline:
            time.sleep(0.02)
        _thread.interrupt_main()

    threading.Thread(target=press, daemon=True).start()
    list(outcomes)


def test_what_a_cluster_cannot_do(
    batch: Run, album: list[str], workers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "either --cluster or --workers" in batch("album", "--workers", 2, "--cluster", "x").error
    monkeypatch.setattr(connecting, "PATIENCE", 0.2)
    outcome = batch("album", "--cluster", "tcp://127.0.0.1:1")
    assert outcome.code == 1 and "no scheduler answers at tcp://127.0.0.1:1" in outcome.error
    outcome = batch("album", "--cluster", "nonsense://x")
    assert outcome.code == 1 and "is not the address of a scheduler" in outcome.error
    real = importlib.util.find_spec
    missing = {"distributed": None}
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: missing.get(name, real(name, *more))
    )
    outcome = batch("album", "--workers", "2")
    assert outcome.code == 1 and "run `pip install 'unmixcli[cluster]'`" in outcome.error


def test_each_worker_has_its_card_and_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [share_of("auto", number, 2) for number in range(3)] == ["cuda:0", "cuda:1", "cuda:0"]
    assert share_of("cpu", 1, 2) == "cpu" and share_of("auto", "tcp://a:1", 2) == "auto"
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert [connecting.threads_each(count) for count in (1, 2, 9)] == [7, 3, 1]
