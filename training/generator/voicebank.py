"""The singers: spoken syllables taken apart by the WORLD vocoder, once, and kept on disk.

A syllable is a short sequence of spectral envelopes and aperiodicities every 5 ms. Singing
(`vocals.py`) stretches its vowel, gives it a pitch and puts it together again.
"""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

FRAME_MS = 5.0
ENVELOPE_BINS = 513  # 0 to 22.05 kHz
APERIODICITY_BINS = 129
SHORTEST_VOWEL = 8  # frames; anything shorter sounds frozen when it is stretched

WORDS = (
    "love", "you", "me", "night", "fire", "home", "way", "go", "know", "heart", "time", "day",
    "sky", "rain", "hold", "down", "free", "blue", "dream", "one", "soul", "light", "fall", "run",
    "there", "feel", "say", "moon", "stay", "gone", "world", "see", "eyes", "more", "now", "la",
    "na", "oh", "yeah", "ah", "wild", "street", "show", "child", "keep", "burn", "hey", "ooh",
)  # fmt: skip

KANA = (
    *"あいうえおかきくこさしせそたてとなにねのはひふほまみむもやゆよらりるろわ",
    *("あい", "ぞら", "はな", "ゆめ", "よる", "かぜ"),
)

# Language and speaker variant of espeak-ng.
ESPEAK = (
    "en-us+m1", "en-us+m3", "en-us+m7", "en-us+f1", "en-us+f2", "en-us+f4", "en-gb-x-rp+m2",
    "en-gb-x-rp+f5", "en-gb-x-rp+Andrea", "en-us+Alicia", "en-us+linda", "en-us+steph",
    "en-us+adam", "en-us+Michael", "en-us+Alex", "es+m4", "es+f3", "it+m5", "it+f2", "fr+m6",
    "fr+f4", "de+m1", "de+f1", "pt-br+m8", "pt-br+f2", "sv+f3", "pl+m2", "el+f5",
    "en-us+klatt3", "en-us+Annie", "en-gb-x-rp+belinda", "en-us+ed",
)  # fmt: skip
HUMAN = ("flite", "openjtalk", "pico", "festival")  # made from recordings of a person
HUMAN_SHARE = 0.8  # of the songs; they are fewer than the machines but what matters
FLITE = ("slt", "rms", "awb", "kal16")
PICO = {  # the voice of each language speaks words of its own
    "en-US": WORDS,
    "en-GB": WORDS,
    "de-DE": (
        "Nacht", "Traum", "du", "ich", "mein", "Herz", "Licht", "Tag", "Weg", "Zeit", "nie", "mehr",
        "Wind", "Meer", "Stern", "froh", "blau", "rot", "Haus", "Mond", "Lied", "Welt", "schön",
        "grün", "früh", "Glück", "lang", "Hand", "Mut", "gut", "ja", "nein", "komm", "geh", "sah",
        "Schnee", "la", "oh", "na", "sie",
    ),
    "es-ES": (
        "sol", "mar", "luz", "voz", "fe", "paz", "más", "tú", "yo", "mí", "ven", "ser", "ya", "no",
        "sí", "bien", "hoy", "piel", "flor", "fin", "cruz", "dos", "tres", "dar", "ver", "sal",
        "pan", "cien", "gran", "rey", "vas", "son", "ni", "su", "la", "oh", "luna", "vida", "amor",
    ),
    "fr-FR": (
        "nuit", "jour", "cœur", "vie", "toi", "moi", "mer", "ciel", "feu", "vent", "rêve", "blanc",
        "bleu", "doux", "fou", "loin", "bien", "temps", "main", "chant", "voix", "joie", "beau",
        "peur", "seul", "lune", "belle", "tout", "rien", "fleur", "pluie", "rue", "roi", "non",
        "oui", "la", "oh", "si", "mon", "âme",
    ),
    "it-IT": (
        "più", "no", "sì", "tu", "noi", "voi", "mai", "qui", "va", "so", "re", "blu", "già", "poi",
        "sei", "che", "per", "con", "mio", "sua", "cuor", "amor", "mar", "sol", "ciel", "fior",
        "vien", "ben", "gran", "la", "lo", "dà", "fa", "sa", "zio", "oh", "vita", "luna", "sole",
    ),
}  # fmt: skip
FESTIVAL = ("ked_diphone",)

