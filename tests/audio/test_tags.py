"""Tags and covers: read from all input formats, written to all stem formats."""

from __future__ import annotations

import struct
import time
from pathlib import Path
from typing import Any

import av
import mutagen
import numpy as np
import pytest
import soundfile
from mutagen.asf import ASF, ASFByteArrayAttribute
from mutagen.flac import FLAC, Picture
from mutagen.id3 import APIC, ID3, TALB, TDRC, TIT2, TPE1, TPOS, TRCK, TXXX
from mutagen.mp4 import MP4, MP4Cover
from mutagen.oggvorbis import OggVorbis
from mutagen.wave import WAVE

from running import Run
from sounds import music, write, write_aac
from unmixcli.audio.reading import open_excerpt
from unmixcli.audio.tags.reading import Cover, Tags, read_tags
from unmixcli.audio.tags.writing import write_tags

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40
TEXTS = {
    "title": "Été – 曲",
    "artist": "Some Band",
    "album": "The Album",
    "tracknumber": "3/12",
    "date": "1999",
}


LOUDNESS = (
    "REPLAYGAIN_TRACK_GAIN",
    "REPLAYGAIN_TRACK_PEAK",
    "REPLAYGAIN_ALBUM_GAIN",
    "R128_TRACK_GAIN",
    "R128_ALBUM_GAIN",
)


def write_id3(tags: Any) -> None:
    for frame, name in ((TIT2, "title"), (TPE1, "artist"), (TALB, "album"), (TRCK, "tracknumber")):
        tags.add(frame(encoding=3, text=[TEXTS[name]]))
    tags.add(TDRC(encoding=3, text=["1999"]))
    tags.add(APIC(encoding=0, mime="image/jpeg", type=4, desc="back", data=b"another"))
    tags.add(APIC(encoding=0, mime="image/png", type=3, desc="", data=PNG))


def picture() -> Picture:
    it = Picture()
    it.type, it.mime, it.data = 3, "image/png", PNG
    return it


def make_mp3(path: Path) -> None:
    write(path, music(0.6))
    tags = ID3()
    write_id3(tags)
    tags.save(path)


def make_flac(path: Path) -> None:
    write(path, music(0.6))
    file = FLAC(path)
    file.update({name: [value] for name, value in TEXTS.items()})
    file.add_picture(picture())
    file.save()


def make_ogg(path: Path) -> None:
    import base64

    write(path, music(0.6))
    file = OggVorbis(path)
    file.update({name.upper(): [value] for name, value in TEXTS.items()})
    file["metadata_block_picture"] = [base64.b64encode(picture().write()).decode()]
    file.save()


def make_m4a(path: Path) -> None:
    write_aac(path, music(0.6))
    file = MP4(path)
    file["\xa9nam"], file["\xa9ART"] = [TEXTS["title"]], [TEXTS["artist"]]
    file["\xa9alb"], file["\xa9day"] = [TEXTS["album"]], ["1999"]
    file["trkn"] = [(3, 12)]
    file["covr"] = [MP4Cover(PNG, MP4Cover.FORMAT_PNG)]
    file.save()


def make_wav(path: Path) -> None:
    write(path, music(0.6))
    file = WAVE(path)
    file.add_tags()
    write_id3(file.tags)
    file.save()


def make_wma(path: Path) -> None:
    with av.open(str(path), "w", format="asf") as container:
        stream = container.add_stream("wmav2", rate=44100)
        stream.layout = "stereo"
        stream.bit_rate = 128000
        samples = np.ascontiguousarray(music(0.6).T[:, :20480])
        for first in range(0, samples.shape[1], 2048):
            part = np.ascontiguousarray(samples[:, first : first + 2048])
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = 44100, first
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    file = ASF(path)
    file["Title"], file["Author"] = [TEXTS["title"]], [TEXTS["artist"]]
    file["WM/AlbumTitle"], file["WM/Year"] = [TEXTS["album"]], ["1999"]
    file["WM/TrackNumber"] = ["3/12"]
    mime = "image/png".encode("utf-16-le") + b"\0\0"
    data = struct.pack("<bi", 3, len(PNG)) + mime + b"\0\0" + PNG
    file["WM/Picture"] = [ASFByteArrayAttribute(data)]
    file.save()


