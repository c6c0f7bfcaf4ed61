"""The listening page: its pictures, its sound and its text."""

from __future__ import annotations

import html
import io
import json
import re
import zlib
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import av
import mutagen.flac
import numpy as np
import pytest
import soundfile

from sounds import music
from streams import cut_evenly
from unmixcli import Separator
from unmixcli.audio.tags.reading import Cover, Tags, read_tags
from unmixcli.errors import OutputError
from unmixcli.models.cards import ModelCard
from unmixcli.page import About, page_path, sound, write_page
from unmixcli.page.colours import css, ramp
from unmixcli.page.columns import Columns
from unmixcli.page.facts import facts, length
from unmixcli.page.markup import cover, escape
from unmixcli.page.png import encode_png
from unmixcli.page.spectrogram import HIGHEST, LOWEST, Spectrogram, shades
from unmixcli.page.waveform import Waveform, outline

CARD = ModelCard(
    name="toy", plugin="toy", targets=["a"], sample_rate=44100, licence="MIT", title="A toy"
)


class Page(HTMLParser):
    """What a browser would see: elements with their attributes, and text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.data: dict[str, str] = {}
        self._id = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._id = dict(attrs).get("id", "") if tag == "script" else ""

    def handle_endtag(self, tag):
        self._id = ""

    def handle_data(self, data):
        if self._id:
            self.data[self._id] = data
        else:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


# --- pictures ----------------------------------------------------------------


@pytest.mark.parametrize(("length", "count"), [(1, 1), (7, 7), (1000, 10), (1003, 10)])
def test_columns_share_the_samples(length, count):
    columns = Columns(length, 10)
    assert columns.count == count
    sizes = np.bincount(columns.of(np.arange(length)))
    assert sizes.sum() == length and sizes.max() - sizes.min() <= 1
    touched, starts = columns.starts(0, length)
    assert (touched.start, touched.stop) == (0, count)
    assert np.array_equal(np.diff(np.append(starts, length)), sizes)


@pytest.mark.parametrize("sizes", [(5000,), (1, 700, 33), (997,)])
def test_the_waveform_does_not_depend_on_the_blocks(sizes):
    audio = music(0.1, seed=1).T
    wave = Waveform(audio.shape[-1], 50)
    for block in cut_evenly(audio, *sizes):
        wave.add(block)
    columns = Columns(audio.shape[-1], 50).of(np.arange(audio.shape[-1]))
    for k in range(50):
        part = audio[:, columns == k]
        assert wave.peaks[k] == pytest.approx(np.abs(part).max())
        assert wave.loudness[k] == pytest.approx(np.sqrt(np.mean(part.astype(float) ** 2)))


def test_an_outline_is_a_band_around_the_middle():
    path = outline(np.array([0.0, 0.5, 2.0]), 1.0)
    points = [tuple(map(float, p.split())) for p in re.split("[ML]", path.rstrip("Z"))[1:]]
    assert points[:3] == [(0, 49.6), (1, 25), (2, 0)]
    assert points[3:] == [(2, 100), (1, 75), (0, 50.4)]
    assert "nan" not in outline(np.zeros(3), 0.0)


def test_the_spectrogram_does_not_depend_on_the_blocks():
    audio = music(0.7, seed=2).T
    found = []
    for sizes in [(65536,), (1000, 7, 4096), (333,)]:
        spectrogram = Spectrogram(audio.shape[-1], 44100, 90, 40)
        for block in cut_evenly(audio, *sizes):
            spectrogram.add(block)
        found.append(spectrogram.finish())
    assert found[0].shape == (40, 90)
    assert np.allclose(found[0], found[1], rtol=1e-4) and np.allclose(found[0], found[2], rtol=1e-4)


def test_a_tone_is_where_it_belongs_in_the_spectrogram():
    rate, tone, rows = 44100, 1000.0, 60
    time = np.arange(rate) / rate
    audio = (0.5 * np.sin(2 * np.pi * tone * time) * (time > 0.5)).astype(np.float32)[None]
    spectrogram = Spectrogram(rate, rate, 100, rows)
    for block in cut_evenly(audio, 10000):
        spectrogram.add(block)
    power = spectrogram.finish()
    expected = rows - 1 - int(rows * np.log(tone / LOWEST) / np.log(HIGHEST / LOWEST))
    assert abs(int(power[:, 75].argmax()) - expected) <= 1
    assert power[:, :40].max() < 1e-6 * power.max()


@pytest.mark.parametrize(("length", "rate"), [(1, 44100), (100, 8000), (3000, 192000)])
def test_short_and_odd_tracks_have_a_spectrogram(length, rate):
    spectrogram = Spectrogram(length, rate, 90, 40)
    spectrogram.add(np.ones((1, length), np.float32))
    assert np.isfinite(spectrogram.finish()).all()


def test_shades_span_the_range():
    power = np.array([[1.0, 1e-7, 1e-9, 0.0]])
    assert shades(power, 1.0, 48).tolist() == [[47, 1, 0, 0]]
    assert not shades(np.zeros((2, 2)), 0.0, 48).any()


def test_png_holds_the_pixels():
    pixels = np.random.default_rng(0).integers(0, 4, (5, 7), dtype=np.uint8)
    palette = [(0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255)]
    data = encode_png(pixels, palette)
    with av.open(io.BytesIO(data), format="png_pipe") as container:
        decoded = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert np.array_equal(decoded, np.array(palette, np.uint8)[pixels])
    assert zlib.crc32(b"IEND") == int.from_bytes(data[-4:], "big")


def test_every_stem_has_a_colour_in_both_schemes():
    rules = css(11)
    assert rules.count("--colour") == 24 and rules.count("prefers-color-scheme: dark") == 1
    for dark in (False, True):
        shades_of = ramp(ramp.__globals__["hue_of"](3), dark, 48)
        assert len(set(shades_of)) > 40


# --- sound -------------------------------------------------------------------


@pytest.mark.parametrize(
    "length",
    [
        1,
        sound.MARGIN,
        sound.PIECE,
        sound.PIECE + sound.MARGIN - 1,
        sound.PIECE + sound.MARGIN,
        2 * sound.PIECE + 12345,
    ],
)
def test_pieces_cover_the_track(length):
    audio = np.arange(length, dtype=np.float32)[None]
    found = list(sound.pieces(cut_evenly(audio, 65536), length))
    assert len(found) == sound.count_pieces(length)
    for k, piece in enumerate(found):
        first = max(0, k * sound.PIECE - sound.MARGIN)
        last = k == len(found) - 1
        end = length if last else (k + 1) * sound.PIECE + sound.MARGIN
        assert piece[0, 0] == first and piece.shape[-1] == end - first


@pytest.mark.parametrize("channels", [1, 2])
def test_opus_sounds_like_the_piece_and_starts_with_it(channels):
    piece = music(1.0, sound.RATE, channels).T
    data = sound.encode_opus(piece, 48000 * channels)
    assert len(data) < 30000
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.audio[0]
        decoded = np.concatenate([f.to_ndarray() for f in container.decode(stream)], axis=-1)
    assert decoded.shape[0] == channels
    middle = slice(4800, 43200)
    error = decoded[:, middle] - piece[:, middle]
    assert np.sum(error**2) < 0.1 * np.sum(piece[:, middle] ** 2)


def test_very_long_tracks_get_fewer_bits():
    assert sound.bit_rate(8, 240) == 48000
    assert sound.bit_rate(8, 1800) == pytest.approx(48e6 * 8 / 8 / 1800, abs=1)
    assert sound.bit_rate(8, 36000) == 16000


# --- text --------------------------------------------------------------------

NASTY = "</script><script>alert(1)</script>\"><img src=x onerror=alert(2)>'{{style}}&\x00\x1b[31m"


@pytest.fixture
def stems(tmp_path):
    folder = tmp_path / "track"
    folder.mkdir()
    paths = {}
    for k, name in enumerate(["vocals", "the <rest> & more"]):
        paths[name] = folder / f"{k} stem#?.wav"
        soundfile.write(paths[name], music(0.5, seed=k), 44100, "FLOAT")
    return paths


def test_no_text_of_others_becomes_markup(tmp_path, stems):
    source = tmp_path / "so<b>ng.flac"
    soundfile.write(source, music(0.5), 44100)
    tags = mutagen.flac.FLAC(source)
    clean = NASTY.replace("\x00", "")
    tags.update({"title": clean, "artist": clean, "album": clean, "genre": clean})
    tags.save()
    card = CARD.model_copy(update={"title": clean, "restriction": clean})
    path = tmp_path / "track" / "index.html"
    about = About(source, read_tags(source), card, (f"--option a={clean}",))
    write_page(path, stems, about)
    page = Page(path)
    assert len([s for s in page.all("script") if not s]) == 1  # ours alone would run
    assert len(page.all("img")) == 2 and not any("onerror" in s for s in page.all("img"))
    assert not page.all("b") and "so<b>ng.flac" in page.text
    assert page.text.count("alert(1)") >= 6 and "{{style}}" in page.text
    assert json.loads(page.data["track"])["stems"] == list(stems)
    policy = next(m["content"] for m in page.all("meta") if "content" in m and "http-equiv" in m)
    assert "default-src 'none'" in policy and "unsafe" not in policy
    # Links lead to the files, whatever is in their names.
    assert [a["href"] for a in page.all("a")] == ["0%20stem%23%3F.wav", "1%20stem%23%3F.wav"]
    assert not re.search(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//""", path.read_text("utf-8"))