RUSSIAN = Path("/usr/share/festival/voices/russian/msu_ru_nsh_clunits")  # read aloud, labelled
STRESSED = ("aa", "ee", "ii", "oo", "uu", "yy")

VOWELS = {  # first three formants of an adult male voice, hertz
    "a": (730, 1150, 2440), "e": (530, 1840, 2480), "i": (280, 2250, 2900), "o": (480, 870, 2500),
    "u": (310, 820, 2300), "ae": (660, 1720, 2410), "er": (490, 1350, 1690),
    "uh": (620, 1200, 2550),
}  # fmt: skip


@dataclass
class Syllable:
    """Frames of one syllable, 5 ms apart, and where its vowel lies."""

    envelope: np.ndarray  # (frames, 513), natural log of power
    aperiodicity: np.ndarray  # (frames, 129), 0 to 1
    voiced: np.ndarray  # (frames,), bool
    vowel: tuple[int, int]  # frames that may be stretched


class VoiceBank:
    """All syllables of all speakers, memory mapped."""

    def __init__(self, folder: Path) -> None:
        index = np.load(folder / "index.npz")
        self._envelopes = np.load(folder / "envelopes.npy", mmap_mode="r")
        self._aperiodicities = np.load(folder / "aperiodicities.npy", mmap_mode="r")
        self._voiced = np.load(folder / "voiced.npy")
        self._rows = index["rows"]  # speaker, first frame, last frame, vowel from, vowel to
        self.names = [str(name) for name in index["names"]]
        self.pitch = index["pitch"]  # median hertz of each speaker
        human = np.array([name.startswith(HUMAN) for name in self.names])
        share = np.where(human, HUMAN_SHARE, 1 - HUMAN_SHARE)
        self.weights = share / np.where(human, human.sum(), (~human).sum())
        self.weights = self.weights / self.weights.sum()

    def syllables(self, speaker: int) -> np.ndarray:
        return np.flatnonzero(self._rows[:, 0] == speaker)

    def syllable(self, number: int) -> Syllable:
        _, first, last, start, end = self._rows[number]
        return Syllable(
            self._envelopes[first:last].astype(np.float32),
            self._aperiodicities[first:last].astype(np.float32),
            self._voiced[first:last],
            (int(start), int(end)),
        )


def build_voicebank(folder: Path) -> Path:
    """Speak, analyse and write the bank if the folder does not have it; returns the folder."""
    if (folder / "index.npz").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    envelopes, aperiodicities, voiced, rows, names, pitches = [], [], [], [], [], []
    position = 0
    for name, syllables, pitch in _speakers():
        for item in syllables:
            frames = len(item.voiced)
            rows.append((len(names), position, position + frames, *item.vowel))
            envelopes.append(item.envelope.astype(np.float16))
            aperiodicities.append(item.aperiodicity.astype(np.float16))
            voiced.append(item.voiced)
            position += frames
        if syllables:
            names.append(name)
            pitches.append(pitch)
    np.save(folder / "envelopes.npy", np.concatenate(envelopes))
    np.save(folder / "aperiodicities.npy", np.concatenate(aperiodicities))
    np.save(folder / "voiced.npy", np.concatenate(voiced))
    np.savez(
        folder / "index.npz", rows=np.array(rows), names=np.array(names), pitch=np.array(pitches)
    )
    return folder


def _speakers():
    for voice in ESPEAK:
        yield _spoken(f"espeak-ng {voice}", lambda word, file, v=voice: [
            "espeak-ng", "-v", v, "-s", "120", "-w", file, word])  # fmt: skip
    for voice in FLITE:
        yield _spoken(f"flite {voice}", lambda word, file, v=voice: [
            "flite", "--setf", "duration_stretch=1.5",
            "-voice", v, "-t", word, "-o", file])  # fmt: skip
    for voice, words in PICO.items():
        yield _spoken(f"pico {voice}", lambda word, file, v=voice: [
            "pico2wave", "-l", v, "-w", file,
            f'<speed level="60">{word}</speed>'], words)  # fmt: skip
    for voice in FESTIVAL:
        yield _spoken(f"festival {voice}", lambda word, file, v=voice: [
            "text2wave", "-o", file, "-eval",
            f"(begin (voice_{v}) (Parameter.set 'Duration_Stretch 1.5))"])  # fmt: skip
    yield _recorded("festival msu_ru_nsh", RUSSIAN)
    for number in range(16):
        yield _formant_speaker(number)
    yield _openjtalk()


