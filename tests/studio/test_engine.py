"""Separating: the queue, the worker and its death, cancelling, starting again, exports."""

from __future__ import annotations

import io
import json
import os
import signal
import zipfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from starlette.testclient import TestClient

from studios import HOST, MODEL, RATE, add, ended, read, song, until
from unmixcli.errors import OutputError
from unmixcli.options.config import SeparationConfig
from unmixcli.separation.batch import Batch
from unmixcli.separation.results import Skipped
from unmixcli.stems.manifest import stems_in
from unmixcli.studio import engine as engines
from unmixcli.studio.access import Access
from unmixcli.studio.app import make_app
from unmixcli.studio.engine import Clock
from unmixcli.studio.library import Library
from unmixcli.studio.records import Wish
from unmixcli.studio.studio import Studio


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Studio, TestClient]]:
    """One studio for all tests of this file, so that the model is loaded once."""
    root = tmp_path_factory.mktemp("busy")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNMIX_HOME", str(root / "home"))
        patch.setenv("UNMIX_OFFLINE", "1")
        patch.setenv("OMP_NUM_THREADS", "1")
        studio, access = Studio(root / "library"), Access(port=8459)
        with TestClient(make_app(studio, access), base_url=HOST) as client:
            client.headers["authorization"] = f"Bearer {access.token}"
            yield studio, client


@pytest.fixture
def studio(busy: tuple[Studio, TestClient]) -> Studio:
    return busy[0]


@pytest.fixture
def client(busy: tuple[Studio, TestClient], monkeypatch: pytest.MonkeyPatch) -> TestClient:
    monkeypatch.setenv("UNMIX_HOME", str(busy[0].library.root.parent / "home"))
    monkeypatch.setenv("UNMIX_OFFLINE", "1")
    return busy[1]


@pytest.fixture(scope="module")
def made(busy: tuple[Studio, TestClient], tmp_path_factory: pytest.TempPathFactory) -> dict:
    """A song with its stems."""
    path = song(tmp_path_factory.mktemp("made") / "made.flac", 1.0, 7, title="Made", artist="Ann")
    found = add(busy[1], path, model=MODEL)
    job = ended(busy[1], found["jobs"][0])
    assert job["state"] == "done", job
    return found | {"job": job}


def stems_of(client: TestClient, job: dict) -> dict[str, np.ndarray]:
    answers = {name: client.get(f"/api/jobs/{job['id']}/stems/{name}") for name in job["stems"]}
    assert all(answer.status_code == 200 for answer in answers.values())
    return {name: read(answer.content) for name, answer in answers.items()}


def test_a_song_is_separated(client: TestClient, studio: Studio, made: dict) -> None:
    job = made["job"]
    assert job["stems"] == ["vocals", "drums", "bass", "other"] and job["made_by"] == MODEL
    stems = stems_of(client, job)
    assert {stem.shape for stem in stems.values()} == {(2, RATE)}
    mixture = soundfile.read(studio.library.recording(studio.library.song(made["id"])))[0].T
    total = sum(stems.values())
    assert np.corrcoef(total.ravel(), mixture.ravel())[0, 1] > 0.9
    page = client.get(job["page"])
    assert page.status_code == 200 and "<h1>Made</h1>" in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "'unsafe" not in policy
    assert policy.endswith("frame-ancestors 'self'")
    assert client.get(f"{job['page']}vocals.flac").status_code == 200
    for name in ("index.html", ".unmix.json", "..%2f..%2fmade.flac", "vocals"):
        assert client.get(f"{job['page']}{name}").status_code == 404


def test_the_command_line_sees_what_the_studio_made(
    client: TestClient, studio: Studio, made: dict
) -> None:
    """The same options, as typed, find the stems done; and they are nobody's input."""
    root = studio.library.root
    recording = studio.library.recording(studio.library.song(made["id"]))
    config = SeparationConfig.parse(
        model=MODEL, outdir=root, filename="{folder}/{model}/{target}.{ext}", format="flac",
        clip="rescale", skip_existing=True,
    )  # fmt: skip
    batch = Batch(config, None, None)  # type: ignore[arg-type]
    (outcome,) = batch.run([recording])
    assert isinstance(outcome.result, Skipped)
    assert len(stems_in(recording.parent / MODEL)) == 4


