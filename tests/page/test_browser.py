"""The page in a real browser: playing, the keyboard, what it looks like."""

from __future__ import annotations

import time

import numpy as np
import pytest

from browsing import NAMES, SECONDS, capture, gains, locate, loudness, melody, seek, wait
from unmixcli.page import sound


def test_it_plays_and_pauses(page):
    assert not page.evaluate("unmix.playing")
    page.click("#play")
    wait(page, "unmix.now() > 0.3")
    assert page.get_attribute("#play", "aria-label") == "Pause"
    assert min(loudness(page)) > 0.05
    page.click("#play")
    wait(page, "!unmix.playing")
    stood = page.evaluate("unmix.now()")
    time.sleep(0.2)
    assert page.evaluate("unmix.now()") == stood > 0.3
    assert page.inner_text("#time") == f"0:{int(stood):02}"


def test_it_stops_at_the_end_and_starts_again(page):
    page.click("#play")
    seek(page, SECONDS - 0.4)
    wait(page, "!unmix.playing")
    assert page.evaluate("unmix.now()") == pytest.approx(SECONDS, abs=0.01)
    page.click("#play")
    wait(page, "unmix.playing && unmix.now() > 0.1 && unmix.now() < 5")


@pytest.mark.parametrize("to", [3.3, 5.5, 11.9])
def test_seeking_keeps_the_stems_together_and_where_they_should_be(page, to):
    page.click("#play")
    wait(page, "unmix.now() > 0.05")
    capture(page, 0)  # making the recorder moves Chromium's rendering to another thread
    truth = melody(SECONDS * sound.RATE, sound.RATE)
    errors = []
    # A busy machine drops samples now and then; a seam would be heard every time.
    while not errors or (errors[-1] >= 0.1 and len(errors) < 4):
        seek(page, to)
        heard, shown = capture(page, 1.2)  # the last two of these cross from piece to piece
        assert np.abs(heard).max(axis=-1).min() > 0.1
        # The four stems are the same sound: at the same time they are the same numbers.
        assert np.abs(heard - heard[0]).max() == 0
        began = locate(heard[0], shown)
        assert abs(began - shown) < 0.02  # exact, but where a busy machine starts it late
        first = round(began * sound.RATE)
        error = heard[0] - truth[first : first + heard.shape[-1]]
        # No seam: nowhere is it further from the original than an encoder makes it.
        errors.append(np.abs(error).max() / np.abs(truth).max())
    assert errors[-1] < 0.1, errors


def test_solo_silences_the_others(page):
    page.click("#play")
    wait(page, "unmix.now() > 0.1")
    page.click("text=Solo >> nth=1")
    time.sleep(0.2)
    assert gains(page) == [0, 1, 0, 0]
    heard = loudness(page)
    assert heard[1] > 0.05 and heard[0] == heard[2] == heard[3] == 0
    assert page.locator(".stem.silent").count() == 3
    page.click("text=Solo >> nth=2")  # one alone means that one alone
    time.sleep(0.2)
    assert gains(page) == [0, 0, 1, 0]
    page.click("text=Solo >> nth=3", modifiers=["Shift"])
    time.sleep(0.2)
    assert gains(page) == [0, 0, 1, 1]
    page.click("text=Solo >> nth=2")
    time.sleep(0.2)
    assert gains(page) == [1, 1, 1, 1]


def test_mute_and_volume(page):
    page.click("#play")
    wait(page, "unmix.now() > 0.1")
    page.click("text=Mute >> nth=0")
    page.locator("[aria-label='Volume of bass']").fill("50")
    time.sleep(0.2)
    assert gains(page) == [0, 1, 0.25, 1]
    assert page.locator("[aria-label='Mute vocals']").get_attribute("aria-pressed") == "true"
    page.keyboard.press("0")
    time.sleep(0.2)
    assert gains(page) == [1, 1, 0.25, 1]


