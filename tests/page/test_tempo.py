"""Tempo and key, in a real browser: what is heard, what is saved, where the position is."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest
import soundfile

from browsing import wait
from unmixcli.audio.tags.reading import Tags
from unmixcli.page import About, sound, write_page

SECONDS = 14.0
TONES = (330.0, 880.0)
CHANGE = """([make, left, right]) => {
  const channels = [left, right].map((text) =>
    new Float32Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer));
  const made = new Function("unmix", "channels", make)(unmix, channels);
  return made.map((part) => {
    let text = "";
    for (const byte of new Uint8Array(part.buffer, part.byteOffset, part.byteLength))
      text += String.fromCharCode(byte);
    return btoa(text);
  });
}"""
LISTEN = """async () => {
  const analyser = unmix.context.createAnalyser();
  analyser.fftSize = 32768;
  unmix.output.connect(analyser);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const bins = new Float32Array(analyser.frequencyBinCount);
  analyser.getFloatFrequencyData(bins);
  const peak = bins.indexOf(Math.max(...bins));
  return peak * unmix.context.sampleRate / 32768;
}"""


def tone(hertz: float, seconds: float = SECONDS, rate: int = sound.RATE) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate).astype(np.float32)


@pytest.fixture(scope="session")
def tones_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of two stems, which are tones."""
    folder = tmp_path_factory.mktemp("tones")
    stems = {"low": folder / "low.wav", "high": folder / "high.wav"}
    for path, hertz, level in zip(stems.values(), TONES, (0.4, 0.1), strict=True):
        soundfile.write(path, level * tone(hertz), sound.RATE)
    write_page(folder / "index.html", stems, About(folder / "song.wav", Tags(), model="toy"))
    return folder / "index.html"


def change(page, make: str, *channels: np.ndarray) -> list[np.ndarray]:
    """Run a line of the page's language over sound."""
    given = [base64.b64encode(channel.tobytes()).decode() for channel in channels]
    made = page.evaluate(CHANGE, [make, *given])
    return [np.frombuffer(base64.b64decode(text), np.float32) for text in made]


def loudest(audio: np.ndarray, rate: int = sound.RATE) -> float:
    """Return the frequency of the highest peak, in Hz."""
    power = np.abs(np.fft.rfft(audio * np.hanning(len(audio)), 8 * len(audio)))
    return float(power.argmax() * rate / (8 * len(audio)))


@pytest.mark.parametrize("ratio", [0.5, 0.8, 1.0, 2 ** (1 / 12), 1.5])
def test_the_vocoder_moves_tones_and_keeps_levels_and_channels(show, tones_file, ratio):
    page = show(tones_file, bypass_csp=True)
    left, right = 0.5 * tone(441.3, 1.5) + 0.1 * tone(1970.7, 1.5), 0.25 * tone(441.3, 1.5)
    make = (
        f"const s = new unmix.PitchShifter({ratio}); s.process(...channels);"
        "return channels.map((channel) => channel.slice(24000));"
    )
    made = change(page, make, left, right)
    assert loudest(made[0]) == pytest.approx(441.3 * ratio, abs=0.5)
    assert np.sqrt(np.mean(made[0] ** 2)) == pytest.approx(np.sqrt(0.26 / 2), rel=0.06)
    # The tone that both channels have keeps its place between them.
    spectra = [np.fft.rfft(channel * np.hanning(len(channel))) for channel in made]
    place = round(441.3 * ratio * len(made[0]) / sound.RATE)
    share = spectra[1][place] / spectra[0][place]
    assert abs(share - 0.5) < 0.03
    if ratio == 1:
        expected = left[24000 - 4096 : -4096]
        assert np.abs(made[0] - expected).max() < 0.01


