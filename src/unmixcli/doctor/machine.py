"""Check versions and compute devices."""

from __future__ import annotations

import importlib
import platform
import shutil
import warnings
from collections.abc import Iterator

import numpy as np

from .finding import Finding, version, words
from .remedies import install

_SIZE = 64
_TOLERANCE = 0.05
"""Far above any rounding error, far below the error of a wrong product."""
_LIBRARIES = ("numpy", "soundfile", "av", "soxr", "safetensors", "pydantic", "typer")


def versions() -> Iterator[Finding]:
    """List installed and missing packages."""
    area = "versions"
    system = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    yield Finding.of(area, "unmixcli", "good", f"{version('unmixcli')}, {system}")
    for name in ("torch", "torchaudio"):
        if version(name):
            yield Finding.of(area, name, "good", version(name))
    found = [f"{name} {version(name)}" for name in _LIBRARIES if version(name)]
    yield Finding.of(area, "libraries", "good", ", ".join(found))
    for name in ("torch", "torchaudio", *_LIBRARIES):
        if not version(name):
            yield Finding.of(area, name, "broken", "is not installed", install(name))


def devices() -> Iterator[Finding]:
    """Try each device with a tiny matrix product."""
    area = "devices"
    try:
        import torch
    except Exception as error:
        yield Finding.of(
            area,
            "PyTorch",
            "broken",
            f"cannot be imported: {words(error)}",
            install("torch", again=True),
        )
        return
    yield try_device("cpu", f"{torch.get_num_threads()} threads")
    with warnings.catch_warnings(record=True) as complaints:
        warnings.simplefilter("always")
        cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
    for number in range(cards):
        card = torch.cuda.get_device_properties(number)
        yield try_device(f"cuda:{number}", f"{card.name}, {card.total_memory / 1e9:.0f} GB")
    if torch.backends.mps.is_available():
        yield try_device("mps", "Apple silicon")
    if not cards and (complaints or shutil.which("nvidia-smi")):
        reason = str(complaints[0].message).split(". ")[0] if complaints else "it finds none"
        built = f"CUDA {torch.version.cuda}" if torch.version.cuda else "no CUDA"
        yield Finding.of(
            area,
            "cuda",
            "note",
            f"this machine may have an NVIDIA card, but PyTorch (built for {built}) cannot use it: "
            f"{reason}",
            "update the NVIDIA driver, or install a PyTorch that fits the driver's CUDA version",
        )


def try_device(name: str, detail: str) -> Finding:
    """Multiply two small matrices on a device and compare the result with numpy's."""
    import torch

    try:
        a = torch.arange(_SIZE * _SIZE, dtype=torch.float32).reshape(_SIZE, _SIZE) / _SIZE**2
        product = (a.to(name) @ a.T.to(name)).cpu().numpy()
    except Exception as error:
        return Finding.of(
            "devices", name, "broken", f"{detail}: {words(error)}", "use --device cpu meanwhile"
        )
    right = a.numpy() @ a.numpy().T
    if not np.abs(product - right).max() < _TOLERANCE:
        detail = f"{detail}: it multiplies matrices wrongly"
        return Finding.of("devices", name, "broken", detail, "use --device cpu meanwhile")
    return Finding.of("devices", name, "good", detail)


def torchaudio() -> Iterator[Finding]:
    """Import torchaudio, whose compiled parts fit only the torch version they were built for."""
    try:
        importlib.import_module("torchaudio")
    except Exception as error:
        have = " and ".join(f"{name} {version(name)}" for name in ("torch", "torchaudio"))
        yield Finding.of(
            "torchaudio",
            "torchaudio",
            "note",
            f"cannot be imported, most likely because {have} do not fit each other; no model that "
            f"ships needs it, but plugins may; the cause: {words(error)}",
            "install both from the same place: " + install("torch", "torchaudio", again=True),
        )
        return
    yield Finding.of("torchaudio", "torchaudio", "good", "can be imported")
