"""Check which audio formats libsndfile and PyAV's FFmpeg support here."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Literal

import numpy as np

from .finding import Finding, words
from .remedies import install

_AREA = "formats"
_DECODERS = ("aac", "alac", "mp3", "opus", "wmav2")


def audio_formats() -> Iterator[Finding]:
    """Write and read back a short file in each stem format, and look for codecs."""
    yield _libsndfile()
    yield from _ffmpeg()


def _libsndfile() -> Finding:
    import soundfile

    from ..audio.formats import FORMATS

    broken = []
    silence = np.zeros((4800, 2), np.float32)
    ours = {name: form for name, form in FORMATS.items() if form.container}
    for name, form in ours.items():
        for encoding in form.encodings.values():
            try:
                file = io.BytesIO()
                soundfile.write(file, silence, 48000, encoding, format=form.container)
                file.seek(0)
                soundfile.read(file)
            except Exception as error:
                broken.append(f"{name} as {encoding} fails ({words(error)})")
    version = soundfile.__libsndfile_version__
    if broken:
        remedy = install("soundfile", again=True) + ", which brings its own libsndfile"
        return Finding.of(_AREA, "libsndfile", "broken", f"{version}: {'; '.join(broken)}", remedy)
    detail = f"{version} writes and reads {', '.join(ours)}"
    return Finding.of(_AREA, "libsndfile", "good", detail)


def _ffmpeg() -> Iterator[Finding]:
    remedy = install("av", again=True) + " --only-binary :all:"
    try:
        import av
    except Exception as error:
        yield Finding.of(_AREA, "PyAV", "broken", f"cannot be imported: {words(error)}", remedy)
        return
    version = ".".join(str(part) for part in av.library_versions["libavcodec"])
    missing = [name for name in _DECODERS if not _has_codec(name, "r")]
    if missing:
        detail = f"its libavcodec {version} cannot read {', '.join(missing)}"
        yield Finding.of(_AREA, "PyAV", "broken", detail, remedy)
    else:
        detail = f"libavcodec {version} reads m4a, mp4, wma and the sound of videos"
        yield Finding.of(_AREA, "PyAV", "good", detail)
    for codec, name, use in (("libopus", "Opus", "--page"), ("aac", "AAC", "--format m4a")):
        if not _has_codec(codec, "w"):
            detail = f"its FFmpeg cannot write {name}, which {use} needs"
            yield Finding.of(_AREA, "PyAV", "note", detail, remedy)


def _has_codec(name: str, mode: Literal["r", "w"]) -> bool:
    from av.codec import Codec

    try:
        Codec(name, mode)
    except Exception:
        return False
    return True
