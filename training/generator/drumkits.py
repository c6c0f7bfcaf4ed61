"""Where a drum stroke's sound comes from: soundfonts, sampled kits or synthesis."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import soundfile
import soxr
from scipy.signal import lfilter

from . import SAMPLE_RATE, effects
from .song import Note, Song
from .soundfonts import DRUM_BANK, DRUM_KITS, render_notes

GM_KEYS = {
    "k": (36, 35), "s": (38, 40), "r": (37,), "h": (42, 44), "o": (46,), "d": (51, 59, 53),
    "c": (39,), "t": (41, 43, 45), "m": (47, 48, 50), "x": (82, 70), "y": (54,), "b": (56,),
    "g": (64, 63, 61), "q": (62, 60), "C": (49, 57, 55, 52),
}  # fmt: skip
SECONDS = {"C": 2.5, "d": 1.2, "o": 0.7, "t": 0.9, "m": 0.8, "k": 0.7, "s": 0.6}

HYDROGEN = Path("/usr/share/hydrogen/data/drumkits")
# CC0, CC-BY, or an author who waived restrictions on what is made with the kit; the GPL and
# CC-BY-SA kits of the same package stay out.
HYDROGEN_KITS = ("Audiophob", "ColomboAcousticDrumkit", "ElectricEmpireKit", "HardElectro1",
                 "VariBreaks", "rumpf_kit_z01_h2")  # fmt: skip
SONIC_PI = Path("/usr/share/sonic-pi/samples")  # CC0

NAMES = {
    "k": r"kick|bass ?drum|^bd_|drum_bass|heavy_kick|soft_kick|hollow_kick",
    "s": r"snare|^sn_",
    "r": r"stick|rim|elec_wood|elec_tick|perc_snap",
    "h": r"closed|hat.*(cl|low|ring|bs|dirty)|hi-hat closed|cymbal_closed|side hh",
    "o": r"open|hat.*op|oh?h$|cymbal_open",
    "d": r"ride|^cymbal|drum_cymbal_soft",
    "c": r"clap|snap",
    "t": r"tom.*lo|low tom|drum 1|tom_lo|fuzz_tom",
    "m": r"tom.*(hi|mid)|(high|middle) tom|drum 2|tom_(hi|mid)",
    "x": r"pedal|hat.*pd|click|perc_swash",
    "y": r"elec_bell|elec_triangle|side ohh",
    "b": r"cowbell|perc_bell",
    "g": r"conga 1|tabla_(ghe|tun|tas)",
    "q": r"conga 2|tabla_(na|te|ke)|bong",
    "C": r"crash|splash|cymbal_hard|elec_cymbal",
}


class Kit:
    """A set of sounds, each rendered once, loudest layer first."""

    def __init__(self, sounds: dict[str, list[np.ndarray]]) -> None:
        self._sounds = sounds
        self.open_gain = 0.0

    def sound(self, voice: str, loud: float) -> np.ndarray | None:
        """The sound of a voice, None if the kit lacks it; quiet strokes take softer layers."""
        layers = self._sounds.get(voice)
        if not layers:
            return None
        return layers[0] if loud > 0.55 or len(layers) == 1 else layers[1]


def random_kit(song: Song, rng: np.random.Generator) -> Kit:
    """A kit that suits the song's style: sampled, General MIDI, synthesised or a blend."""
    acoustic = song.style in ("rock", "jazz", "metal", "folk", "country", "ballad", "soul")
    kinds = ["gm", "sampled", "synth", "blend"]
    weights = [0.6, 0.22, 0.03, 0.15] if acoustic else [0.32, 0.3, 0.15, 0.23]
    kind = rng.choice(kinds, p=weights)
    makers = {"gm": _gm_kit, "sampled": _sampled_kit, "synth": _synth_kit}
    sounds = dict(_gm_kit(rng, acoustic))
    if kind == "blend":
        for voice in list(sounds):
            maker = makers[str(rng.choice(list(makers)))]
            sounds[voice] = maker(rng, acoustic).get(voice, sounds[voice])
    elif kind != "gm":
        sounds |= makers[str(kind)](rng, acoustic)
    return Kit({voice: _treat(voice, layers, rng) for voice, layers in sounds.items()})