def test_escape_leaves_nothing_to_interpret():
    assert escape("<a href='x'>&\n\x1b") == "&lt;a href=&#x27;x&#x27;&gt;&amp;  "
    assert html.unescape(escape(NASTY)).startswith("</script>")


def test_only_pictures_that_a_browser_shows_are_shown():
    assert 'src="data:image/png;base64,AAE="' in cover(Tags(cover=Cover("image/png", b"\0\1")))
    assert not cover(Tags())
    assert not cover(Tags(cover=Cover("image/svg+xml", b"<svg onload='x()'/>")))
    assert not cover(Tags(cover=Cover("image/png", bytes(3_000_000))))


def test_options_are_told_as_they_are_given():
    settings = ("--niter 1", "--softmask", "--alpha 0.5", "--option k=3")
    told = [f for f in facts(About(Path("a.wav"), Tags(), CARD, settings)) if f.is_code]
    assert [fact.values for fact in told] == [settings]
    assert not [f for f in facts(About(Path("a.wav"), Tags(), CARD, ())) if f.is_code]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.99, "0:59"), (60, "1:00"), (3600, "1:00:00")]
)
def test_the_length_is_written_as_the_script_writes_the_position(seconds, text):
    assert length(SimpleNamespace(seconds=seconds)) == text


