"""The page in a real browser: the mixture, loops, the address, levels, zoom, media keys."""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import pytest

from browsing import SECONDS, capture, gains, loudness, melody, wait
from unmixcli.page import sound

LENGTH = SECONDS * sound.RATE


def mixture_gain(page) -> float:
    return page.evaluate("unmix.mixture.gain.gain.value")


# --- the mixture ---


def test_one_key_changes_between_the_stems_and_the_mixture(show, compared_file):
    page = show(compared_file)
    page.click("#play")
    wait(page, "unmix.now() > 0.1")
    assert gains(page) == [1, 1, 1, 1] and mixture_gain(page) == 0
    page.keyboard.press("o")
    time.sleep(0.3)
    assert gains(page) == [0, 0, 0, 0] and mixture_gain(page) == 1
    assert page.inner_text("#spoken") == "the mixture"
    assert page.locator(".stem.silent").count() == 4
    page.keyboard.press("o")
    time.sleep(0.3)
    assert gains(page) == [1, 1, 1, 1] and mixture_gain(page) == 0
    page.click("text=Compare")
    page.keyboard.press("2")  # who asks for a stem wants to hear stems
    time.sleep(0.3)
    assert gains(page) == [0, 1, 0, 0] and mixture_gain(page) == 0


def test_a_page_without_the_mixture_has_no_such_lane(page):
    assert page.locator(".mixture").count() == 0
    page.keyboard.press("o")
    assert page.inner_text("#spoken") == ""


# --- loops ---


@pytest.mark.parametrize(("start", "end"), [(2.0, 2.5), (5.7, 6.3)])
def test_a_loop_sounds_again_and_again_without_a_gap(show, page_file, start, end):
    """The second loop goes over the seam of two pieces."""
    page = show(page_file, f"#loop={start}-{end}&t={start}", bypass_csp=True)
    page.click("#play")
    wait(page, "unmix.playing && unmix.now() > 0")
    capture(page, 0)  # making the recorder moves Chromium's rendering to another thread
    truth = melody(LENGTH, sound.RATE)[round(start * sound.RATE) : round(end * sound.RATE)]
    errors = []
    while not errors or (errors[-1] >= 0.1 and len(errors) < 4):  # a busy machine drops samples
        heard = capture(page, 2.5 * (end - start))[0][0]
        size = len(truth)
        product = np.fft.irfft(np.fft.rfft(truth).conj() * np.fft.rfft(heard[:size]), size)
        phase = size - int(product.argmax())  # where in the loop the recording begins
        expected = np.resize(np.roll(truth, -phase), len(heard))
        error = np.abs(heard - expected) / np.abs(truth).max()
        for seam in range(size - phase, len(heard), size):  # a crossfade of 5 ms
            error[max(0, seam - 2) : seam + 300] = 0
        errors.append(error.max())
    assert errors[-1] < 0.1, errors
    assert start <= page.evaluate("unmix.now()") <= end


def test_keys_set_and_clear_a_loop(show, page_file):
    page = show(page_file, "#t=3")
    page.keyboard.press("a")
    assert page.evaluate("[unmix.loop.from, unmix.loop.on]") == [3, False]
    page.keyboard.press("ArrowRight")
    page.keyboard.press("b")
    assert page.evaluate("[unmix.loop.from, unmix.loop.to, unmix.loop.on]") == [3, 8, True]
    assert page.inner_text("#spoken") == "loop from 0:03.0 to 0:08.0"
    assert page.get_attribute("#loop", "aria-pressed") == "true"
    page.keyboard.press("l")
    assert page.get_attribute("#loop", "aria-pressed") == "false"
    page.keyboard.press("Home")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("b")  # before A: from the start to here
    assert page.evaluate("[unmix.loop.from, unmix.loop.to]") == [0, 1]
    page.keyboard.press("Shift+L")
    assert page.evaluate("[unmix.loop.from, unmix.loop.to, unmix.loop.on]") == [None, None, False]


