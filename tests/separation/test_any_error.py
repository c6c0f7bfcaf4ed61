"""No error of any kind from one recording ends a batch."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from running import Run, files
from sounds import music, write_float
from unmixcli.audio import reading
from unmixcli.cli.ui import Screen
from unmixcli.models.openunmix.streaming import OpenUnmix
from unmixcli.separation import listening
from unmixcli.separation.executors import one
from unmixcli.stems import destination, manifest, saving

ERRORS = [RuntimeError("strange"), AttributeError("strange"), MemoryError("strange"), KeyError(1)]


class Once:
    """Raises an error in the first call and does the real work in all others."""

    def __init__(self, real: Callable[..., Any], error: Exception) -> None:
        self.real, self.error, self.calls = real, error, 0

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        self.calls += 1
        if self.calls == 1:
            raise self.error
        return self.real(*arguments, **named)


def method(once: Once) -> Callable[..., Any]:
    return lambda *arguments, **named: once(*arguments, **named)  # noqa: PLW0108  # it binds


def bound_to_the_class(once: Once) -> Any:
    return classmethod(lambda cls, *arguments, **named: once(*arguments, **named))


STAGES: dict[str, tuple[Any, str, Callable[[Once], Any]]] = {
    "opening": (one, "open_excerpt", method),
    "reading": (reading.Excerpt, "blocks", method),
    "tags": (destination, "read_tags", method),
    "destination": (destination.Destination, "of", bound_to_the_class),
    "skipping": (destination.Destination, "missing", method),
    "claiming": (destination.Destination, "claim", method),
    "watching": (Screen, "track", method),
    "separating": (OpenUnmix, "separate", method),
    "saving": (saving.Saver, "save", method),
    "writing": (saving, "StemWriter", method),
    "recording": (manifest.Manifest, "entry", method),
    "page": (listening, "write_page", method),
}


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_the_batch_goes_on(
    run: Run, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, stage: str, error: Exception
) -> None:
    for number in (1, 2):
        write_float(Path(f"{number}.wav"), music(0.1))
    where, name, wrap = STAGES[stage]
    once = Once(getattr(where, name), error)
    monkeypatch.setattr(where, name, wrap(once))
    wanted = ("-t", "vocals", "-o", "out", "--skip-existing", "--json")
    page = ("--page",) if stage == "page" else ()
    outcome = run("separate", "1.wav", "2.wav", "-m", tiny_model, *wanted, *page)
    assert once.calls >= 2
    statuses = [json.loads(line)["status"] for line in outcome.out.splitlines()]
    assert statuses == ["failed", "separated"], outcome.err
    assert outcome.code == 1 and "Traceback" not in outcome.err
    assert any(
        type(error).__name__ in line and "1.wav" in line for line in outcome.err.splitlines()
    )
    left = {path for path in files() if path.startswith("out/1/")}
    assert left == ({"out/1/vocals.wav", "out/1/.unmix.json"} if page else set())


def test_an_error_while_progress_ends(
    run: Run, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        write_float(Path(f"{number}.wav"), music(0.1))
    real = Screen.track

    @contextmanager
    def track(screen: Screen, recording: Any, *more: Any) -> Any:
        with real(screen, recording, *more) as update:
            yield update
        if recording.path.name == "1.wav":
            raise RuntimeError("strange")

    monkeypatch.setattr(Screen, "track", track)
    outcome = run("separate", "1.wav", "2.wav", "-m", tiny_model, "-t", "vocals", "--json")
    statuses = [json.loads(line)["status"] for line in outcome.out.splitlines()]
    assert statuses == ["failed", "separated"], outcome.out + outcome.err


def test_an_unknown_codec_is_one_sentence(run: Run, tiny_model: Path) -> None:
    for number in (1, 2):
        write_float(Path(f"{number}.wav"), music(0.1))
    data = bytearray(Path("1.wav").read_bytes())
    data[20:22] = b"\x34\x12"
    Path("1.wav").write_bytes(data)
    outcome = run("separate", "1.wav", "2.wav", "-m", tiny_model, "-t", "vocals", "--json")
    records = [json.loads(line) for line in outcome.out.splitlines()]
    assert [record["status"] for record in records] == ["failed", "separated"]
    assert "1.wav" in records[0]["error"]