# --- files -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stems", "page"),
    [
        (["s_m/vocals.wav", "s_m/drums.wav"], "s_m/index.html"),
        (["A/song vocals.flac", "A/song drums.flac"], "A/song.html"),
        (["vocals/song.wav", "drums/song.wav"], "song.html"),
        (["o/1/vocals.wav", "o/1/drums.wav"], "o/1/index.html"),
    ],
)
def test_where_the_page_goes(stems, page):
    paths = dict(zip(("vocals", "drums"), map(Path, stems), strict=True))
    assert page_path(paths) == Path(page)


def test_a_page_that_cannot_be_written_leaves_nothing(tmp_path, stems, monkeypatch):
    def full(piece, bits):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sound, "encode_opus", full)
    path = tmp_path / "track" / "index.html"
    with pytest.raises(OutputError, match="No space left on device"):
        write_page(path, stems, About(tmp_path / "a.wav", Tags(), CARD, ()))
    assert sorted(p.name for p in path.parent.iterdir()) == ["0 stem#?.wav", "1 stem#?.wav"]


def test_the_page_comes_with_the_stems(tmp_path, tiny_model):
    source = tmp_path / "song.wav"
    soundfile.write(source, music(1.0, 22050, 1), 22050)
    options = {"model": str(tiny_model), "niter": 0, "outdir": tmp_path, "page": True}
    track = Separator(**options).separate_file(source)
    assert track.page == tmp_path / "song" / "index.html"
    page = Page(track.page)
    assert json.loads(page.data["track"])["stems"] == list(track.stems)
    assert page.text.count("Solo") == 4
    written = track.page.stat()
    for stem in track.stems.values():
        stem.unlink()
    with pytest.raises(OutputError, match=r"index\.html already exists"):
        Separator(**options).separate_file(source)
    assert track.page.stat() == written
    Separator(**options, overwrite=True).separate_file(source)