MAKERS = {
    "song.mp3": make_mp3,
    "song.flac": make_flac,
    "song.ogg": make_ogg,
    "song.m4a": make_m4a,
    "song.wav": make_wav,
    "song.wma": make_wma,
}


@pytest.mark.parametrize("name", list(MAKERS))
def test_read_from(tmp_path: Path, name: str) -> None:
    MAKERS[name](tmp_path / name)
    tags = read_tags(tmp_path / name)
    assert tags.texts == TEXTS
    assert tags.cover is not None
    assert (tags.cover.mime, tags.cover.data) == ("image/png", PNG)
    with (tmp_path / name).open("rb", buffering=0) as file:
        assert read_tags(file) == tags


def sound(path: Path) -> np.ndarray:
    return np.concatenate(list(open_excerpt(path).blocks()), -1).T


@pytest.mark.parametrize("format", ["wav", "flac", "ogg", "opus", "mp3", "m4a"])
def test_loudness_is_not_copied(run: Run, tiny_model: Path, format: str) -> None:
    """The gain of the whole recording is wrong for a stem."""
    make_mp3(Path("song.mp3"))
    file = ID3("song.mp3")
    for name in LOUDNESS:
        file.add(TXXX(encoding=3, desc=name, text=["-9.5 dB"]))
    file.save()
    common = ["separate", "song.mp3", "-m", tiny_model, "-t", "vocals", "-o", "out"]
    assert run(*common, "-f", format).code == 0
    words = str(mutagen.File(f"out/song/vocals.{format}").tags).upper()
    assert "REPLAYGAIN" not in words and "R128" not in words
    assert TEXTS["artist"].upper() in words


@pytest.mark.parametrize("format", ["wav", "flac", "ogg", "opus", "mp3", "m4a"])
def test_travel_to(run: Run, tiny_model: Path, format: str) -> None:
    """And the sound stays as long as it was, although a cover is put before it."""
    make_mp3(Path("song.mp3"))
    frames = soundfile.info("song.mp3").frames
    common = ["separate", "song.mp3", "-m", tiny_model, "-t", "vocals", "-f", format]
    assert run(*common, "--mix", "rest=mixture-vocals", "-o", "out").code == 0
    assert run(*common, "--no-tags", "-o", "bare").code == 0
    for stem in ("vocals", "rest"):
        path = Path(f"out/song/{stem}.{format}")
        tags = read_tags(path)
        assert tags.texts == TEXTS | {"title": f"Été – 曲 ({stem})"}
        assert tags.cover == Cover("image/png", PNG)
        assert path.stat().st_size > len(PNG)
    bare = Path(f"bare/song/vocals.{format}")
    assert not read_tags(bare).texts.keys() & TEXTS.keys()
    tagged, plain = sound(Path(f"out/song/vocals.{format}")), sound(bare)
    np.testing.assert_array_equal(tagged, plain)
    if format != "opus":
        assert len(tagged) == frames


def test_wav_has_an_info_chunk_too(run: Run, tiny_model: Path) -> None:
    make_flac(Path("song.flac"))
    assert run("separate", "song.flac", "-m", tiny_model, "-t", "bass", "-o", "out").code == 0
    with soundfile.SoundFile("out/song/bass.wav") as file:
        assert (file.title, file.artist, file.album) == (
            "Été – 曲 (bass)",
            "Some Band",
            "The Album",
        )


def test_info_chunk_and_matroska_are_read(tmp_path: Path) -> None:
    with soundfile.SoundFile(tmp_path / "a.wav", "w", 44100, 2) as file:
        file.title, file.artist = "In a chunk", "Somebody"
        file.write(music(0.1))
    assert read_tags(tmp_path / "a.wav").texts == {"title": "In a chunk", "artist": "Somebody"}
    with av.open(str(tmp_path / "a.mka"), "w") as container:
        container.metadata["title"] = "In Matroska"
        container.metadata["ARTIST"] = "Somebody"
        stream = container.add_stream("flac", rate=44100)
        stream.layout = "stereo"
        samples = (music(0.2).T * 32767).astype(np.int16).T.reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="stereo")
        frame.sample_rate, frame.pts = 44100, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    texts = read_tags(tmp_path / "a.mka").texts
    assert (texts["title"], texts["artist"]) == ("In Matroska", "Somebody")


