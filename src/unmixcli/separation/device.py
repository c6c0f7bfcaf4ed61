"""Which device to compute on."""

from __future__ import annotations

from ..errors import UsageError


def resolve_device(name: str) -> str:
    """Turn ``auto`` into the best device there is, and check any other.

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
    import torch  # here, so that listing models and showing help stay light

    cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
    mps = torch.backends.mps.is_available()
    if name == "auto":
        name = "cuda" if cards else "mps" if mps else "cpu"
    if name.startswith("cuda"):
        wanted = int(name.partition(":")[2] or 0)
        # NVIDIA's default rounds the factors of convolutions and recurrent layers to
        # ten bits; the stems are to be those of the processor.
        torch.backends.cudnn.allow_tf32 = False
        if wanted >= cards:
            there = f"only {cards}" if cards else "none"
            raise UsageError(
                f"device {name} is not there: PyTorch finds {there} here; use --device cpu"
            )
    if name == "mps" and not mps:
        raise UsageError("device mps is not there: it needs a Mac with Apple silicon")
    return name