@pytest.mark.parametrize("percent", [50, 85, 125, 200])
def test_the_resampler_is_exact_whatever_the_parts(show, tones_file, percent):
    page = show(tones_file, bypass_csp=True)
    audio = 0.5 * tone(997, 0.5)
    make = (
        f"const r = [0, 1].map(() => new unmix.Resampler({percent}));"
        "const cut = (c) => [c.subarray(0, 10), c.subarray(10, 5001), c.subarray(5001)];"
        "const whole = r[0].push(channels[0]);"
        "const parts = cut(channels[1]).flatMap((part) => [...r[1].push(part)]);"
        "return [whole, new Float32Array(parts)];"
    )
    whole, parts = change(page, make, audio, audio)
    assert len(whole) == pytest.approx(len(audio) * 100 / percent, abs=64)
    expected = 0.5 * tone(997 * percent / 100, 1.0)[: len(whole)]
    assert np.abs(whole - expected)[200:].max() < 2e-3
    assert np.array_equal(whole, parts)


@pytest.mark.parametrize(
    ("fragment", "hertz"),
    [
        ("#tempo=80", TONES[0]),
        ("#key=3", TONES[0] * 2**0.25),
        ("#tempo=140&key=-5", 330 * 2 ** (-5 / 12)),
    ],
)
def test_what_is_heard(show, tones_file, fragment, hertz):
    """The key of the recording unless it is changed; the position follows the tempo."""
    page = show(tones_file, fragment)
    page.click("#play")
    wait(page, "unmix.now() > 0.1")
    heard = page.evaluate(LISTEN)
    assert heard == pytest.approx(hertz, abs=3)
    pace = page.evaluate(
        """async () => {
        const both = () => [unmix.now(), unmix.context.currentTime];
        const [a, b] = both();
        await new Promise((resolve) => setTimeout(resolve, 500));
        const [c, d] = both();
        return (c - a) / (d - b);
    }"""
    )
    assert pace == pytest.approx(page.evaluate("unmix.style.tempo") / 100, rel=1e-3)


def test_without_a_change_nothing_stands_between(show, tones_file):
    page = show(tones_file)
    page.click("#play")
    wait(page, "unmix.now() > 0.1")
    assert page.evaluate("unmix.output === unmix.context.destination")
    page.keyboard.press("Shift+T")
    wait(page, "unmix.playing && unmix.output !== unmix.context.destination")
    assert page.inner_text("#tempo-shown") == "95 %"
    page.click("#tempo-shown")
    wait(page, "unmix.playing && unmix.output === unmix.context.destination")


def test_keys_buttons_and_address(show, tones_file):
    page = show(tones_file)
    page.keyboard.press("k")
    page.keyboard.press("k")
    page.click("#tempo-less")
    assert page.inner_text("#key-shown") == "+2"
    wait(page, "location.hash.includes('tempo=95&key=2')")
    page.click("#key-shown")
    assert page.inner_text("#key-shown") == "0"
    for _ in range(20):
        page.keyboard.press("Shift+K")
    assert page.inner_text("#key-shown") == "−12"


@pytest.mark.parametrize("fragment", ["#tempo=fast&key=x", "#tempo=&key=", "#tempo=100&key=0"])
def test_addresses_that_make_no_sense(show, tones_file, fragment):
    page = show(tones_file, fragment)
    assert page.evaluate("[unmix.style.tempo, unmix.style.key]") == [100, 0]


def test_a_saved_mix_has_tempo_and_key(show, tones_file, tmp_path):
    page = show(tones_file, "#tempo=80&key=3&solo=1")
    with page.expect_download(timeout=60000) as download:
        page.click("#save")
    path = tmp_path / "saved.wav"
    download.value.save_as(path)
    assert download.value.suggested_filename == "song (low) 80 % +3.wav"
    audio, rate = soundfile.read(path)
    assert len(audio) == round(SECONDS * rate / 0.8)
    assert loudest(audio[rate : 4 * rate]) == pytest.approx(TONES[0] * 2**0.25, abs=0.5)
    assert np.sqrt(np.mean(audio[rate:-rate] ** 2)) == pytest.approx(0.4 / np.sqrt(2), rel=0.06)
    # It begins and ends with the track.
    assert np.abs(audio[: rate // 4]).max() > 0.2 and np.abs(audio[-rate // 4 :]).max() > 0.2
