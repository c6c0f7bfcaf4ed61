"""A page in a real browser: its sound recorded, its buttons pressed."""

from __future__ import annotations

import base64
import shutil
import time

import numpy as np
import pytest

from unmixcli.page import sound

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
)

NAMES = ("vocals", "drums", "bass", "other")
RATE = 44100
SECONDS = 14
RECORDER = """registerProcessor("recorder", class extends AudioWorkletProcessor {
  constructor() {
    super();
    this.parts = [];
    this.port.onmessage = () => this.port.postMessage([this.began, this.parts]);
  }
  process([input]) {
    this.began ??= currentTime;
    this.parts.push(input.map((channel) => channel.slice()));  // none while nothing sounds
    return true;
  }
})"""
CAPTURE = """async ([seconds, code]) => {
  const context = unmix.context;
  const count = unmix.stems.length;
  if (!window.hasRecorder)
    await context.audioWorklet.addModule("data:text/javascript," + encodeURIComponent(code));
  window.hasRecorder = true;
  const merger = context.createChannelMerger(count);
  const recorder = new AudioWorkletNode(context, "recorder",
    { channelCount: count, channelCountMode: "explicit", channelInterpretation: "discrete" });
  unmix.stems.forEach((stem, n) => stem.gain.connect(merger, 0, n));
  merger.connect(recorder).connect(context.destination);
  await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
  const answer = new Promise((resolve) => { recorder.port.onmessage = (e) => resolve(e.data); });
  recorder.port.postMessage("stop");
  const [began, parts] = await answer;
  const start = began - (context.currentTime - unmix.now());
  recorder.disconnect(); merger.disconnect();
  const all = new Float32Array(parts.length * count * 128);
  parts.forEach((part, k) => part.forEach((channel, n) =>
    all.set(channel, (n * parts.length + k) * 128)));
  let text = "";
  const bytes = new Uint8Array(all.buffer);
  for (let i = 0; i < bytes.length; i += 32768)
    text += String.fromCharCode(...bytes.subarray(i, i + 32768));
  return [btoa(text), start];
}"""
"""Record what each stem sends to the speakers, on the clock that plays them."""


@pytest.fixture(scope="session")
def browser():
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="needs playwright: pip install '.[browser]'"
    )
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with playwright.sync_playwright() as run:
        chromium = run.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS.split())
        yield chromium
        chromium.close()


def melody(length: int, rate: int) -> np.ndarray:
    """A sound of which every moment is unlike any other, yet easy to encode."""
    time = np.arange(length) / rate
    sweep = sum(
        np.sin(2 * np.pi * (f * time + g * time**2) + f)
        for f, g in [(200, 30), (510, 7), (1400, -20)]
    )
    return (0.15 * sweep * (1 + 0.5 * np.sin(2 * np.pi * 3.1 * time))).astype(np.float32)


def wait(page, expression: str, seconds: float = 15) -> None:
    """Wait until an expression holds; the page's policy forbids playwright's own way."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < end, expression
        time.sleep(0.02)


def seek(page, to: float) -> None:
    page.evaluate(
        f"""() => {{ const bar = document.getElementById("seek");
        bar.value = {to}; bar.dispatchEvent(new Event("input")); }}"""
    )
    wait(page, f"unmix.now() > {to} && unmix.now() < {to} + 5 && unmix.context !== null")


def capture(page, seconds: float) -> tuple[np.ndarray, float]:
    """Return what was heard of each stem, shape (stems, samples), and the second it began at.

    That second is the page's own: what it shows while this is heard.
    """
    text, began = page.evaluate(CAPTURE, [seconds, RECORDER])
    heard = np.frombuffer(base64.b64decode(text), np.float32).reshape(len(NAMES), -1)
    return heard, began


def locate(heard: np.ndarray, near: float) -> float:
    """Return the second of the track at which a recording of it begins."""
    truth = melody(SECONDS * sound.RATE, sound.RATE)
    first = max(0, round((near - 1) * sound.RATE))
    window = truth[first : round((near + 1) * sound.RATE) + len(heard)]
    size = 1 << (len(window) + len(heard)).bit_length()
    product = np.fft.irfft(np.fft.rfft(window, size) * np.fft.rfft(heard, size).conj(), size)
    return (first + int(product[: len(window)].argmax())) / sound.RATE


def gains(page) -> list[float]:
    return page.evaluate("unmix.stems.map((stem) => stem.gain.gain.value)")


def loudness(page) -> list[float]:
    return [float(np.sqrt(np.mean(channel**2))) for channel in capture(page, 0.3)[0]]