def _openjtalk() -> tuple[str, list[Syllable], float]:
    """The voice Mei of pyopenjtalk, recorded at 48 kHz; no syllables where it is not installed."""
    try:
        import pyopenjtalk
    except ImportError:
        return "openjtalk mei", [], 0.0
    analysed = []
    for word in KANA:
        audio, rate = pyopenjtalk.tts(word, speed=0.6)
        analysed.append(_analyse(np.asarray(audio, float) / 32768, rate))
    found = [item for item in analysed if item is not None]
    return "openjtalk mei", [s for s, _ in found], float(np.median([p for _, p in found]))


def _recorded(name: str, folder: Path, count: int = 96) -> tuple[str, list[Syllable], float]:
    """Syllables cut from recorded sentences: of every onset and stressed vowel the longest."""
    longest = {}
    for label in sorted((folder / "lab").iterdir()):
        lines = [line.split() for line in label.read_text().splitlines() if line[:1] != "#"]
        phones = [(float(line[0]), line[-1]) for line in lines]
        for (begin, _), (start, onset), (end, vowel), (close, _) in zip(
            phones, phones[1:], phones[2:], phones[3:], strict=False
        ):
            found = (end - start, label.stem, begin, min(close, end + 0.1))
            if vowel in STRESSED and found > longest.get((onset, vowel), (0.0,)):
                longest[onset, vowel] = found
    analysed = []
    for _, stem, begin, close in sorted(longest.values(), reverse=True)[:count]:
        audio, rate = soundfile.read(folder / "wav" / f"{stem}.wav", dtype="float64")
        first = max(begin, close - 0.6)  # the onset may be a pause
        analysed.append(_analyse(audio[int(first * rate) : int(close * rate)], rate))
    found = [item for item in analysed if item is not None]
    return name, [s for s, _ in found], float(np.median([p for _, p in found]))


def _spoken(name: str, command, words=WORDS) -> tuple[str, list[Syllable], float]:
    syllables, pitches = [], []
    with tempfile.TemporaryDirectory() as temporary:
        file = str(Path(temporary) / "word.wav")
        for word in words:
            done = subprocess.run(
                command(word, file), input=word.encode(), capture_output=True, check=False
            )
            if done.returncode:
                return name, [], 0.0
            audio, rate = soundfile.read(file, dtype="float64")
            analysed = _analyse(audio, rate)
            if analysed is not None:
                syllables.append(analysed[0])
                pitches.append(analysed[1])
    return name, syllables, float(np.median(pitches)) if pitches else 0.0


def _analyse(audio: np.ndarray, rate: int) -> tuple[Syllable, float] | None:
    import pyworld

    loud = np.flatnonzero(np.abs(audio) > 0.01 * np.abs(audio).max())
    if len(loud) < rate // 10:
        return None
    audio = np.ascontiguousarray(audio[max(0, loud[0] - 200) : loud[-1] + 400])
    f0, times = pyworld.dio(audio, rate, f0_floor=60, f0_ceil=500, frame_period=FRAME_MS)
    f0 = pyworld.stonemask(audio, f0, times, rate)
    voiced = f0 > 0
    if voiced.sum() < 12:
        return None
    envelope = np.log(pyworld.cheaptrick(audio, f0, times, rate) + 1e-14)
    aperiodicity = pyworld.d4c(audio, f0, times, rate)
    start, end = _longest_run(voiced)
    energy = envelope[:, 2 : envelope.shape[1] // 4].max(axis=1)
    centre = start + int(np.argmax(np.convolve(energy[start:end], np.ones(5) / 5, "same")))
    span = end - start
    vowel = (max(start + 2, centre - span // 5), min(end - 2, centre + span // 5))
    if vowel[1] - vowel[0] < SHORTEST_VOWEL:
        return None
    envelope = envelope - energy[vowel[0] : vowel[1] + 1].mean()
    syllable = Syllable(
        _to_axis(envelope, rate, ENVELOPE_BINS, np.where(voiced, -12, -3) / 4.34),
        np.minimum(_to_axis(aperiodicity, rate, APERIODICITY_BINS, np.full(len(voiced), 0.3)), 1),
        voiced,
        vowel,
    )
    return syllable, float(np.median(f0[voiced]))


def _longest_run(flags: np.ndarray) -> tuple[int, int]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(int), [0]])))
    runs = edges.reshape(-1, 2)
    best = runs[np.argmax(runs[:, 1] - runs[:, 0])]
    return int(best[0]), int(best[1])


