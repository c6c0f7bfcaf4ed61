"""The forms in which a caller hands over audio and gets its stems back.

Inside the program audio is float32 of shape (channels, samples). A caller may have
numpy arrays or tensors, integers or floating point, either order of the axes, and
batches.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, UsageError
from ..models.interface import Progress

if TYPE_CHECKING:
    import torch

    AudioLike: TypeAlias = NDArray[Any] | torch.Tensor

_FULL_SCALE = {"int8": 2**7, "int16": 2**15, "int32": 2**31}
_LOWEST_RATE, _HIGHEST_RATE = 1000, 1_536_000


@dataclass(frozen=True)
class Form:
    """The form of a caller's audio.

    Attributes
    ----------
    shape : tuple of int
    channels_first : bool
        Whether the axes are (channels, samples) or (batch, channels, samples).
    device : torch.device or None
        Of a tensor; None for an array.
    """

    shape: tuple[int, ...]
    channels_first: bool
    device: torch.device | None

    @classmethod
    def split(cls, audio: AudioLike, channels_first: bool) -> tuple[Form, list[NDArray[Any]]]:
        """Take audio apart into recordings of shape (samples, channels) or (samples,).

        Raises
        ------
        InputError
            If the audio has a type or a shape that is not supported.
        """
        device: torch.device | None = None
        given: Any = audio
        if _is_tensor(given):
            device, given = given.device, _from_tensor(given)
        array = np.asarray(given)
        form = cls(array.shape, channels_first, device)
        floats = _floating(array)
        if not channels_first:
            return form, [floats]
        if floats.ndim not in (1, 2, 3) or not len(floats):
            raise InputError(
                "with channels_first the audio must have the shape (channels, samples) or "
                f"(batch, channels, samples), not {array.shape}"
            )
        if floats.ndim < 3:
            return form, [floats.T]
        return form, [item.T for item in floats]

    def join(self, parts: Sequence[Mapping[str, NDArray[np.float32]]]) -> dict[str, Any]:
        """Put stems of shape (channels, samples) into this form, keyed by name."""
        return {name: self._joined([part[name] for part in parts]) for name in parts[0]}

    def _joined(self, stems: list[NDArray[np.float32]]) -> Any:
        if len(self.shape) == 1:
            stem = stems[0][0]
        elif len(self.shape) == 3:
            stem = np.stack(stems)
        else:
            stem = stems[0] if self.channels_first else stems[0].T
        if self.device is None:
            return stem
        import torch

        return torch.from_numpy(np.ascontiguousarray(stem)).to(self.device)


def check_rate(sample_rate: Any) -> int:
    """Return a sample rate in Hz.

    Raises
    ------
    UsageError
        If it is missing or no whole number of a sensible size.
    """
    if sample_rate is None:
        raise UsageError("an array has no sample rate: give sample_rate, such as 44100")
    try:
        rate = int(sample_rate)
    except (TypeError, ValueError, OverflowError):
        rate = 0
    if rate != sample_rate or not _LOWEST_RATE <= rate <= _HIGHEST_RATE:
        raise UsageError(
            f"sample_rate {sample_rate!r} is not a whole number of Hz from {_LOWEST_RATE} "
            f"to {_HIGHEST_RATE}"
        )
    return rate


def shared(progress: Progress, count: int) -> Iterator[Progress]:
    """Yield one progress callable for each of several recordings, for its share of the whole."""
    for k in range(count):
        yield lambda stage, fraction, done=k: progress(stage, (done + fraction) / count)  # type: ignore[misc]


def _is_tensor(audio: object) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(audio, torch.Tensor)


def _from_tensor(audio: Any) -> NDArray[Any]:
    """Copy a tensor to the processor; numpy has no bfloat16."""
    audio = audio.detach()
    audio = audio.float() if audio.is_floating_point() else audio
    array: NDArray[Any] = audio.cpu().numpy()
    return array


def _floating(array: NDArray[Any]) -> NDArray[Any]:
    """Scale integers to full scale 1; leave anything else as it is."""
    if full_scale := _FULL_SCALE.get(array.dtype.name):
        return array.astype(np.float32) / np.float32(full_scale)
    if array.dtype == np.uint8:  # as in WAV files, 128 is silence
        return (array.astype(np.float32) - 128) / 128
    return array