def _treat(voice: str, layers: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
    """Level, tuning, tone and place of one drum, the same for its layers."""
    levels = {"k": 0, "s": 0, "c": -2, "r": -5, "h": -11, "o": -9, "d": -11, "C": -7, "t": -2,
              "m": -2, "x": -14, "y": -12, "b": -10, "g": -6, "q": -7}  # fmt: skip
    gain = 10 ** ((levels[voice] + rng.normal(0, 2.5)) / 20)
    speed = 2 ** (rng.normal(0, 1.5) / 12)
    position = 0.0 if voice in "ks" else float(np.clip(rng.normal(0, 0.4), -1, 1))
    longest = int(SECONDS.get(voice, 0.5) * SAMPLE_RATE)
    keep = int(longest * rng.uniform(0.3, 1)) if rng.random() < 0.3 else longest
    top = np.abs(layers[0]).max() + 1e-6
    treated = []
    for layer in layers:
        n = layer.shape[1]
        t = np.arange(0, n - 1, speed)
        x = np.stack([np.interp(t, np.arange(n), channel) for channel in layer])
        x = x[:, :keep].astype(np.float32)
        fade = min(x.shape[1], 2000)
        x[:, x.shape[1] - fade :] *= np.linspace(1, 0, fade, dtype=np.float32) ** 2
        treated.append(effects.pan(x, position) * (gain / top))
    return treated


@lru_cache(maxsize=80)
def _gm_voice(font: int, program: int, voice: str, key: int) -> tuple[np.ndarray, ...]:
    seconds = SECONDS.get(voice, 0.5) + 0.2
    return tuple(
        render_notes([Note(0, seconds, key, v)], seconds, program, bank=DRUM_BANK, font=font)
        for v in (115, 70)
    )


def _gm_kit(rng: np.random.Generator, acoustic: bool) -> dict[str, list[np.ndarray]]:
    font = int(rng.integers(2))
    program = int(rng.choice(DRUM_KITS))
    if not acoustic and rng.random() < 0.3:
        program = int(rng.choice([24, 25]))
    sounds = {}
    for voice, keys in GM_KEYS.items():
        layers = _gm_voice(font, program, voice, int(rng.choice(keys)))
        if np.abs(layers[0]).max() > 1e-3:
            sounds[voice] = list(layers)
    return sounds


@cache
def _catalogue() -> dict[str, dict[str, list[Path]]]:
    """Kit name -> voice -> its sample files, loudest first."""
    kits: dict[str, dict[str, list[Path]]] = {}
    for name in HYDROGEN_KITS:
        description = HYDROGEN / name / "drumkit.xml"
        if not description.exists():
            continue
        text = re.sub(r'\sxmlns="[^"]*"', "", description.read_text(errors="replace"))
        voices: dict[str, list[Path]] = {}
        for instrument in ElementTree.fromstring(text).iter("instrument"):
            files = [
                HYDROGEN / name / node.text for node in instrument.iter("filename") if node.text
            ]
            voice = _voice_of(instrument.findtext("name", ""))
            if voice and files:
                voices.setdefault(voice, []).append(files[-1])
        kits[name] = voices
    samples: dict[str, list[Path]] = {}
    for file in sorted(SONIC_PI.glob("*.flac")):
        voice = _voice_of(file.stem) if not file.stem.startswith("loop") else None
        if voice:
            samples.setdefault(voice, []).append(file)
    if samples:
        kits["sonic-pi"] = samples
    return kits


def _voice_of(name: str) -> str | None:
    for voice, pattern in NAMES.items():
        if re.search(pattern, name.lower()):
            return voice
    return None


@lru_cache(maxsize=300)
def _sample(path: Path) -> np.ndarray | None:
    try:
        audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (RuntimeError, OSError):
        return None
    audio = soxr.resample(audio[: rate * 3], rate, SAMPLE_RATE)
    audio = np.repeat(audio, 2, axis=1) if audio.shape[1] == 1 else audio[:, :2]
    return np.ascontiguousarray(audio.T, dtype=np.float32) if len(audio) > 200 else None


def _sampled_kit(rng: np.random.Generator, acoustic: bool) -> dict[str, list[np.ndarray]]:
    kits = _catalogue()
    if not kits:
        return {}
    names = (
        ["ColomboAcousticDrumkit", "rumpf_kit_z01_h2", "sonic-pi", "Audiophob"]
        if acoustic
        else list(kits)
    )
    kit = kits.get(str(rng.choice(names)), {})
    sounds = {}
    for voice, files in kit.items():
        audio = _sample(files[rng.integers(len(files))])
        if audio is not None:
            sounds[voice] = [audio]
    return sounds


def _synth_kit(rng: np.random.Generator, acoustic: bool) -> dict[str, list[np.ndarray]]:
    """Analogue-style drums: swept sines, filtered noise, clusters of squares."""

    def envelope(seconds: float, decay: float) -> tuple[np.ndarray, np.ndarray]:
        t = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
        return t, np.exp(-t / decay) * np.minimum(1, t / 0.001)

    def stereo(x: np.ndarray) -> list[np.ndarray]:
        return [np.stack([x, x]).astype(np.float32)]

    def noise(n: int, low: float, high: float) -> np.ndarray:
        x = rng.standard_normal((1, n)).astype(np.float32)
        return effects.highpass(effects.lowpass(x, high), low)[0]

    def sweep(t: np.ndarray, start: float, end: float, fall: float) -> np.ndarray:
        hertz = end + (start - end) * np.exp(-t / fall)
        return np.sin(2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE)

    t, e = envelope(0.7, rng.uniform(0.06, 0.3))
    kick = sweep(t, rng.uniform(100, 400), rng.uniform(38, 65), rng.uniform(0.01, 0.06)) * e
    kick = np.tanh(kick * rng.uniform(1, 4)) + rng.uniform(0, 0.2) * noise(
        len(t), 1000, 8000
    ) * np.exp(-t / 0.004)
    t, e = envelope(0.5, rng.uniform(0.05, 0.2))
    body = sweep(t, rng.uniform(200, 350), rng.uniform(150, 230), 0.02) * np.exp(-t / 0.06)
    snare = body * rng.uniform(0.2, 1) + noise(len(t), rng.uniform(300, 1500), 11000) * e
    t, e = envelope(0.25, rng.uniform(0.015, 0.06))
    n = 40000
    tones = sum(
        np.sign(np.sin(2 * np.pi * f * np.arange(n) / SAMPLE_RATE))
        for f in rng.uniform(2000, 9000, 6)
    )
    metal = effects.highpass(
        (tones + 3 * rng.standard_normal(n))[None].astype(np.float32), rng.uniform(5000, 8000), 4
    )[0]
    hat = metal[: len(t)] * e
    t, e = envelope(0.7, rng.uniform(0.12, 0.35))
    open_hat = metal[: len(t)] * e
    t = np.arange(20000) / SAMPLE_RATE
    bursts = sum(np.exp(-np.maximum(0, t - d) / 0.008) * (t >= d) for d in (0, 0.011, 0.022))
    clap = noise(len(t), 700, 6000) * (bursts + 0.6 * np.exp(-t / rng.uniform(0.04, 0.15)))
    t, e = envelope(0.6, 0.15)
    low = sweep(t, 180, rng.uniform(70, 110), 0.06) * e
    high = sweep(t, 300, rng.uniform(120, 190), 0.06) * e
    t, e = envelope(0.12, 0.02)
    rim = lfilter([1], [1, -1.6, 0.9], noise(len(t), 300, 9000)) * e
    shaker = noise(len(t), 5000, 14000) * np.sin(np.pi * np.minimum(1, t / 0.09)) ** 2
    t, e = envelope(2.4, rng.uniform(0.5, 1.2))
    crash = np.resize(metal, len(t)) * e
    voices = {"k": kick, "s": snare, "h": hat, "o": open_hat, "c": clap, "t": low, "m": high,
              "r": rim, "x": shaker, "C": crash}  # fmt: skip
    return {voice: stereo(x) for voice, x in voices.items()}