def _to_axis(frames: np.ndarray, rate: int, bins: int, slope: np.ndarray) -> np.ndarray:
    """Resample the frequency axis to 0 to 22.05 kHz; above the recording, go on from its top.

    Parameters
    ----------
    slope : ndarray, shape (frames,)
        Change per octave above nine tenths of the recording's band, for each frame.
    """
    source = np.linspace(0, rate / 2, frames.shape[1])
    hertz = np.linspace(0, 22050, bins)
    top = 0.9 * rate / 2
    position = np.minimum(hertz, top) / (source[1] - source[0])
    low = np.minimum(position.astype(int), frames.shape[1] - 2)
    part = position - low
    out = frames[:, low] * (1 - part) + frames[:, low + 1] * part
    return out + slope[:, None] * np.log2(np.maximum(hertz, top) / top)


def _formant_speaker(number: int) -> tuple[str, list[Syllable], float]:
    """A singer made of formants alone: a random vocal tract with a random glottis."""
    rng = np.random.default_rng([7, number])
    tract = rng.uniform(0.95, 1.28)
    tilt = rng.uniform(5, 11)
    ring = rng.uniform(0, 14)  # the singer's formant near 3 kHz
    breath = rng.uniform(0.02, 0.3)
    names = list(VOWELS)
    syllables = []
    hertz = np.linspace(0, 22050, ENVELOPE_BINS)
    for _ in range(30):
        vowel, onset = str(rng.choice(names)), str(rng.choice(["", "m", "s", "h", "l"]))
        formants = np.array([*VOWELS[vowel], 3500, 4500, 5600, 6800, 8200]) * tract
        formants[:3] *= rng.normal(1, 0.05, 3)
        widths = np.array([80, 90, 120, 160, 220, 300, 400, 500]) * rng.uniform(0.7, 1.5)
        power = np.zeros_like(hertz)
        power -= tilt * np.log2(np.maximum(hertz, 150) / 150) / 4.34
        for formant, wide in zip(formants, widths, strict=True):
            gain = 1 / np.sqrt((1 - (hertz / formant) ** 2) ** 2 + (wide * hertz / formant**2) ** 2)
            power += 2 * np.log(np.minimum(gain, 30)) * (1 if formant < 4000 else 0.25)
            power += np.where(hertz > formant, 2 * np.log(np.maximum(hertz / formant, 1)) * 0.75, 0)
        power += ring / 4.34 * np.exp(-(((hertz - 3000) / 500) ** 2))
        vowel_frames = 40
        attack = int(rng.integers(8, 20)) if onset else 3
        envelope = np.tile(power, (attack + vowel_frames + 8, 1))
        envelope += rng.normal(0, 0.1, (len(envelope), 1))
        voiced = np.ones(len(envelope), bool)
        curve = np.clip((np.linspace(0, 22050, APERIODICITY_BINS) - 1500) / 7000, 0.002, 1)
        aperiodicity = np.tile(np.clip(curve + breath * curve**0.5, 0.001, 1), (len(envelope), 1))
        if onset in ("s", "h"):
            hiss = -3 - ((hertz - 7000) / 4500) ** 2 if onset == "s" else power - 3
            envelope[:attack] = hiss + (envelope.max() - 5 if onset == "s" else 0)
            voiced[:attack] = False
            aperiodicity[:attack] = 1
        elif onset in ("m", "l"):
            envelope[:attack] -= 2 + 3 * (hertz > 900)
        fade = np.linspace(0, 4, 8)[:, None]
        envelope[-8:] -= fade
        envelope -= envelope[attack + 5 : attack + 35, 2:128].max(axis=1).mean()
        syllables.append(Syllable(envelope, aperiodicity, voiced, (attack + 4, attack + 36)))
    return f"formants {number}", syllables, 160.0 * tract**3