def test_what_is_there_is_not_made_again(client: TestClient, studio: Studio, made: dict) -> None:
    again = client.post(f"/api/songs/{made['id']}/jobs", json={"model": MODEL}).json()
    assert again["id"] == made["job"]["id"] and again["state"] == "done"
    # If a file is gone it is made again; the others stay.
    job = studio.library.job(again["id"])
    (studio.library.root / job.page).unlink()
    stem = studio.library.root / job.stems["bass"]
    before = stem.stat().st_mtime_ns
    assert client.get(made["job"]["page"]).status_code == 404
    new = client.post(f"/api/songs/{made['id']}/jobs", json={"model": MODEL}).json()
    assert new["id"] != job.id
    assert ended(client, new)["state"] == "done"
    assert client.get(new["page"] or f"/listen/{new['id']}/").status_code == 200
    assert stem.stat().st_mtime_ns == before


def test_ten_songs_at_once(client: TestClient, tmp_path: Path) -> None:
    found = [add(client, song(tmp_path / f"{n}.flac", 0.1, 20 + n), model=MODEL) for n in range(10)]
    jobs = [ended(client, one["jobs"][0]) for one in found]
    assert [job["state"] for job in jobs] == ["done"] * 10
    began = [job["started"] for job in jobs]
    assert began == sorted(began)  # one after the other, in their order
    assert all(a["finished"] <= b["started"] for a, b in pairwise(jobs))


def test_a_killed_worker_costs_nothing(client: TestClient, studio: Studio, tmp_path: Path) -> None:
    job = add(client, song(tmp_path / "a.flac", 5, 40), model=MODEL)["jobs"][0]
    until(lambda: client.get(f"/api/jobs/{job['id']}").json()["state"] == "working")
    pid = studio.engine.worker
    assert pid
    os.kill(pid, signal.SIGKILL)
    done = ended(client, job)
    assert done["state"] == "done" and studio.engine.worker != pid
    assert "begun again" in done["notes"][0]
    folder = studio.library.root / "a" / MODEL
    assert not list(folder.glob("*.part")) and not list(folder.glob(".*.part"))


