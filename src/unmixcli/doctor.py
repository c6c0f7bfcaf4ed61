"""What works on this machine and what does not, with how to mend it."""

from __future__ import annotations

import importlib
import io
import os
import platform
import shutil
import warnings
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, computed_field

from . import paths
from .display import display
from .scratch import default_directory

Status = Literal["good", "note", "broken"]
"""Note is what a user may want to know and nothing is wrong with."""

_LITTLE_ROOM = 1_000_000_000
_SIZE = 64


class Finding(BaseModel):
    """One thing that was looked at."""

    area: str
    name: str
    status: Status
    detail: str
    remedy: str = ""
    """What to do about it."""


class Diagnosis(BaseModel):
    """Everything that was looked at."""

    findings: list[Finding]

    @computed_field
    def healthy(self) -> bool:
        """Whether nothing is broken."""
        return all(finding.status != "broken" for finding in self.findings)


def examine() -> Diagnosis:
    """Look at versions, devices, libraries, folders, plugins and models.

    Reads the weights that are here to verify them; fetches nothing and leaves
    nothing behind.
    """
    areas: dict[str, Callable[[], Iterator[Finding]]] = {
        "versions": _versions,
        "devices": _devices,
        "torchaudio": _torchaudio,
        "formats": _formats,
        "folders": _folders,
        "plugins": _plugins,
        "models": _models,
    }
    findings: list[Finding] = []
    for area, look in areas.items():
        try:
            findings += look()
        except Exception as error:  # a doctor that falls ill too helps nobody
            findings.append(_finding(area, area, "broken", _words(error), _REINSTALL))
    return Diagnosis(findings=findings)


_REINSTALL = "pip install --force-reinstall unmixcli"


def _finding(area: str, name: str, status: Status, detail: str, remedy: str = "") -> Finding:
    return Finding(
        area=area, name=name, status=status, detail=" ".join(detail.split()), remedy=remedy
    )


def _versions() -> Iterator[Finding]:
    area = "versions"
    yield _finding(area, "unmixcli", "good", metadata.version("unmixcli"))
    system = f"{platform.system()} {platform.machine()}"
    yield _finding(area, "Python", "good", f"{platform.python_version()} on {system}")
    for name in ("torch", "torchaudio", "numpy", "soundfile", "av", "soxr", "safetensors"):
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield _finding(area, name, "broken", "is not installed", f"pip install {name}")
            continue
        yield _finding(area, name, "good", version)


def _devices() -> Iterator[Finding]:
    area = "devices"
    try:
        import torch
    except Exception as error:
        yield _finding(
            area,
            "PyTorch",
            "broken",
            f"cannot be imported: {_words(error)}",
            "pip install --force-reinstall torch, see docs/install.md",
        )
        return
    yield _try_device("cpu", f"{torch.get_num_threads()} threads")
    with warnings.catch_warnings(record=True) as complaints:
        warnings.simplefilter("always")
        cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
    for number in range(cards):
        card = torch.cuda.get_device_properties(number)
        yield _try_device(f"cuda:{number}", f"{card.name}, {card.total_memory / 1e9:.0f} GB")
    if torch.backends.mps.is_available():
        yield _try_device("mps", "Apple silicon")
    if not cards and (complaints or shutil.which("nvidia-smi")):
        reason = _first_sentence(complaints[0].message) if complaints else "it finds none"
        built = f"CUDA {torch.version.cuda}" if torch.version.cuda else "no CUDA"
        yield _finding(
            area,
            "cuda",
            "note",
            f"there may be an NVIDIA card, but PyTorch (built for {built}) cannot use it: {reason}",
            "update the NVIDIA driver, or install PyTorch for the CUDA that it has",
        )


def _try_device(name: str, detail: str) -> Finding:
    """Multiply two small matrices on a device and compare the product."""
    import torch

    try:
        a = torch.arange(_SIZE * _SIZE, dtype=torch.float32).reshape(_SIZE, _SIZE) / _SIZE**2
        product = (a.to(name) @ a.T.to(name)).cpu().numpy()
        wrong = float(np.abs(product - a.numpy() @ a.numpy().T).max())
    except Exception as error:
        return _finding(
            "devices", name, "broken", f"{detail}: {_words(error)}", "use --device cpu meanwhile"
        )
    if not wrong < 0.05:
        return _finding(
            "devices", name, "broken", f"{detail}: it computes wrongly", "use --device cpu"
        )
    return _finding("devices", name, "good", detail)


def _torchaudio() -> Iterator[Finding]:
    try:
        importlib.import_module("torchaudio")
    except Exception as error:
        have = ", ".join(f"{name} {_version(name)}" for name in ("torch", "torchaudio"))
        yield _finding(
            "torchaudio",
            "torchaudio",
            "broken",
            f"cannot be imported next to what is installed ({have}), so that models that need it, "
            f"such as hdemucs, cannot be loaded; the others work: {_words(error)}",
            "install the two together, for the same CUDA or for none: "
            "pip install --force-reinstall torch torchaudio, see docs/install.md",
        )
        return
    yield _finding("torchaudio", "torchaudio", "good", "can be imported")


