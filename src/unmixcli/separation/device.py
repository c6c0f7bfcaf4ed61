"""Choose the device to compute on."""

from __future__ import annotations

import importlib.util
import platform
import sys
from pathlib import Path

from ..errors import UsageError


def likely_device() -> str:
    """Return the kind of device that ``auto`` probably means, without importing torch."""
    if sys.platform == "darwin":
        return "mps" if platform.machine() == "arm64" else "cpu"
    spec = importlib.util.find_spec("torch")
    folders = (spec and spec.submodule_search_locations) or []
    built = any(next(Path(folder, "lib").glob("*torch_cuda*"), None) for folder in folders)
    # A build for CUDA is common on machines without a graphics card.
    return "cuda" if built and _has_nvidia_driver() else "cpu"


def _has_nvidia_driver() -> bool:
    linux, windows = Path("/dev/nvidiactl"), Path("C:/Windows/System32/nvcuda.dll")
    return linux.exists() or windows.exists()


def resolve_device(name: str) -> str:
    """Turn ``auto`` into the best available device, and check any other name.

    Parameters
    ----------
    name : str
        ``auto``, ``cpu``, ``cuda``, ``cuda:N``, ``mps``, ``xpu`` or ``xpu:N``.

    Returns
    -------
    str
        A torch device.

    Raises
    ------
    UsageError
        If this machine has no such device.
    """
    import torch  # here, so that listing models and showing help stay fast

    counts = {
        "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0,
        "xpu": torch.xpu.device_count() if torch.xpu.is_available() else 0,
    }
    mps = torch.backends.mps.is_available()
    if name == "auto":
        name = next((kind for kind, count in counts.items() if count), "mps" if mps else "cpu")
    kind, _, number = name.partition(":")
    if kind in counts:
        # NVIDIA's default rounds the factors of convolutions and recurrent layers to
        # ten bits; stems must not depend on the device.
        torch.backends.cudnn.allow_tf32 = False
        if int(number or 0) >= counts[kind]:
            found = f"only {counts[kind]}" if counts[kind] else f"no {kind.upper()} device"
            raise UsageError(
                f"device {name} is not available: PyTorch finds {found}; use --device cpu"
            )
    if name == "mps" and not mps:
        raise UsageError("device mps is not available: it needs a Mac with Apple silicon")
    return name
