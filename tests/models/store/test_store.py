"""The store: in normal use, with damaged files, and with several processes."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import server as web
from toys import TINY, Events, card_for, some_bytes, tiny
from unmixcli.errors import InputError, ModelError
from unmixcli.models.cards import ModelCard, Weights
from unmixcli.models.store import Store

DATA = TINY
FILE = "/tiny.pth"


def ensure(store: Store, card: ModelCard, **how) -> Path:
    return store.ensure(card, card.weights, **how)["tiny.pth"]


def damage(path: Path) -> None:
    """Flip one bit, and put the clock back as if nothing had been written."""
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_fetches_once(server, store):
    card = tiny(server)
    path = ensure(store, card)
    assert path == store.root / "toy" / "tiny" / "tiny.pth"
    assert ensure(store, card, offline=True) == path
    assert len(server.requests) == 1


def test_what_was_fetched_is_not_executable(server, store):
    old = os.umask(0)
    try:
        path = ensure(store, tiny(server))
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o111 == 0


def test_several_files_at_a_time(server, store):
    """The server sends none of four files before all are asked for."""
    files = {f"{n}.pth": some_bytes(1000, seed=n) for n in range(4)}
    server.files |= {f"/{file}": data for file, data in files.items()}
    all_here = threading.Barrier(4, timeout=10)

    def together(handler, data):
        all_here.wait()
        web.serve(handler, data)

    server.script = {f"/{file}": [together] for file in files}
    card = card_for(files, server.address)
    paths = Store().ensure(card, card.weights)
    assert {file: path.read_bytes() for file, path in paths.items()} == files


def test_one_file_that_fails_does_not_stop_the_others(server, store):
    files = {f"{n}.pth": some_bytes(1000, seed=n) for n in range(6)}
    server.files |= {f"/{file}": data for file, data in files.items() if file != "2.pth"}
    card = card_for(files, server.address)
    outcomes = store.fetch([(card, weights) for weights in card.weights])
    assert [outcome.error is None for outcome in outcomes] == [True, True, False, True, True, True]


def test_progress_tells_bytes_and_total(server, store):
    events = Events()
    ensure(store, tiny(server), report=events)
    assert events[-1].done == events[-1].total == len(DATA)
    assert [e.done for e in events] == sorted(e.done for e in events)


def test_a_restriction_is_told_once_when_fetched(server, store):
    files = {f"{n}.pth": some_bytes(1000, seed=n) for n in range(3)}
    server.files |= {f"/{file}": data for file, data in files.items()}
    card = card_for(files, server.address, restriction="Not for commercial use.")
    events = Events()
    store.ensure(card, card.weights, report=events)
    assert events.notes == ["Not for commercial use."]
    store.ensure(card, card.weights, report=events)
    assert events.notes == ["Not for commercial use."]


def test_offline_and_missing(store, server, monkeypatch):
    card = tiny(server)
    words = "tiny needs tiny.pth, which is not on this machine, and "
    words += "--offline or UNMIX_OFFLINE forbids downloading it"
    with pytest.raises(ModelError, match=words):
        ensure(store, card, offline=True)
    monkeypatch.setenv("UNMIX_OFFLINE", "1")
    with pytest.raises(ModelError, match=words):
        ensure(store, card)
    assert server.requests == [] and not store.root.exists()


@pytest.mark.parametrize("known", ["sha256", "sha512", "prefix", "nothing"])
def test_a_file_damaged_afterwards_is_fetched_again(server, store, known):
    card = tiny(server, known=known)
    path = ensure(store, card)
    damage(path)
    with pytest.raises(ModelError, match=r"has the SHA-"):
        ensure(store, card, offline=True)
    events = Events()
    assert ensure(store, card, report=events).read_bytes() == DATA
    assert "downloading it again" in events.notes[0]


def test_a_file_cut_short_afterwards(server, store):
    card = tiny(server)
    path = ensure(store, card)
    path.write_bytes(DATA[:1000])
    assert store.place(card, card.weights[0]).state() == "partial"
    with pytest.raises(ModelError, match=r"has 1,000 bytes instead of 300,000"):
        ensure(store, card, offline=True)
    assert ensure(store, card).read_bytes() == DATA


@pytest.mark.parametrize("known", ["prefix", "nothing"])
def test_the_full_digest_is_learnt_at_the_first_fetch(server, store, known):
    card = tiny(server, known=known)
    path = ensure(store, card)
    record = path.with_name(".tiny.pth.sha256")
    assert record.read_text() == f"{hashlib.sha256(DATA).hexdigest()}  tiny.pth\n"
    store.remove(card)
    assert record.exists()
    server.files[FILE] = some_bytes(300_000, seed=2)
    with pytest.raises(ModelError, match=r"the file it sends has the SHA-256"):
        ensure(store, card)


def test_a_wrong_prefix_is_refused(server, store):
    card = tiny(server, known="prefix")
    server.files[FILE] = some_bytes(300_000, seed=2)
    with pytest.raises(ModelError, match=r"the file it sends has the SHA-256"):
        ensure(store, card)


def test_a_file_put_there_by_hand_is_taken_and_its_digest_learnt(server, store):
    card = tiny(server, known="prefix")
    place = store.place(card, card.weights[0])
    place.folder.mkdir(parents=True)
    place.final.write_bytes(DATA)
    ensure(store, card, offline=True)
    assert place.record.exists()


def test_a_record_that_makes_no_sense_is_learnt_anew(server, store):
    card = tiny(server, known="prefix")
    path = ensure(store, card)
    record = path.with_name(".tiny.pth.sha256")
    digest = record.read_text()
    record.write_text(digest[:20])
    ensure(store, card)
    assert record.read_text() == digest


def test_force_fetches_again(server, store):
    card = tiny(server)
    ensure(store, card)
    (outcome,) = store.fetch([(card, card.weights[0])], force=True)
    assert outcome.fetched == len(DATA) and len(server.requests) == 2


def test_without_any_digest_two_halves_are_never_joined(server, store):
    server.script[FILE] = [web.cut(1000)]
    assert ensure(store, tiny(server, known="nothing")).read_bytes() == DATA
    assert "range" not in server.requests[1].headers


@pytest.mark.parametrize("where", ["home is a file", "file is a folder", "no permission"])
def test_a_store_that_cannot_be_written(server, store, home, where):
    card = tiny(server)
    if where == "home is a file":
        home.write_text("")
    elif where == "file is a folder":
        store.place(card, card.weights[0]).final.mkdir(parents=True)
    else:
        if os.geteuid() == 0:
            pytest.skip("root may write anywhere")
        home.mkdir(mode=0o555)
    with pytest.raises(ModelError, match=r"cannot write tiny.pth in .*set UNMIX_HOME to a folder"):
        ensure(store, card)


def test_a_file_system_that_is_read_only(server, store, tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        mount = ["mount", "-t", "tmpfs", "tmpfs", str(folder)]
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"cannot mount: {error}")
    try:
        full = Store(folder / "full", store.policy)
        card = tiny(server, known="prefix")
        path = ensure(full, card)
        path.with_name(".tiny.pth.sha256").unlink()
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        assert ensure(full, card) == path  # what is there works
        with pytest.raises(ModelError, match=r"Read-only file system; set UNMIX_HOME"):
            ensure(Store(folder / "empty", store.policy), card)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_files_of_the_users_own(store, tmp_path):
    own = tmp_path / "mine.pth"
    own.write_bytes(DATA)
    weights = Weights(file="mine.pth", path=own)
    card = ModelCard(
        name="mine", plugin="toy", targets=["vocals"], sample_rate=44100, weights=[weights]
    )
    assert store.ensure(card, card.weights) == {"mine.pth": own}
    own.write_bytes(DATA + b"trained on")  # no digest, so it may change
    assert store.ensure(card, card.weights) == {"mine.pth": own}
    assert [check.status for check in store.verify(card)] == ["unknown"]
    assert store.remove(card) == 0 and own.exists()
    strict = card.model_copy(update={"weights": (weights.model_copy(update={"sha256": "0" * 64}),)})
    with pytest.raises(ModelError, match=r"mine.pth, which mine needs, has the SHA-256"):
        store.ensure(strict, strict.weights)
    own.unlink()
    with pytest.raises(ModelError, match=r"mine.pth, which mine needs, is not on this machine"):
        store.ensure(card, card.weights)


def test_a_file_that_a_package_brings(store):
    weights = Weights(file="words", package_file="unmixcli:words.py")
    card = ModelCard(name="b", plugin="toy", targets=["x"], sample_rate=1, weights=[weights])
    path = store.ensure(card, card.weights, offline=True)["words"]
    assert path.name == "words.py" and path.is_file()


def test_verify(server, store):
    card = tiny(server)
    assert [check.status for check in store.verify(card)] == ["missing"]
    path = ensure(store, card)
    assert [check.status for check in store.verify(card)] == ["good"]
    damage(path)
    (check,) = store.verify(card)
    assert check.status == "damaged" and "SHA-256" in check.reason


def test_remove(server, store):
    card = tiny(server)
    path = ensure(store, card)
    assert store.remove(card) == len(DATA)
    assert not path.exists() and store.remove(card) == 0


@pytest.mark.parametrize("known", ["sha256", "sha512", "prefix"])
def test_add_recognises_by_digest(store, tmp_path, known):
    source = tmp_path / "download(1).bin"
    source.write_bytes(DATA)
    source.chmod(0o755)
    card = card_for({"tiny.pth": DATA}, "https://host.invalid", known=known)
    (added,) = store.add(source, [card])
    assert added.model == "tiny" and added.path.read_bytes() == DATA
    assert added.path.stat().st_mode & 0o111 == 0
    assert ensure(store, card, offline=True) == added.path


def test_add_refuses_what_it_does_not_know(store, tmp_path):
    card = card_for({"tiny.pth": DATA}, "https://host.invalid")
    source = tmp_path / "tiny.pth"
    source.write_bytes(DATA[:-1])
    with pytest.raises(ModelError, match=r"has the name of a file of tiny, but has 299,999 bytes"):
        store.add(source, [card])
    with pytest.raises(ModelError, match=r"not a file of a known model"):
        store.add(source.rename(tmp_path / "else.bin"), [card])
    with pytest.raises(InputError, match=r"cannot read"):
        store.add(tmp_path / "none", [card])


# Several processes, and the end of one.

FETCH = """
import sys
from pathlib import Path
from unmixcli.models.cards import ModelCard
from unmixcli.models.store import Store
card = ModelCard.model_validate_json(sys.argv[1])
for name, path in Store().ensure(card, card.weights, report=lambda e: print(e.note)).items():
    print("have", name)
