"""Songs on their way in: hostile names, tags and contents, bounds, twins, searching, removing."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from studios import PIXEL, add, song
from unmixcli.errors import InputError
from unmixcli.studio import uploads
from unmixcli.studio.studio import Studio
from unmixcli.studio.uploads import FullError, TooLargeError, receive, safe_name

HOSTILE = [
    "../../../etc/passwd.flac", "..\\..\\windows\\x.flac", "/etc/shadow", "C:\\a\\b.flac", "", ".",
    "..", "...", "CON.flac", "aux", ".hidden.flac", "a" * 5000 + ".flac", "x" * 300, "a\0b.flac",
    "a\nb\x1b[2J.flac", "\u202egpj.flac", "\ud800.flac", "{folder}{target}.flac", "-rf.flac",
    "<img src=x onerror=alert(1)>.flac", "a/b", "~", "*.flac", "@list.flac", "song.fl/ac", " .flac",
    "é" * 200 + ".flac", "song.tar.gz.flac", "name.", "name .flac", "\u2028.flac",
]  # fmt: skip


def files_in(root: Path) -> set[Path]:
    return {path.relative_to(root) for path in root.rglob("*") if path.is_file()}


def test_hostile_names_stay_in_the_library(client, studio: Studio, tmp_path: Path) -> None:
    made = song(tmp_path / "song.flac", 0.05)
    outside = files_in(tmp_path) - {p for p in files_in(tmp_path) if p.parts[0] == "library"}
    for number, name in enumerate(HOSTILE):
        made.write_bytes(song(tmp_path / "song.flac", 0.05, seed=number).read_bytes())
        answer = client.post(
            "/api/songs",
            params={"name": name.encode("utf-8", "replace").decode()},
            content=made.read_bytes(),
        )
        assert answer.status_code == 201, (name, answer.text)
        found = studio.library.song(answer.json()["id"])
        recording = studio.library.recording(found)
        assert recording.is_file() and recording.parent.parent == studio.library.root
        assert recording.resolve() == recording
        assert not recording.name.startswith(".") and not recording.parent.name.startswith(".")
        assert len(recording.name.encode()) < 120 and "{" not in str(recording)
    now = {path for path in files_in(tmp_path) if path.parts[0] != "library"}
    assert now == outside


def test_a_name_is_made_plain() -> None:
    for name in HOSTILE:
        plain = safe_name(name)
        assert plain == safe_name(plain) and plain.isprintable()
        assert plain not in ("", ".", "..") and not set(plain) & set('/\\:*?"<>|{}')


def test_tags_are_shown_as_they_are(client, tmp_path: Path) -> None:
    """They are text; the page puts them into text nodes only, see the browser's tests."""
    title = "<script>alert(1)</script>\u202e\x07" + "x" * 2000
    found = add(client, song(tmp_path / "a.flac", 0.05, title=title, artist="Ann", album="Sea"))
    assert found["title"].startswith("<script>alert(1)</script>") and len(found["title"]) < 400
    assert found["title"].isprintable()
    assert (found["artist"], found["album"], found["seconds"]) == ("Ann", "Sea", 0.05)


def test_a_cover_is_only_ever_a_picture(client, tmp_path: Path) -> None:
    found = add(client, song(tmp_path / "a.flac", 0.05))
    answer = client.get(found["cover"])
    assert answer.content == PIXEL and answer.headers["content-type"] == "image/png"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    from mutagen.flac import FLAC, Picture

    path = song(tmp_path / "b.flac", 0.05, seed=1)
    file = FLAC(path)
    file.clear_pictures()
    cover = Picture()
    cover.type, cover.mime = 3, "image/svg+xml"
    cover.data = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"
    file.add_picture(cover)
    file.save()
    found = add(client, path)
    assert found["cover"] is None
    assert client.get(f"/api/songs/{found['id']}/cover").status_code == 404


@pytest.mark.parametrize(
    "content",
    [b"", b"no sound", b"\0" * 99999, b"RIFF\xff\xff\xff\xffWAVEfmt ", b"fLaC" + b"\xff" * 999],
)
def test_what_is_no_recording_leaves_nothing(client, studio: Studio, content: bytes) -> None:
    before = files_in(studio.library.root)
    answer = client.post("/api/songs", params={"name": "x.wav"}, content=content)
    assert answer.status_code == 422, answer.text
    assert str(studio.library.root) not in answer.text
    assert {p for p in files_in(studio.library.root) - before if p.parts[0] != ".studio"} == set()
    assert not list(studio.library.uploads.iterdir())
    assert client.get("/api/songs").json()["count"] == 0


def test_the_same_recording_is_one_song(client, studio: Studio, tmp_path: Path) -> None:
    path = song(tmp_path / "a.flac", 0.05)
    with ThreadPoolExecutor(4) as pool:
        found = {one["id"] for one in pool.map(lambda _: add(client, path), range(6))}
    assert len(found) == 1
    assert client.get("/api/songs").json()["count"] == 1
    folders = [p for p in studio.library.root.iterdir() if not p.name.startswith(".")]
    assert len(folders) == 1 and not list(studio.library.uploads.iterdir())


