"""Choose the device to compute on."""

from __future__ import annotations

from ..errors import UsageError


def resolve_device(name: str) -> str:
    """Turn ``auto`` into the best available device, and check any other name.

    Parameters
    ----------
    name : str
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

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

    cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
    mps = torch.backends.mps.is_available()
    if name == "auto":
        name = "cuda" if cards else "mps" if mps else "cpu"
    if name.startswith("cuda"):
        wanted = int(name.partition(":")[2] or 0)
        # NVIDIA's default rounds the factors of convolutions and recurrent layers to
        # ten bits; stems must not depend on the device.
        torch.backends.cudnn.allow_tf32 = False
        if wanted >= cards:
            found = f"only {cards}" if cards else "no CUDA device"
            raise UsageError(
                f"device {name} is not available: PyTorch finds {found}; use --device cpu"
            )
    if name == "mps" and not mps:
        raise UsageError("device mps is not available: it needs a Mac with Apple silicon")
    return name
