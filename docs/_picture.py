"""Draw images/page.png: the page of the demo song, separated by the built-in model.

    python docs/_picture.py

Needs playwright and Chromium.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from unmixcli import Separator
from unmixcli.demo import MIXTURE

OUT = Path(__file__).parent / "images" / "page.png"


def main() -> None:
    """Write the page to a temporary folder and take its picture."""
    with tempfile.TemporaryDirectory() as name:
        song = shutil.copy(MIXTURE, Path(name) / "demo.ogg")
        separator = Separator(model="umx-synth", niter=0, outdir=Path(name), page=True)
        page = separator.separate_file(song).page
        assert page is not None
        with sync_playwright() as run:
            chromium = shutil.which("chromium")
            browser = run.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            tab = browser.new_page(viewport={"width": 1100, "height": 985}, color_scheme="dark")
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