def test_the_keyboard_does_everything(page):
    press = page.keyboard.press
    press("Space")
    wait(page, "unmix.playing && unmix.now() > 0.05")
    press("ArrowRight")
    wait(page, "unmix.now() > 5 && unmix.now() < 7")
    press("ArrowLeft")
    wait(page, "unmix.now() < 2")
    press("Shift+ArrowRight")
    press("Space")
    wait(page, "!unmix.playing")
    press("End")
    assert page.evaluate("unmix.now()") == SECONDS
    press("Home")
    assert page.evaluate("unmix.now()") == 0
    press("2")
    assert page.evaluate("unmix.stems.map((s) => s.solo.ariaPressed)") == [
        "false", "true", "false", "false",
    ]  # fmt: skip
    press("2")
    press("Shift+Digit4")
    assert page.locator(".stem.silent h2").all_inner_texts() == ["other"]
    assert page.inner_text("#spoken") == "other muted"
    press("0")
    press("ArrowDown")  # the chosen stem is now the fourth: it gets the focus
    press("ArrowUp")
    assert page.evaluate("document.activeElement.ariaLabel") == "Solo bass"
    press("m")
    press("-")
    assert page.locator(".stem.silent h2").all_inner_texts() == ["bass"]
    assert page.evaluate("unmix.stems[2].slider.value") == "95"
    press("Space")  # on a button it presses the button
    assert page.evaluate("unmix.stems[2].solo.ariaPressed") == "true"
    assert not page.evaluate("unmix.playing")


def test_the_focus_goes_everywhere_and_shows(page):
    seen = []
    for _ in range(60):
        page.keyboard.press("Tab")
        label, outline = page.evaluate(
            """() => { const e = document.activeElement;
            return [e === document.body ? "" : e.ariaLabel || e.innerText,
              getComputedStyle(e).outlineStyle]; }"""
        )
        if not label:  # once around
            break
        seen.append(label)
        assert outline != "none", label
    for name in NAMES:
        for label in ("Solo {}", "Mute {}", "Volume of {}", "Save {} as WAV"):
            assert label.format(name) in seen
    for label in ("Play", "Position", "Save this mix as WAV", "Loop", "Loop from here", "Zoom in"):
        assert label in seen


def test_a_click_in_a_picture_seeks(page):
    box = page.locator(".lane").nth(2).bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 20)
    assert page.evaluate("unmix.now()") == pytest.approx(SECONDS / 2, abs=0.1)
    assert page.inner_text("#time") == "0:07"


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_can_be_read(browser, page_file, width, scheme):
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, has_touch=width < 700
    )
    tab = context.new_page()
    tab.goto(page_file.as_uri())
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.evaluate(
        "[...document.images].every((image) => image.complete && image.naturalWidth > 0)"
    )
    sizes = tab.evaluate(
        "[...document.querySelectorAll('button')].map((b) => b.getBoundingClientRect().height)"
    )
    assert min(sizes) >= (44 if width < 700 else 36)
    ratios = tab.evaluate(
        """() => {
          const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
          const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
            .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
            .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
          const ground = (element) => {
            for (let e = element; e; e = e.parentElement) {
              const colour = numbers(getComputedStyle(e).backgroundColor);
              if (colour.length < 4 || colour[3] > 0) return colour;
            }
            return [255, 255, 255];
          };
          const elements = [...document.querySelectorAll("h1,h2,p,dt,dd,button,a,span,#time")]
            .filter((e) => e.textContent.trim() && e.getClientRects().length)
            .filter((e) => !e.matches(".spoken"));
          return elements.map((e) => {
            const pair = [light(numbers(getComputedStyle(e).color)), light(ground(e))];
            return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
          });
        }"""
    )
    assert min(ratios) > 4.5  # what WCAG asks of text
    context.close()


INJECTED = (
    "<script>document.title = 'taken over'</script>"
    '<script src="data:text/javascript,document.title=1"></script>'
    """<img src="data:," onerror="document.title = 'taken over'">"""
    """<script type="module">document.title = 'taken over'</script>"""
)
"""What a title would put into the page if it were not escaped."""


def test_its_policy_lets_nothing_else_run(browser, page_file, tmp_path):
    """The page plays under its own policy, and nothing put into it does anything."""
    text = page_file.read_text("utf-8")
    assert text.count("</h1>") == 1
    (tmp_path / "index.html").write_text(text.replace("</h1>", f"{INJECTED}</h1>"), "utf-8")
    context = browser.new_context()
    tab = context.new_page()
    complaints: list[str] = []
    tab.on("console", lambda m: complaints.append(m.text))
    tab.goto((tmp_path / "index.html").as_uri())
    tab.click("#play")
    wait(tab, "unmix.now() > 0.2")
    assert tab.title() == "song – stems"
    assert len(complaints) == 4
    assert all("Content Security Policy" in text for text in complaints)
    context.close()