"""


def start(card: ModelCard) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", FETCH, card.model_dump_json()]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def wait_for(condition) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def test_killed_in_the_middle_and_run_again(server, store):
    card = tiny(server)
    place = store.place(card, card.weights[0])
    server.script[FILE] = [web.stall(150_000)]
    process = start(card)
    wait_for(lambda: size_of(place.part) == 150_000)
    process.send_signal(signal.SIGKILL)
    assert process.wait(10) == -signal.SIGKILL
    assert not place.final.exists()
    process = start(card)
    assert "have tiny.pth" in process.communicate(timeout=20)[0] and process.returncode == 0
    assert place.final.read_bytes() == DATA
    assert server.requests[-1].headers["range"] == "bytes=150000-"


def test_killed_again_and_again(server, store):
    """Whatever the moment, what has the final name is right and the next run works."""
    card = tiny(server, known="prefix")
    place = store.place(card, card.weights[0])

    def slowly(handler, data):
        handler.head(200, len(data), ETag=web.etag(data))
        for start in range(0, len(data), 30_000):
            handler.wfile.write(data[start : start + 30_000])
            time.sleep(0.01)

    server.script[FILE] = [slowly] * 8
    for run in range(6):
        process = start(card)
        wait_for(lambda run=run: len(server.requests) > run)
        time.sleep(0.02 * run)
        process.kill()
        process.communicate(timeout=10)
        assert not place.final.exists() or place.final.read_bytes() == DATA
        if place.final.exists():
            break
    assert ensure(store, card).read_bytes() == DATA


def test_two_processes_fetch_once(server, store):
    card = tiny(server)

    def slow(handler, data):
        time.sleep(1)
        web.serve(handler, data)

    server.script[FILE] = [slow]
    processes = [start(card), start(card)]
    output = [process.communicate(timeout=20)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert len(server.requests) == 1
    assert sum("another process is downloading it" in text for text in output) == 1


def test_the_waiting_process_takes_over_from_one_that_dies(server, store):
    card = tiny(server)
    place = store.place(card, card.weights[0])
    server.script[FILE] = [web.stall(1000)]
    first = start(card)
    wait_for(lambda: size_of(place.part) == 1000)
    second = start(card)
    assert second.stdout.readline() == "another process is downloading it; waiting\n"
    first.kill()
    first.communicate(timeout=10)
    assert "have tiny.pth" in second.communicate(timeout=20)[0]
    assert place.final.read_bytes() == DATA


def test_a_lock_file_with_anything_in_it(server, store):
    card = tiny(server)
    place = store.place(card, card.weights[0])
    place.folder.mkdir(parents=True)
    place.lock.write_bytes(b"1234\nhalf-writ")
    assert ensure(store, card).read_bytes() == DATA


def test_an_interrupt_does_not_wait_for_a_silent_server(server, store):
    card = tiny(server)
    place = store.place(card, card.weights[0])
    server.script[FILE] = [web.stall(1000)]
    process = start(card)
    wait_for(lambda: size_of(place.part) == 1000)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode != 0
    assert not place.final.exists()


def test_remove_leaves_alone_what_is_being_fetched(server, store):
    card = tiny(server)
    place = store.place(card, card.weights[0])
    server.script[FILE] = [web.stall(1000)]
    process = start(card)
    wait_for(lambda: size_of(place.part) == 1000)
    try:
        with pytest.raises(ModelError, match=r"another process is downloading tiny"):
            store.remove(card)
    finally:
        process.kill()
        process.communicate(timeout=10)