def test_a_drag_over_the_ruler_loops_and_a_click_seeks(show, page_file):
    page = show(page_file)
    box = page.locator("#ruler").bounding_box()
    at = lambda fraction: (box["x"] + fraction * box["width"], box["y"] + 10)  # noqa: E731
    page.mouse.click(*at(0.5))
    assert page.evaluate("unmix.now()") == pytest.approx(SECONDS / 2, abs=0.05)
    page.mouse.move(*at(0.75))
    page.mouse.down()
    page.mouse.move(*at(0.5))
    page.mouse.move(*at(0.25))
    page.mouse.up()
    found = page.evaluate("[unmix.loop.from, unmix.loop.to]")
    assert found == pytest.approx([SECONDS / 4, 3 * SECONDS / 4], abs=0.05)
    assert page.evaluate("unmix.loop.on")


# --- the address ---


def test_the_address_restores_what_was_chosen(show, compared_file):
    page = show(compared_file)
    page.keyboard.press("2")
    page.keyboard.press("Shift+Digit3")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("b")
    page.locator("[aria-label='Volume of other']").fill("150")
    wait(page, "location.hash.includes('loop')")
    assert page.evaluate("location.hash") == (
        "#t=5&volume=100,100,100,150,100&solo=2&mute=3&loop=0-5"
    )
    again = show(compared_file, page.evaluate("location.hash"))
    assert again.evaluate("[unmix.now(), unmix.loop.from, unmix.loop.to, unmix.loop.on]") == [
        5, 0, 5, True,
    ]  # fmt: skip
    assert again.locator(".stem.silent h2").all_inner_texts() == ["vocals", "bass", "other"]
    assert again.evaluate("unmix.stems[3].slider.value") == "150"


@pytest.mark.parametrize(
    "fragment",
    ["#t=nan&volume=,x,1e9,-5&loop=9-2&solo=99&mute=-1", "#t=-5", "#%%%", "#loop=1-1e9&t=", "#=&&"],
)
def test_an_address_that_makes_no_sense_is_harmless(show, page_file, fragment):
    page = show(page_file, fragment)
    assert 0 <= page.evaluate("unmix.now()") <= SECONDS
    assert page.evaluate("unmix.loop.on") is False
    assert all(
        0 <= float(v) <= 200 for v in page.evaluate("unmix.stems.map((s) => s.slider.value)")
    )
    page.click("#play")
    wait(page, "unmix.now() > 0.1")


# --- levels and meters ---


def test_a_volume_goes_above_100_and_back_by_a_double_click(page):
    page.click("#play")
    wait(page, "unmix.now() > 0.1")
    before = loudness(page)[0]
    page.locator("[aria-label='Volume of vocals']").fill("200")
    time.sleep(0.2)
    assert gains(page)[0] == 4
    assert loudness(page)[0] == pytest.approx(4 * before, rel=0.5)
    page.dblclick("[aria-label='Volume of vocals']")
    time.sleep(0.2)
    assert gains(page)[0] == 1


def test_meters_show_what_sounds_and_clipping(show, compared_file):
    page = show(compared_file, "#mute=1&volume=100,100,100,50,100")
    page.click("#play")
    wait(page, "unmix.now() > 0.3")
    heights = [0.0] * 4
    for _ in range(10):
        shown = page.evaluate("unmix.stems.map((stem) => stem.meter.value ?? 0)")
        heights = np.maximum(heights, shown)
        time.sleep(0.05)
    vocals, drums, bass, other = heights
    assert vocals == 0 < bass < other < drums < 1
    assert page.locator("#sum.over").count() == 0
    page.locator("[aria-label='Volume of drums']").fill("200")
    page.locator("[aria-label='Volume of other']").fill("200")
    wait(page, "document.querySelector('#sum.over') !== null")
    page.click("#play")
    wait(page, "unmix.stems.every((stem) => !stem.meter.value)")  # they fall, and then rest


# --- zoom ---


