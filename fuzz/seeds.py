"""The good files that are damaged: small, one of each kind and family."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests" / "helpers")]

import sounds  # noqa: E402
from unmixcli.audio.tags.reading import Cover, Tags  # noqa: E402
from unmixcli.audio.tags.writing import write_tags  # noqa: E402

State = dict[str, Any]

CONTAINERS = {
    "wav": ("WAV", "PCM_16"), "float.wav": ("WAV", "FLOAT"), "adpcm.wav": ("WAV", "MS_ADPCM"),
    "aiff": ("AIFF", "PCM_24"), "au": ("AU", "ULAW"), "caf": ("CAF", "ALAC_16"),
    "w64": ("W64", "PCM_16"), "rf64": ("RF64", "PCM_24"), "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"), "opus": ("OGG", "OPUS"), "mp3": ("MP3", "MPEG_LAYER_III"),
}  # fmt: skip
DECODED = {"mka": ("matroska", "pcm_s16le"), "webm": ("webm", "libopus"), "m4a": ("mp4", "aac")}
TAGS = Tags(
    {"title": "Name", "artist": "Who", "date": "2026", "tracknumber": "3/9"},
    Cover("image/png", b"\x89PNG\r\n\x1a\n" + bytes(range(256))),
)


def audio(folder: Path) -> list[Path]:
    """Write a fifth of a second in every format, with tags and a cover where it has them."""
    found = []
    for name, (container, subtype) in CONTAINERS.items():
        path = folder / f"a.{name}"
        rate = 48000 if name == "opus" else 44100
        soundfile.write(path, sounds.music(0.2, rate), rate, format=container, subtype=subtype)
        if path.suffix[1:] in ("wav", "flac", "ogg", "opus", "mp3"):
            write_tags(path, path.suffix[1:], TAGS)
        found.append(path)
    for name, (container, codec) in DECODED.items():
        found.append(_decoded(folder / f"a.{name}", container, codec))
    return found


def _decoded(path: Path, container: str, codec: str) -> Path:
    samples = np.ascontiguousarray(sounds.music(0.2, 48000).T)
    with av.open(str(path), "w", format=container) as file:
        file.metadata["title"] = "Name"
        stream = file.add_stream(codec, rate=48000)
        stream.layout = "stereo"
        context = stream.codec_context
        kind = context.format.name if context.format else "s16"
        size = context.frame_size or 960
        converter = av.AudioResampler(kind, "stereo", 48000, frame_size=size)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
        frame.sample_rate = 48000
        for part in converter.resample(frame) + converter.resample(None):
            file.mux(stream.encode(part))
        file.mux(stream.encode(None))
    return path


@dataclass(frozen=True)
class Family:
    """A family of networks: a good state, the card of a file of it, and its description."""

    plugin: str
    state: State
    card: Callable[[Path], Any]
    suffixes: tuple[str, ...] = (".ckpt", ".safetensors")
    metadata: dict[str, str] | None = None
    description: dict[str, Any] = field(default_factory=dict)
    package: dict[str, Any] = field(default_factory=dict)
    """What a checkpoint has beside the network."""


def families() -> dict[str, Family]:
    """Build a small network of every family whose reference is installed."""
    from networks import JOINT_HEADER, TARGETS, joint_state, random_state
    from unmixcli.models.cards import ModelCard, Weights

    def separate(path: Path) -> ModelCard:
        weights = (Weights(file="vocals.pth", path=path, targets=("vocals",)),)
        return _card("openunmix", ("vocals",), weights)

    def joint(path: Path) -> ModelCard:
        return _card("openunmix", TARGETS, (Weights(file="joint.safetensors", path=path),))

    found = {
        "openunmix": Family(
            "openunmix",
            random_state(8, n_fft=512, bins=200),
            separate,
            (".pth", ".safetensors"),
            description={"args": {"nfft": 512, "nhop": 128, "nb_channels": 2, "bandwidth": 16000}},
        ),
        "joint": Family(
            "openunmix",
            joint_state(8),
            joint,
            (".safetensors",),
            JOINT_HEADER,
            {"sample_rate": 44100, "targets": list(TARGETS), "nhop": 1024},
        ),
    }
    for add in (_demucs, _hdemucs, _roformer, _scnet, _mdx23c):
        try:
            found |= add()
        except ImportError:
            continue  # the package that makes its networks is not installed
    return found


def _card(plugin: str, targets: tuple[str, ...], weights: Any) -> Any:
    from unmixcli.models.cards import ModelCard

    hop = 1024 if len(targets) > 1 else 128
    return ModelCard(
        name="tiny",
        plugin=plugin,
        targets=targets,
        sample_rate=44100,
        weights=weights,
        parameters={"hop": hop},
    )


def _hdemucs() -> dict[str, Family]:
    import torchaudio_networks as it

    return {"hdemucs": Family("hdemucs", it.tiny().state_dict(), it.card, (".pt",))}


def _demucs() -> dict[str, Family]:
    import demucs_networks as it
    from unmixcli.models.cards import ModelCard, Weights

    network = it.network()
    args, kwargs = network._init_args_kwargs

    def card(path: Path) -> ModelCard:
        return ModelCard(
            name="tiny",
            plugin="demucs",
            targets=it.SOURCES,
            sample_rate=it.RATE,
            channels=2,
            weights=(Weights(file=f"955717e8{path.suffix}", path=path),),
        )

    package = {"klass": type(network), "args": args, "kwargs": kwargs}
    suffixes, state = (".th", ".safetensors"), network.state_dict()
    return {"demucs": Family("demucs", state, card, suffixes, it.header(network), {}, package)}


def _roformer() -> dict[str, Family]:
    import roformers as it

    description = {
        "audio": {"chunk_size": it.CHUNK, "sample_rate": it.RATE, "num_channels": 2},
        "model": {
            "dim": 24, "stereo": True, "num_stems": 1, "freqs_per_bands": list(it.BANDS),
            "stft_n_fft": it.N_FFT, "stft_hop_length": it.HOP, "stft_win_length": it.N_FFT,
        },
        "training": {"instruments": ["vocals", "other"], "target_instrument": "vocals"},
        "inference": {"num_overlap": 2},
    }  # fmt: skip
    state = it.bs_roformer().state_dict()
    return {"roformer": Family("roformer", state, it.card, description=description)}


def _scnet() -> dict[str, Family]:
    import scnets as it

    description = {
        "audio": {"chunk_size": it.CHUNK, "sample_rate": it.RATE, "num_channels": 2},
        "model": {
            "sources": list(it.SOURCES), "audio_channels": 2, "nfft": it.N_FFT, "hop_size": it.HOP,
            "win_size": it.N_FFT, "band_SR": list(it.RATIOS), "band_stride": list(it.STRIDES),
        },
        "training": {"instruments": list(it.SOURCES), "target_instrument": None},
        "inference": {"num_overlap": 2, "normalize": False},
    }  # fmt: skip
    return {"scnet": Family("scnet", it.scnet().state_dict(), it.card, description=description)}


def _mdx23c() -> dict[str, Family]:
    import mdx23cs as it

    description = {
        "audio": {
            "chunk_size": it.CHUNK, "dim_f": 64, "dim_t": 32, "hop_length": it.HOP,
            "n_fft": it.N_FFT, "num_channels": 2, "sample_rate": it.RATE,
        },
        "model": {"act": "gelu", "norm": "InstanceNorm", "num_subbands": 4, "num_scales": 2},
        "training": {"instruments": list(it.PARTS), "target_instrument": None},
        "inference": {"num_overlap": 2},
    }  # fmt: skip
    return {"mdx23c": Family("mdx23c", it.mdx23c().state_dict(), it.card, description=description)}


def entry_points() -> list[metadata.EntryPoint]:
    """Return the families of this tree, whatever is installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [
        metadata.EntryPoint(name, value, group)
        for group, entries in project["entry-points"].items()
        for name, value in entries.items()
    ]


