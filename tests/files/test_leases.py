"""Leases: one owner at a time, taken over from dead processes, no files left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from unmixcli.files import leases
from unmixcli.files.leases import Lease


def test_one_owner_at_a_time_and_nothing_left(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / ".x.lease"
    with Lease.take(path) as lease:
        assert lease is not None
        assert Lease.take(path) is None
    assert not list(tmp_path.iterdir())
    with Lease.take(path) as again:
        assert again is not None


def test_of_many_that_try_one_has_it(tmp_path: Path) -> None:
    path = tmp_path / ".x.lease"
    with ThreadPoolExecutor(8) as pool:
        taken = [lease for lease in pool.map(Lease.take, [path] * 40) if lease]
    assert len(taken) == 1
    taken[0].release()


def test_that_of_a_process_that_was_killed_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / ".x.lease"
    code = "import os, sys; from pathlib import Path; from unmixcli.files.leases import Lease\n"
    code += "lease = Lease.take(Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code, path], check=False)
    assert path.exists()
    with Lease.take(path) as lease:
        assert lease is not None


@pytest.mark.parametrize(("age", "free"), [(0, False), (1000, True)])
def test_that_of_another_machine_expires(tmp_path: Path, age: int, free: bool) -> None:
    path = tmp_path / ".x.lease"
    path.write_text(json.dumps({"host": "elsewhere", "pid": 1, "owner": "x"}))
    then = time.time() - age
    os.utime(path, (then, then))
    lease = Lease.take(path)
    assert (lease is not None) == free
    if lease:
        lease.release()


def test_it_is_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "RENEWED_EVERY", 0.02)
    path = tmp_path / ".x.lease"
    with Lease.take(path):
        os.utime(path, (0, 0))
        deadline = time.monotonic() + 10
        while path.stat().st_mtime == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert path.stat().st_mtime > 0


@pytest.mark.parametrize("content", [b"", b"garbage", b"[" * 100_000, b'{"pid": "x"}', b"\xff"])
def test_what_makes_no_sense_expires_too(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / ".x.lease"
    path.write_bytes(content)
    assert Lease.take(path) is None
    os.utime(path, (0, 0))
    with Lease.take(path) as lease:
        assert lease is not None


def test_one_that_was_taken_over_is_not_removed_by_its_old_owner(tmp_path: Path) -> None:
    path = tmp_path / ".x.lease"
    old = Lease.take(path)
    assert old is not None
    path.write_text(json.dumps({"host": "elsewhere", "pid": 1, "owner": "new"}))
    assert not old.held
    old.release()
    assert path.exists()


def test_a_new_lease_is_not_taken_for_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process takes over between the look at an old lease and its removal."""
    path = tmp_path / ".x.lease"
    path.write_text(json.dumps({"host": "elsewhere", "pid": 1, "owner": "old"}))
    os.utime(path, (0, 0))
    new = json.dumps({"host": "elsewhere", "pid": 2, "owner": "new"})

    def overtaken(path: Path) -> bool:
        monkeypatch.undo()
        path.write_text(new)
        return True

    monkeypatch.setattr(leases, "_abandoned", overtaken)
    assert Lease.take(path) is None
    assert path.read_text() == new and list(tmp_path.iterdir()) == [path]