def test_zoom_shows_a_part_and_a_click_goes_where_it_shows(show, page_file):
    page = show(page_file, "#t=7")
    labels = page.locator(".tick").all_inner_texts()
    assert labels[:2] == ["0:00", "0:02"] or labels[:2] == ["0:00", "0:01"]
    page.keyboard.press("z")
    page.click("#closer")
    assert page.evaluate("unmix.view.span") == pytest.approx(0.25)
    start = page.evaluate("unmix.view.start")
    assert start == pytest.approx(0.5 - 0.5 * 0.25)  # the position keeps its place
    box = page.locator(".lane").nth(1).bounding_box()
    page.mouse.click(box["x"] + 0.1 * box["width"], box["y"] + 10)
    wanted = SECONDS * (start + 0.025)
    assert page.evaluate("unmix.now()") == pytest.approx(wanted, abs=0.02)
    head = page.locator(".head").nth(1).bounding_box()
    assert head["x"] == pytest.approx(box["x"] + 0.1 * box["width"], abs=2)
    page.keyboard.press("End")  # what is out of view comes into view
    assert page.evaluate("unmix.view.start") == pytest.approx(0.75)
    page.keyboard.press("Shift+Z")
    page.keyboard.press("Shift+Z")
    assert page.evaluate("[unmix.view.start, unmix.view.span]") == [0, 1]
    assert page.is_disabled("#wider")


def test_a_zoomed_waveform_is_drawn_from_the_sound(show, page_file):
    """Across the seam of two pieces, each column reaches from the lowest sample to the highest."""
    page = show(page_file, "#t=6")
    assert page.locator("canvas:visible").count() == 0
    page.keyboard.press("z")
    page.keyboard.press("z")
    wait(page, "[...document.querySelectorAll('canvas')].every((canvas) => !canvas.hidden)")
    start, span, width, tops, scale = page.evaluate(
        """() => {
          const canvas = document.querySelector("canvas");
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          const tops = Array.from({ length: canvas.width }, (_, x) => {
            let y = 0;
            while (y < canvas.height && data[4 * (y * canvas.width + x) + 3] < 128) y++;
            return 1 - 2 * y / canvas.height;
          });
          const { start, span } = unmix.view;
          return [start, span, canvas.width, tops, Number(canvas.dataset.scale)];
        }"""
    )
    truth = melody(LENGTH, sound.RATE)
    edges = (start + span * np.arange(width + 1) / width) * LENGTH
    expected = [
        scale * truth[round(first) : round(end) + 1].max() for first, end in pairwise(edges)
    ]
    assert start * SECONDS < sound.PIECE / sound.RATE < (start + span) * SECONDS
    assert np.abs(np.array(tops) - expected).max() < 0.15
    page.keyboard.press("Shift+Z")
    page.keyboard.press("Shift+Z")
    assert page.locator("canvas:visible").count() == 0


def test_the_wheel_zooms_with_control_and_scrolls_sideways(show, page_file):
    page = show(page_file)
    box = page.locator(".lane").nth(0).bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -150)
    page.keyboard.up("Control")
    wait(page, "unmix.view.span < 0.6")
    start = page.evaluate("unmix.view.start")
    page.mouse.wheel(box["width"] / 10, 0)
    wait(page, f"unmix.view.start > {start}")


# --- lanes ---


def test_a_quiet_waveform_is_enlarged_and_says_so(show, compared_file):
    page = show(compared_file)
    shown = page.evaluate(
        """[...document.querySelectorAll(".row")].map((row) =>
        row.querySelector(".factor")?.textContent ?? "")"""
    )
    assert shown == ["", "×3", "×6", "×100", "×3"]
    tall = page.evaluate(
        """[...document.querySelectorAll(".row .peaks")].map((path) => path.getBBox().height)"""
    )
    assert min(tall) > 50  # of 100


# --- media keys ---


SESSION = """
window.handlers = {};
const set = MediaSession.prototype.setActionHandler;
MediaSession.prototype.setActionHandler = function (name, handler) {
  handlers[name] = handler;
  return set.call(this, name, handler);
};
"""


def test_media_keys_play_pause_and_seek(show, compared_file):
    page = show(compared_file, script=SESSION)
    assert page.evaluate("navigator.mediaSession.metadata.title") == "song"
    page.click("#play")
    wait(page, "unmix.now() > 0.1")
    assert page.evaluate("navigator.mediaSession.playbackState") == "playing"
    page.evaluate("handlers.pause()")
    assert not page.evaluate("unmix.playing")
    assert page.evaluate("navigator.mediaSession.playbackState") == "paused"
    page.evaluate("handlers.seekto({ seekTime: 9 })")
    assert page.evaluate("unmix.now()") == 9
    page.evaluate("handlers.seekbackward({})")
    assert page.evaluate("unmix.now()") == 4
    page.evaluate("handlers.play()")
    wait(page, "unmix.playing && unmix.now() > 4")
