"""Choose the arithmetic of the networks."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from ..errors import UsageError

log = logging.getLogger("unmixcli")


def resolve_precision(name: str, device: str, offered: Sequence[str], model: str) -> str:
    """Turn ``auto`` into a precision without audible loss, and check any other choice.

    Parameters
    ----------
    name : {"auto", "float32", "bfloat16", "float16"}
    device : str
        A torch device.
    offered : sequence of str
        The precisions that the model supports.
    model : str
        The model's name, for messages.

    Returns
    -------
    str
        ``float32`` on a processor for ``auto``; on a graphics card bfloat16 if
        the card computes in it and the model offers it.

    Raises
    ------
    UsageError
        If the model does not support the precision.
    """
    import torch  # here, so that listing models and showing help stay fast

    if name == "auto":
        fast = device.startswith("cuda") and torch.cuda.is_bf16_supported(including_emulation=False)
        return "bfloat16" if fast and "bfloat16" in offered else "float32"
    if name not in offered:
        raise UsageError(f"{model} does not support {name}, only {' and '.join(offered)}")
    if name == "bfloat16" and device == "cpu" and not _has_bfloat16():
        log.warning(
            "this processor has no bfloat16 arithmetic (AVX512-BF16 or AMX), "
            "so --precision bfloat16 is slower than float32 here"
        )
    return name


def _has_bfloat16() -> bool:
    """Return whether the processor multiplies bfloat16 numbers in hardware."""
    import torch

    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, check, bool)() for check in checks) or (
        # ARM: torch has no check for it, but every core since ARMv8.6 supports it.
        torch.backends.cpu.get_cpu_capability().startswith("SVE")
    )