def test_two_songs_of_one_name(client, studio: Studio, tmp_path: Path) -> None:
    for seed in range(3):
        add(client, song(tmp_path / "a.flac", 0.05, seed=seed))
    folders = {p.name for p in studio.library.root.iterdir() if not p.name.startswith(".")}
    assert folders == {"a", "a (2)", "a (3)"}


def finished(work: Coroutine[Any, Any, Any]) -> Any:
    """Run it in a thread of its own: playwright keeps a loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


async def _chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def test_uploads_are_bounded(tmp_path: Path) -> None:
    with pytest.raises(TooLargeError, match="larger than"):
        finished(receive(_chunks(b""), tmp_path, announced=1001, most=1000))
    with pytest.raises(TooLargeError, match="larger than"):  # whatever it announced
        finished(receive(_chunks(b"x" * 999, b"xx"), tmp_path, announced=5, most=1000))
    with pytest.raises(InputError, match="empty"):
        finished(receive(_chunks(), tmp_path, announced=None))
    assert not list(tmp_path.iterdir())


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "RESERVE", 2**70)
    with pytest.raises(FullError, match="the disk is full"):
        finished(receive(_chunks(b"x"), tmp_path, announced=None))
    assert not list(tmp_path.iterdir())


def test_a_disk_that_fails(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x"
        raise OSError(errno.EIO, "broken")

    with pytest.raises(Exception, match="the library cannot be written"):
        finished(receive(broken(), tmp_path, announced=None))
    assert not list(tmp_path.iterdir())


def test_too_much_is_refused(client, studio: Studio, tmp_path: Path, monkeypatch) -> None:
    path = song(tmp_path / "a.flac", 0.05)
    monkeypatch.setattr("unmixcli.studio.api.AT_ONCE", 0)
    answer = client.post("/api/songs", params={"name": "a"}, content=path.read_bytes())
    assert answer.status_code == 429
    monkeypatch.undo()
    monkeypatch.setattr(uploads, "SONGS", 0)
    answer = client.post("/api/songs", params={"name": "a"}, content=path.read_bytes())
    assert answer.status_code == 507 and "remove some" in answer.text


def test_searching(client, tmp_path: Path) -> None:
    add(client, song(tmp_path / "a.flac", 0.05, title="Über den Wolken", artist="Ann"))
    add(client, song(tmp_path / "b.flac", 0.05, seed=1, title="100 % rain_", album="Wolken"))

    def titles(search: str) -> list[str]:
        return [
            one["title"]
            for one in client.get("/api/songs", params={"search": search}).json()["songs"]
        ]

    assert titles("") == ["100 % rain_", "Über den Wolken"]
    assert titles("ÜBER wolk") == titles("ann") == ["Über den Wolken"]
    assert titles("%") == titles("_") == ["100 % rain_"]
    assert titles("' OR 1=1 --") == titles("nothing") == []
    assert titles(" ".join(["a"] * 5000)) is not None
    for first in ("1", "-1", "x", "99999999999999999999999"):
        assert client.get("/api/songs", params={"first": first}).status_code == 200


def test_removing_takes_only_what_the_studio_wrote(client, studio: Studio, tmp_path: Path) -> None:
    found = add(client, song(tmp_path / "a.flac", 0.05))
    notes = studio.library.root / "a" / "my notes.txt"
    notes.write_text("keep me")
    assert client.delete(f"/api/songs/{found['id']}").status_code == 204
    assert [p.name for p in (studio.library.root / "a").iterdir()] == ["my notes.txt"]
    assert client.get(f"/api/songs/{found['id']}").status_code == 404
    assert client.delete(f"/api/songs/{found['id']}").status_code == 404


@pytest.mark.parametrize(
    "id", ["..", "%2e%2e", "..%2f..%2fetc%2fpasswd", "' OR 1=1", "\0", "a" * 9999]
)
def test_no_id_is_a_path(client, id: str) -> None:
    for path in (
        f"/api/songs/{id}", f"/api/jobs/{id}", f"/api/jobs/{id}/stems/x", f"/api/exports/{id}",
        f"/listen/{id}/", f"/listen/{id}/x", f"/static/{id}", f"/static/..%2f{id}",
        f"/api/songs/{id}/cover",
    ):  # fmt: skip
        try:
            answer = client.get(path)
        except Exception as error:  # the client itself refuses such an address
            assert "URL" in type(error).__name__
            continue
        assert answer.status_code in (401, 404, 405, 200), path
        assert "root:" not in answer.text
        if answer.status_code == 200:  # the client itself went up to a known address
            assert answer.url.path in ("/", "/api/songs", "/api/models")
