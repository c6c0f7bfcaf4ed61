"""Saving from the page, in a real browser: mixes, single stems, links to files."""

from __future__ import annotations

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import soundfile

from browsing import SECONDS, melody, wait
from unmixcli.page import sound

LENGTH = SECONDS * sound.RATE


def saved(page, tmp_path: Path, button: str) -> tuple[np.ndarray, str]:
    """Press a button, and return the sound and the name of the file that it saves."""
    with page.expect_download(timeout=60000) as download:
        page.click(button)
    path = tmp_path / "saved.wav"
    download.value.save_as(path)
    info = soundfile.info(path)
    assert (info.samplerate, info.subtype) == (sound.RATE, "PCM_16")
    return soundfile.read(path, dtype="float32")[0], download.value.suggested_filename


def difference(heard: np.ndarray, truth: np.ndarray) -> float:
    """Return how far a sound is from another, relative to its peak."""
    assert heard.shape == truth.shape
    return float(np.abs(heard - truth).max() / np.abs(truth).max())


def test_a_saved_mix_is_what_is_heard(show, compared_file, tmp_path):
    page = show(compared_file, "#mute=1&volume=100,200,100,50,100")
    heard, name = saved(page, tmp_path, "#save")
    assert name == "song (drums, bass, other).wav"
    truth = melody(LENGTH, sound.RATE) * 0.3 * (4 * 0.5 + 0.02 + 0.25 * 1)
    assert difference(heard, truth) < 0.1
    assert page.inner_text("#save").strip() == "↓ Save mix"


def test_a_saved_mix_that_would_clip_is_turned_down(show, page_file, tmp_path):
    page = show(page_file)
    heard, name = saved(page, tmp_path, "#save")
    assert name == "song (mix).wav"
    assert np.abs(heard).max() == pytest.approx(1, abs=1e-3)
    truth = melody(LENGTH, sound.RATE)
    assert difference(heard / np.abs(heard).max(), truth / np.abs(truth).max()) < 0.1
    assert "turned down by" in page.inner_text("#spoken")


def test_with_a_loop_only_the_loop_is_saved(show, compared_file, tmp_path):
    page = show(compared_file, "#loop=5.5-6.25&mixture")
    heard, name = saved(page, tmp_path, "#save")
    assert name == "song (mixture) 0_05.5-0_06.3.wav"
    truth = melody(LENGTH, sound.RATE)[::-1][round(5.5 * sound.RATE) : round(6.25 * sound.RATE)]
    assert difference(heard, truth) < 0.1


def test_a_stem_is_saved_from_the_page_itself(show, compared_file, tmp_path):
    """A page from the file system does not leave itself, and works where it was sent alone."""
    page = show(compared_file, "#mute=2")
    assert page.locator(".file:visible").count() == 0
    heard, name = saved(page, tmp_path, "[aria-label='Save drums as WAV']")
    assert name == "song (drums).wav"
    assert difference(heard, 0.15 * melody(LENGTH, sound.RATE)) < 0.1
    assert page.url.startswith(compared_file.as_uri())


def test_saving_stops_when_asked_again(show, page_file):
    page = show(page_file)
    page.evaluate("() => { save.click(); save.click(); }")
    wait(page, "document.getElementById('spoken').textContent === 'not saved'")
    assert page.inner_text("#save").strip() == "↓ Save mix"


def test_a_served_page_links_to_the_files_that_are_there(browser, page_file):
    quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(quiet, directory=page_file.parent))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    missing = page_file.with_name("bass.wav")
    missing.rename(missing.with_suffix(".away"))
    try:
        context = browser.new_context()
        tab = context.new_page()
        tab.goto(f"http://127.0.0.1:{server.server_port}/index.html")
        wait(tab, "document.querySelectorAll('.file:not([hidden])').length === 3")
        assert tab.locator(".save:visible").count() == 1
        with tab.expect_download() as download:
            tab.click("[aria-label='Download drums.wav']")
        assert download.value.path().read_bytes() == page_file.with_name("drums.wav").read_bytes()
        context.close()
    finally:
        missing.with_suffix(".away").rename(missing)
        server.shutdown()
        server.server_close()