CATALOGUE = """\
[mine]
plugin = "openunmix"
title = "My own"
targets = ["vocals", "drums"]
sample_rate = 44100
channels = 2
licence = "MIT"
quality = { vocals = 6.3 }
parameters = { hop = 1024, n_fft = 4096 }
mirrors = ["https://example.org/{file}"]
[[mine.weights]]
file = "vocals.pth"
targets = ["vocals"]
size = 12345
sha256 = "%s"
[[mine.weights]]
file = "drums.pth"
targets = ["drums"]
about_size = 12345
sha256_prefix = "01234567"
[like]
like = "mine"
weights = [{ file = "own.pth", path = "~/own.pth" }]
[both]
plugin = "combined"
""" % ("0" * 64)

SETTINGS = """\
model = "umx-synth"
targets = ["vocals", "drums"]
niter = 0
format = "flac"
bit-depth = 16
outdir = "~/stems"
filename = "{artist}/{track} {target}.{ext}"
mix = { karaoke = "mixture-vocals" }
options = { niter = 2 }
sample-rate = 48000
quality = 3.5
tags = false
"""

RECORD = json.dumps({"host": "here", "pid": 1, "owner": "here-1-0123456789abcdef"})
NOTES = json.dumps({"url": "http://127.0.0.1/x", "validator": '"0123"'})