def test_no_tags_make_no_tags(run: Run, tiny_model: Path) -> None:
    write(Path("song.flac"), music(0.5))
    assert run("separate", "song.flac", "-m", tiny_model, "-t", "bass", "-f", "mp3").code == 0
    assert mutagen.File(f"song_{tiny_model.name}/bass.mp3").tags is None


def test_a_missing_title_is_the_name_of_the_track() -> None:
    tags = Tags({"artist": "Some Band"}).of_stem("vocals", "01 song")
    assert tags.texts == {"artist": "Some Band", "title": "01 song (vocals)"}


def test_damaged_tags_do_not_stop_anything(run: Run, tiny_model: Path) -> None:
    make_flac(Path("song.flac"))
    data = bytearray(Path("song.flac").read_bytes())
    data[data.index(b"Some Band") - 8 : data.index(b"Some Band")] = b"\xff" * 8
    Path("song.flac").write_bytes(data)
    outcome = run("separate", "song.flac", "-m", tiny_model, "-t", "bass", "-f", "flac")
    assert outcome.code == 0
    assert "tags cannot be read" in outcome.err
    assert soundfile.info(f"song_{tiny_model.name}/bass.flac").frames == 26460


def test_tags_that_do_not_fit_into_a_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As a FLAC file with the name of a WAV."""
    path = tmp_path / "a.wav"
    soundfile.write(path, music(0.1), 44100, format="FLAC")
    before = path.read_bytes()
    write_tags(path, "wav", Tags(TEXTS))
    assert "the tags could not be written" in caplog.text
    assert path.read_bytes() == before


def test_a_full_disk_while_tagging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.flac", music(0.1))

    def full(*_: object, **__: object) -> None:
        raise mutagen.MutagenError(OSError(28, "No space left on device"))

    monkeypatch.setattr(FLAC, "save", full)
    with pytest.raises(OSError, match="No space left"):
        write_tags(tmp_path / "a.flac", "flac", Tags(TEXTS))


def test_position_of_a_disc(tmp_path: Path) -> None:
    write(tmp_path / "a.mp3", music(0.2))
    tags = ID3()
    tags.add(TPOS(encoding=3, text=["2/2"]))
    tags.save(tmp_path / "a.mp3")
    assert read_tags(tmp_path / "a.mp3").texts == {"discnumber": "2/2"}


def test_a_long_wav_has_tags_and_no_warning(
    run: Run, tiny_model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """RF64, which this program writes itself where 4 GB are not enough."""
    with soundfile.SoundFile("a.wav", "w", 44100, 2, format="RF64") as file:
        file.title, file.artist = "Name", "Who"
        file.write(music(0.2))
    tags = read_tags(Path("a.wav"))
    assert tags.texts == {"title": "Name", "artist": "Who"} and not tags.problem
    before = Path("a.wav").read_bytes()
    write_tags(Path("a.wav"), "wav", tags)
    assert Path("a.wav").read_bytes() == before and not caplog.text


def test_a_cover_that_is_too_large_is_left_out(run: Run, tiny_model: Path) -> None:
    write(Path("s.wav"), music(0.2))
    cover = Cover("image/jpeg", b"\xff\xd8" + bytes(50_000_000))
    write_tags(Path("s.wav"), "wav", Tags({"title": "Name", "artist": "Who"}, cover))
    outcome = run("separate", "s.wav", "-m", tiny_model, "-t", "vocals", "-f", "ogg", "-o", "out")
    assert (
        outcome.code == 0 and "its cover is not copied: it has 50 MB, more than 5 MB" in outcome.err
    )
    tags = read_tags(Path("out/s/vocals.ogg"))
    assert tags.texts["artist"] == "Who" and tags.cover is None


def test_a_title_of_a_megabyte_is_shortened(run: Run, tiny_model: Path) -> None:
    write(Path("s.wav"), music(0.2))
    write_tags(Path("s.wav"), "wav", Tags({"title": "x" * 10**6}))
    began = time.process_time()
    wanted = ("-m", tiny_model, "-t", "vocals", "-o", "out", "--filename", "{title}/{target}.{ext}")
    outcome = run("separate", "s.wav", *wanted)
    assert outcome.code == 0 and time.process_time() - began < 10
    assert len(read_tags(next(Path("out").rglob("*.wav"))).texts["title"]) < 20_000