def _formats() -> Iterator[Finding]:
    import soundfile

    from .audio.writing import FORMATS

    area = "formats"
    broken = []
    for name, form in FORMATS.items():
        if form.container not in soundfile.available_formats():
            broken.append(f"{name} is unknown to it")
            continue
        try:
            file = io.BytesIO()
            noise = np.zeros((4800, 2), np.float32)
            soundfile.write(file, noise, 48000, form.encoding, format=form.container)
            file.seek(0)
            soundfile.read(file)
        except Exception as error:
            broken.append(f"{name}: {_words(error)}")
    version = soundfile.__libsndfile_version__
    remedy = "pip install --force-reinstall soundfile, which brings its own libsndfile"
    yield _finding(
        area,
        "libsndfile",
        "broken" if broken else "good",
        f"{version} writes and reads {', '.join(FORMATS)}"
        if not broken
        else f"{version}: {'; '.join(broken)}",
        remedy if broken else "",
    )
    yield from _ffmpeg(area)


def _ffmpeg(area: str) -> Iterator[Finding]:
    try:
        import av
    except Exception as error:
        remedy = "pip install --force-reinstall av"
        yield _finding(area, "PyAV", "broken", f"cannot be imported: {_words(error)}", remedy)
        return
    missing = [name for name in ("aac", "alac", "mp3", "opus", "wmav2") if not _codec(name, "r")]
    version = ".".join(str(part) for part in av.library_versions["libavcodec"])
    known = ", ".join(n for n in ("m4a", "mp4", "mkv", "wma", "aac"))
    yield _finding(
        area,
        "PyAV",
        "broken" if missing else "good",
        f"libavcodec {version} "
        + (f"lacks {', '.join(missing)}" if missing else f"reads {known} and the sound of videos"),
        "pip install --force-reinstall --only-binary :all: av" if missing else "",
    )
    if not _codec("libopus", "w"):
        yield _finding(
            area,
            "Opus",
            "note",
            "PyAV's FFmpeg cannot write it, so that there is no --page",
            "pip install --force-reinstall --only-binary :all: av",
        )


def _codec(name: str, mode: Literal["r", "w"]) -> bool:
    from av.codec import Codec

    try:
        Codec(name, mode)
    except Exception:
        return False
    return True


def _folders() -> Iterator[Finding]:
    home = "UNMIX_HOME" in os.environ
    yield _folder("weights", paths.weights_dir(), "set UNMIX_HOME to a folder that can be written")
    catalogue = paths.user_catalogue()
    yield _finding(
        "folders",
        "catalogue",
        "good",
        f"{display(catalogue)}{'' if catalogue.is_file() else ' (there is none)'}"
        f"{', by UNMIX_HOME' if home else ''}",
    )
    yield _folder("temporary", default_directory(), "set TMPDIR, or use --temp-dir")


def _folder(name: str, folder: Path, remedy: str) -> Finding:
    """Tell whether a folder can be written, or made, and how much room it has."""
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    shown = display(folder)
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return _finding("folders", name, "broken", f"{shown} cannot be written", remedy)
    free = shutil.disk_usage(there).free
    detail = f"{shown}, {free / 1e9:.1f} GB free"
    if free < _LITTLE_ROOM:
        return _finding("folders", name, "note", detail, f"make room, or {remedy}")
    return _finding("folders", name, "good", detail)


def _plugins() -> Iterator[Finding]:
    from .registry import Registry

    registry = Registry()
    offered: dict[str, int] = {}
    for known in registry.models:
        offered[known.card.plugin] = offered.get(known.card.plugin, 0) + 1
    for plugin, count in offered.items():
        models = f"{count} model{'s' if count > 1 else ''}"
        yield _finding("plugins", plugin, "good", models)
    for problem in registry.problems:
        own = problem.source == "your catalogue"
        remedy = "mend it, or remove the table" if own else "update or uninstall that package"
        yield _finding("plugins", problem.source, "broken", problem.reason, remedy)


def _models() -> Iterator[Finding]:
    from .registry import Registry

    registry = Registry()
    here = 0
    for known in registry.models:
        checks = registry.store.verify(known.card)
        if not checks or all(check.status == "missing" for check in checks):
            continue
        here += 1
        name = known.card.name
        fetch = f"unmix models fetch {name}"
        damaged = [check for check in checks if check.status == "damaged"]
        missing = [check.file for check in checks if check.status == "missing"]
        if damaged:
            detail = "; ".join(f"{check.file} {check.reason}" for check in damaged)
            yield _finding("models", name, "broken", detail, fetch)
        elif missing:
            yield _finding("models", name, "note", f"{', '.join(missing)} not here", fetch)
        elif any(check.status == "unknown" for check in checks):
            yield _finding("models", name, "good", "here, no digest is known")
        else:
            size = sum(check.path.stat().st_size for check in checks) / 1e6
            yield _finding("models", name, "good", f"here and verified, {size:.0f} MB")
    if not here:
        detail = "none is here; the first separation fetches what it needs"
        yield _finding("models", "none", "note", detail, "unmix models fetch umxhq")


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _words(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__


def _first_sentence(text: object) -> str:
    return " ".join(str(text).split()).split(". ")[0]
