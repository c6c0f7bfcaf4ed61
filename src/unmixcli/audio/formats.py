"""The file formats of stems, and the options of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import UsageError
from .bitrates import LIMITS, compression_level

_MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_OPUS_RATES = (8000, 12000, 16000, 24000, 48000)
_AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
_WAV_LIMIT = 4_000_000_000


@dataclass(frozen=True)
class Format:
    """A file format.

    Attributes
    ----------
    name : str
        The user's name for it, and the extension of its files.
    container : str
        libsndfile's name for it; empty if it has none.
    encodings : mapping of str to str
        The encoding for each bit depth, the default first; a lossy
        format has one, with the key "".
    rates : tuple of int
        The sample rates that it supports, in Hz; empty if it supports any up to ``highest``.
    highest : int
        The highest sample rate.
    quality : float or None
        The default of a lossy format, from 0 to 10.
    """

    name: str
    container: str
    encodings: Mapping[str, str]
    rates: tuple[int, ...] = ()
    highest: int = 1_536_000
    quality: float | None = None

    def has_rate(self, rate: int) -> bool:
        """Return whether the format supports a sample rate."""
        return rate in self.rates if self.rates else rate <= self.highest

    @property
    def lossy(self) -> bool:
        return self.quality is not None

    @property
    def bit_depths(self) -> tuple[str, ...]:
        return tuple(depth for depth in self.encodings if depth)


FORMATS = {
    format.name: format
    for format in (
        Format("wav", "WAV", {"32f": "FLOAT", "24": "PCM_24", "16": "PCM_16"}),
        Format("flac", "FLAC", {"24": "PCM_24", "16": "PCM_16"}, highest=655_350),
        # libsndfile's Vorbis encoder crashes above 200 kHz.
        Format("ogg", "OGG", {"": "VORBIS"}, highest=192000, quality=7),
        Format("opus", "OGG", {"": "OPUS"}, _OPUS_RATES, quality=4),
        Format("mp3", "MP3", {"": "MPEG_LAYER_III"}, _MP3_RATES, quality=9),
        Format("m4a", "", {"": "AAC"}, _AAC_RATES, quality=5),
    )
}


@dataclass(frozen=True)
class Encoding:
    """A format and the options to write it with.

    Attributes
    ----------
    format : Format
    bit_depth : str
        One of the format's bit depths, or "".
    quality : float or None
        From 0 to 10 for a lossy format, unless it has a bit rate.
    bit_rate : int or None
        In kb/s.
    clip : {"none", "clamp", "rescale"}
        What to do with samples beyond full scale.
    """

    format: Format
    bit_depth: str
    quality: float | None
    clip: str
    bit_rate: int | None = None

    @classmethod
    def of(
        cls,
        name: str,
        bit_depth: str | None = None,
        quality: float | str | None = None,
        clip: str | None = None,
        sample_rate: int | str = "input",
    ) -> Encoding:
        """Check the options and fill in the format's defaults.

        Parameters
        ----------
        name : str
            One of `FORMATS`.
        bit_depth, clip : str, optional
        quality : float or str, optional
            From 0 to 10, or a bit rate such as ``320k``.
        sample_rate : int or str
            Checked only if it is a number of Hz.

        Raises
        ------
        UsageError
            If the format does not support one of them.
        """
        format = FORMATS[name]
        if reason := misfit(name, bit_depth, quality, clip):
            raise UsageError(reason)
        if isinstance(sample_rate, int) and not format.has_rate(sample_rate):
            only = ", ".join(map(str, format.rates)) or f"up to {format.highest}"
            raise UsageError(f"format {name} has no sample rate of {sample_rate} Hz, only {only}")
        depth: str = bit_depth or next(iter(format.encodings))
        clip = clip or ("none" if depth == "32f" else "clamp")
        if isinstance(quality, str):
            return cls(format, depth, None, clip, int(quality.removesuffix("k")))
        return cls(format, depth, format.quality if quality is None else quality, clip)

    @property
    def extension(self) -> str:
        return self.format.name

    def rate_for(self, wanted: int) -> int:
        """Return the rate to write at: the wanted one, or the next higher one of the format."""
        if self.format.has_rate(wanted):
            return wanted
        rates = self.format.rates or (self.format.highest,)
        return min((rate for rate in rates if rate > wanted), default=rates[-1])

    def aac_rate(self, channels: int) -> int:
        """Return the bit rate of AAC in kb/s; the qualities 0 to 10 are 32 to 160 a channel."""
        if self.bit_rate is not None:
            return self.bit_rate
        return round(channels * (32 + 12.8 * (self.quality or 0)))

    def file_options(self, sample_rate: int, channels: int, length: int) -> dict[str, Any]:
        """Return the arguments for `soundfile.SoundFile` for a file of this length."""
        container = self.format.container
        if container == "WAV" and length * channels * 4 > _WAV_LIMIT:
            container = "RF64"
        options: dict[str, Any] = {
            "format": container,
            "subtype": self.format.encodings[self.bit_depth],
        }
        if self.quality is not None:
            # LAME refuses the lowest quality.
            options["compression_level"] = min(1 - self.quality / 10, 0.999)
        if self.bit_rate is not None:
            options["compression_level"] = compression_level(
                self.format.name, self.bit_rate, sample_rate, channels
            )
        if self.format.name == "mp3":
            options["bitrate_mode"] = "VARIABLE" if self.bit_rate is None else "CONSTANT"
        return options


def misfit(
    format: str,
    bit_depth: str | None = None,
    quality: float | str | None = None,
    clip: str | None = None,
) -> str | None:
    """Say which of these options the format does not support, or return None."""
    known = FORMATS[format]
    if bit_depth is not None and bit_depth not in known.encodings:
        has = f"only {', '.join(known.bit_depths)}" if known.bit_depths else "being lossy"
        return f"format {format} has no bit depth of {bit_depth}, {has}"
    if quality is not None and not known.lossy:
        lossy = ", ".join(name for name, other in FORMATS.items() if other.lossy)
        return f"format {format} is lossless and has no quality; {lossy} have one"
    if isinstance(quality, str):
        low, high = LIMITS[format]
        if not low <= int(quality.removesuffix("k")) <= high:
            return f"format {format} has no bit rate of {quality}, only {low}k to {high}k"
    depth: str = bit_depth or next(iter(known.encodings))
    integer = not known.lossy and depth != "32f"
    if clip == "none" and integer:
        return (
            f"format {format} with integer samples cannot hold samples beyond full scale; "
            "choose clip clamp or rescale, or wav with bit depth 32f"
        )
    return None