def test_a_worker_that_dies_twice(
    client: TestClient, studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A song that kills its worker must not keep the others from being separated."""
    studio.engine._end_worker()
    real = engines._hire

    def hire(library: Library) -> engines._Worker:
        worker = real(library)
        worker.process.kill()
        return worker

    monkeypatch.setattr(engines, "_hire", hire)
    job = add(client, song(tmp_path / "b.flac", 0.2, 41), model=MODEL)["jobs"][0]
    failed = ended(client, job)
    assert failed["state"] == "failed" and "signal 9" in failed["error"]
    monkeypatch.undo()
    assert client.post(f"/api/jobs/{job['id']}/retry").json()["state"] in ("waiting", "working")


def test_a_failure_is_a_sentence(client: TestClient, studio: Studio, tmp_path: Path) -> None:
    found = add(client, song(tmp_path / "c.flac", 0.2, 42))
    recording = studio.library.recording(studio.library.song(found["id"]))
    recording.write_bytes(b"no sound")
    job = client.post(f"/api/songs/{found['id']}/jobs", json={"model": MODEL}).json()
    failed = ended(client, job)
    assert failed["state"] == "failed" and "Traceback" not in failed["error"]
    assert not (recording.parent / MODEL).exists()


def test_without_a_network_a_missing_model_is_said(client: TestClient, tmp_path: Path) -> None:
    found = add(client, song(tmp_path / "d.flac", 0.2, 43))
    job = client.post(
        f"/api/songs/{found['id']}/jobs", json={"goal": "six-stems", "accept": True}
    ).json()
    failed = ended(client, job)
    assert failed["state"] == "failed" and "downloads are off" in failed["error"]


def test_a_goal_takes_what_is_there(client: TestClient, tmp_path: Path) -> None:
    found = add(client, song(tmp_path / "e.flac", 0.2, 44), goal="karaoke", accept="true")
    done = ended(client, found["jobs"][0])
    assert (done["state"], done["stems"], done["made_by"]) == ("done", ["karaoke"], MODEL)


def test_cancelling(client: TestClient, studio: Studio, tmp_path: Path) -> None:
    first = add(client, song(tmp_path / "f.flac", 20, 45), model=MODEL)
    second = add(client, song(tmp_path / "g.flac", 0.2, 46), model=MODEL)
    until(lambda: client.get(f"/api/jobs/{first['jobs'][0]['id']}").json()["state"] == "working")
    assert client.delete(f"/api/songs/{first['id']}").status_code == 409
    waiting = client.post(f"/api/jobs/{second['jobs'][0]['id']}/cancel").json()
    assert waiting["state"] == "cancelled"
    client.post(f"/api/jobs/{first['jobs'][0]['id']}/cancel")
    assert ended(client, first["jobs"][0])["state"] == "cancelled"
    left = {path.name for path in (studio.library.root / "f").rglob("*")}
    assert not {name for name in left if name.endswith((".flac", ".html"))} - {"f.flac"}
    client.post(f"/api/jobs/{second['jobs'][0]['id']}/retry")
    assert ended(client, second["jobs"][0])["state"] == "done"
    # What is over cannot be cancelled.
    again = client.post(f"/api/jobs/{second['jobs'][0]['id']}/cancel").json()
    assert again["state"] == "done"


def export(client: TestClient, job: dict, **form: object) -> tuple[str, bytes]:
    answer = client.post(f"/api/jobs/{job['id']}/exports", json=form)
    assert answer.status_code == 201, answer.text
    found = client.get(answer.json()["url"])
    assert found.headers["content-disposition"].startswith("attachment")
    assert len(found.content) == answer.json()["size"]
    return answer.json()["name"], found.content


def test_stems_in_other_formats(client: TestClient, made: dict) -> None:
    stems = stems_of(client, made["job"])
    for format, near in {"wav": 1e-6, "flac": 1e-6, "mp3": 0.1, "m4a": 0.1}.items():
        name, content = export(client, made["job"], stems=["bass"], format=format)
        assert name == f"Made (bass).{format}"
        if format == "m4a":
            assert content[4:8] == b"ftyp"
            continue
        heard = read(content)[:, :RATE]
        assert np.abs(heard - stems["bass"][:, : heard.shape[1]]).max() < near
    name, content = export(client, made["job"], stems=["bass"], format="wav", quality="16")
    assert soundfile.info(io.BytesIO(content)).subtype == "PCM_16"
    name, content = export(client, made["job"], stems=made["job"]["stems"], format="flac")
    assert name == "Made (stems).zip"
    bundle = zipfile.ZipFile(io.BytesIO(content))
    assert bundle.namelist() == [f"Made ({stem}).flac" for stem in stems]
    assert np.array_equal(read(bundle.read("Made (drums).flac")), stems["drums"])


def test_a_mix_is_the_sum_of_its_stems(client: TestClient, made: dict) -> None:
    stems = stems_of(client, made["job"])
    gains = {"vocals": 0.0, "drums": 0.5, "bass": 1.0, "other": 0.25}
    name, content = export(client, made["job"], mix=gains, format="wav", quality="32f")
    assert name == "Made (drums, bass, other).wav"
    expected = sum(gains[stem] * samples for stem, samples in stems.items())
    assert np.abs(read(content) - expected).max() < 1e-6
    # What would exceed full scale is turned down as a whole.
    loud = dict.fromkeys(stems, 16.0)
    _, content = export(client, made["job"], mix=loud, format="flac")
    expected = sum(16.0 * samples for samples in stems.values())
    assert np.abs(expected).max() > 1
    assert np.abs(read(content) - expected / np.abs(expected).max()).max() < 1e-5


@pytest.mark.parametrize(
    "form",
    [
        {}, {"stems": ["vocals"], "mix": {"bass": 1}}, {"stems": ["../x"]}, {"mix": {"x": 1}},
        {"mix": {"bass": -1}}, {"mix": {"bass": 1e9}}, {"mix": {"bass": 0}}, {"stems": 5},
        {"mix": {"bass": "NaN"}}, {"stems": ["bass"], "format": "exe"}, {"path": "/etc/passwd"},
        {"stems": ["bass"], "format": "mp3", "quality": "24"}, {"stems": ["bass"] * 65},
        {"stems": ["bass"], "quality": "../x"},
    ],
)  # fmt: skip
def test_a_form_that_makes_no_sense(client: TestClient, made: dict, form: dict) -> None:
    answer = client.post(f"/api/jobs/{made['job']['id']}/exports", json=form)
    assert answer.status_code == 422 and answer.json()["error"]


def test_exports_do_not_pile_up(client: TestClient, studio: Studio, made: dict) -> None:
    urls = []
    for _ in range(10):
        body = {"stems": ["bass"], "format": "wav"}
        answer = client.post(f"/api/jobs/{made['job']['id']}/exports", json=body)
        urls.append(answer.json()["url"])
    assert [client.get(url).status_code for url in urls] == [404, 404, *[200] * 8]
    assert len(list(studio.library.exports.iterdir())) == 8


def test_events_tell_what_happens(client: TestClient, studio: Studio, tmp_path: Path) -> None:
    seen: list[tuple[str, object]] = []
    real = studio.hub.publish
    studio.hub.publish = lambda kind, data: (seen.append((kind, data)), real(kind, data))  # type: ignore
    studio.engine._publish = studio.hub.publish
    try:
        found = add(client, song(tmp_path / "h.flac", 3, 47), model=MODEL)
        ended(client, found["jobs"][0])
        until(lambda: seen[-1] == ("progress", None))
    finally:
        studio.hub.publish = studio.engine._publish = real  # type: ignore
    assert json.dumps(seen)
    states = [data["state"] for kind, data in seen if kind == "job"]  # type: ignore
    assert states[0] == "waiting" and states[-1] == "done"
    parts = [data["fraction"] for kind, data in seen if kind == "progress" and data]  # type: ignore
    assert parts == sorted(parts) and parts[-1] == 1


# --- the library ---


def test_what_was_under_way_is_not_lost(tmp_path: Path) -> None:
    """A killed studio: its lock is free, its job waits."""
    library = Library(tmp_path)
    from unmixcli.studio.records import Song

    for n in range(3):
        one = Song(f"s{n}", "a", "A", "", "", 1.0, 1, f"{n}", f"f{n}", "a.wav", "", float(n))
        library.add_song(one, None)
    jobs = [library.add_job(f"s{n}", Wish(model=MODEL)) for n in range(3)]
    library.move(jobs[0].id, ("waiting",), "done", stems={})
    library.move(jobs[1].id, ("waiting",), "working", attempts=2)
    (library.uploads / "half.part").write_bytes(b"x")
    with pytest.raises(OutputError, match="another studio has the library"):
        Library(tmp_path)
    library._file_lock.release()  # as when its process dies
    library = Library(tmp_path)
    assert [library.job(job.id).state for job in jobs] == ["done", "waiting", "waiting"]
    assert library.next_job() == library.job(jobs[1].id)
    assert library.job(jobs[1].id).attempts == 0
    assert not list(library.uploads.iterdir())
    library.close()


def test_a_newer_library_is_left_alone(tmp_path: Path) -> None:
    library = Library(tmp_path)
    library._run("PRAGMA user_version = 99")
    library.close()
    with pytest.raises(OutputError, match="newer unmixcli"):
        Library(tmp_path)


def test_a_library_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="choose another folder with --library"):
        Library(tmp_path / "file")


def test_a_clock_tells_the_time_left() -> None:
    time = [0.0]
    clock = Clock(100, lambda: time[0])
    assert clock.left(0.0, 200) == (None, None)
    time[0] = 10.0
    assert clock.left(0.02, 200) == (None, None)
    left, whole = clock.left(0.1, 200)
    assert left == pytest.approx(90) and whole == pytest.approx(90 + 200)
