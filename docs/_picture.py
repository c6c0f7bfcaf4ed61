"""Draw images/page.png: the page of a small song that is made up here.

    python docs/_picture.py

Needs playwright and Chromium.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from playwright.sync_api import sync_playwright

from unmixcli.audio.tags import Tags
from unmixcli.catalogue import ModelCard
from unmixcli.config import SeparationConfig
from unmixcli.page import About, write_page

RATE = 44100
BEAT = 0.5
BARS = 24
ROOTS = (45, 41, 48, 43)
MELODY = (69, 72, 76, 74, 72, 0, 67, 69, 71, 72, 74, 72, 69, 0, 64, 67)
OUT = Path(__file__).parent / "images" / "page.png"

Audio = NDArray[np.float64]
random = np.random.default_rng(3)


def note(midi: float, seconds: float, harmonics: int, decay: float, vibrato: float = 0) -> Audio:
    """A tone with fading harmonics."""
    time = np.arange(round(seconds * RATE)) / RATE
    pitch = 440 * 2 ** ((midi - 69) / 12)
    phase = 2 * np.pi * pitch * (time + vibrato * np.sin(2 * np.pi * 5.5 * time) / pitch)
    tone = sum(np.sin(k * phase) / k ** (1 + 0.1 * decay) for k in range(1, harmonics + 1))
    fade = np.minimum(1, np.minimum(time / 0.02, (seconds - time) / 0.05))
    return np.asarray(tone * np.exp(-decay * time) * fade)


def hit(kind: str) -> Audio:
    """A drum."""
    time = np.arange(round(0.3 * RATE)) / RATE
    noise = random.standard_normal(len(time))
    if kind == "kick":
        return np.asarray(
            np.sin(2 * np.pi * (50 * time - 6 * np.exp(-30 * time))) * np.exp(-14 * time)
        )
    if kind == "snare":
        return np.asarray(0.5 * (noise + np.sin(2 * np.pi * 190 * time)) * np.exp(-18 * time))
    return np.asarray(0.25 * np.diff(noise, prepend=0) * np.exp(-60 * time))


def song() -> dict[str, Audio]:
    """Four stems: a verse, a chorus with everything, and an end."""
    stems = {
        name: np.zeros(round((4 * BARS * BEAT + 1) * RATE))
        for name in ("vocals", "drums", "bass", "other")
    }

    def put(stem: str, beat: float, sound: Audio, gain: float) -> None:
        first = round(beat * BEAT * RATE)
        stems[stem][first : first + len(sound)] += gain * sound[: len(stems[stem]) - first]

    for bar in range(BARS):
        root, full = ROOTS[bar % 4], 8 <= bar < 20
        for beat in range(4):
            at = 4 * bar + beat
            if bar >= 2:
                put("drums", at, hit("kick" if beat % 2 == 0 else "snare"), 0.5)
            for half in (0, 0.5) if bar >= 4 else ():
                put("drums", at + half, hit("hat"), 0.5)
                put("bass", at + half, note(root - 12, BEAT / 2, 6, 3), 0.3)
        for step in (0, 4, 7, 12) if full else (0, 7):
            put("other", 4 * bar, note(root + 12 + step, 4 * BEAT, 9, 0.5), 0.07)
        for k in range(4) if bar >= 6 and bar % 8 != 7 else ():
            midi = MELODY[(4 * bar + k) % len(MELODY)]
            if midi:
                put(
                    "vocals",
                    4 * bar + k,
                    note(midi, BEAT * random.uniform(0.7, 1.1), 14, 1, 4),
                    0.2,
                )
    return stems


def main() -> None:
    """Write the page to a temporary folder and take its picture."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = {stem: folder / f"{stem}.flac" for stem in ("vocals", "drums", "bass", "other")}
        for stem, audio in song().items():
            soundfile.write(paths[stem], audio, RATE)
        card = ModelCard(name="umxhq", plugin="openunmix", targets=tuple(paths), sample_rate=RATE)
        page = folder / "index.html"
        tags = Tags({"title": "Song of the machine"})
        about = About(folder / "song.flac", tags, card, SeparationConfig())
        write_page(page, paths, about)
        with sync_playwright() as run:
            chromium = shutil.which("chromium")
            browser = run.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            tab = browser.new_page(viewport={"width": 1100, "height": 742}, color_scheme="dark")
            tab.goto(page.as_uri())
            box = tab.locator(".lane").first.bounding_box()
            assert box is not None
            tab.mouse.click(box["x"] + 0.42 * box["width"], box["y"] + 20)
            tab.click("text=Mute >> nth=2")
            tab.mouse.click(5, 5)
            tab.screenshot(path=OUT)
            browser.close()


if __name__ == "__main__":
    main()
