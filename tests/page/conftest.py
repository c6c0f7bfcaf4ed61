"""The page opened in a real browser; skipped without Chromium and playwright."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import soundfile

from browsing import NAMES, RATE, SECONDS, melody
from unmixcli.audio.reading import open_excerpt
from unmixcli.audio.tags.reading import Tags
from unmixcli.models.cards import ModelCard
from unmixcli.page import About, write_page


@pytest.fixture(scope="session")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of four stems that are all the same, so that any lag between them shows."""
    folder = tmp_path_factory.mktemp("page")
    stems = {name: folder / f"{name}.wav" for name in NAMES}
    for path in stems.values():
        soundfile.write(path, melody(SECONDS * RATE, RATE), RATE)
    card = ModelCard(name="toy", plugin="toy", targets=NAMES, sample_rate=RATE)
    about = About(folder / "song.wav", Tags(), card, ())
    write_page(folder / "index.html", stems, about)
    return folder / "index.html"


LEVELS = {"vocals": 1.0, "drums": 0.5, "bass": 0.02, "other": 1.0}
"""The stems of `compared_file` are the melody at these levels."""


@pytest.fixture(scope="session")
def compared_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of four stems of different levels, with their mixture: the melody, backwards."""
    folder = tmp_path_factory.mktemp("compared")
    whole = melody(SECONDS * RATE, RATE)
    stems = {name: folder / f"{name}.wav" for name in NAMES}
    for name, path in stems.items():
        soundfile.write(path, 0.3 * LEVELS[name] * whole, RATE)
    soundfile.write(folder / "song.wav", whole[::-1], RATE)
    about = About(folder / "song.wav", Tags(), model="toy")
    write_page(folder / "index.html", stems, about, open_excerpt(folder / "song.wav"))
    return folder / "index.html"


@pytest.fixture
def show(browser) -> Iterator[Callable[..., object]]:
    """Open pages from the file system, without a network; they must not complain."""
    complaints: list[str] = []
    contexts = []

    def opened(file: Path, fragment: str = "", script: str = "", **options: object) -> object:
        context = browser.new_context(
            offline=True, viewport={"width": 1280, "height": 800}, **options
        )
        contexts.append(context)
        tab = context.new_page()
        tab.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("request", lambda r: complaints.append(r.url) if r.url.startswith("http") else None)
        if script:
            tab.add_init_script(script)
        tab.goto(file.as_uri() + fragment)
        return tab

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def page(show, page_file) -> object:
    """The page without a mixture; the recorder of these tests is exempt from its policy."""
    return show(page_file, bypass_csp=True)
