"""Enforce the contract of the plugin interface on the stream of stems."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from ..errors import ModelError, UnmixError
from ..words import sentence_of
from .interface import Block

_END = object()


def check_model(model: Any, name: str, plugin: str) -> None:
    """Check what a plugin gave out as a loaded model.

    Raises
    ------
    ModelError
        If it lacks an attribute of a `Model`, or has a nonsensical one.
    """
    rate = getattr(model, "sample_rate", None)
    sound = isinstance(rate, int) and rate > 0 and getattr(model, "channels", 0) in (None, 1, 2)
    if not sound or not callable(getattr(model, "separate", None)):
        raise ModelError(
            f"the plugin {plugin} is faulty: it loaded {name} as {type(model).__name__}, which "
            "lacks a sample_rate in Hz, channels (1, 2 or None) or separate(). Please report this "
            "to the plugin's author"
        )


@dataclass(frozen=True)
class Contract:
    """What a model must yield for one mixture.

    Attributes
    ----------
    model, plugin : str
        Names for the error message.
    stems, channels, length : int
        Size of all blocks together; the length is in samples per channel.
    """

    model: str
    plugin: str
    stems: int
    channels: int
    length: int

    def enforce(self, separating: Any) -> Iterator[Block]:
        """Check each block and pass it on.

        Parameters
        ----------
        separating : callable
            Takes no arguments and returns the result of the model's ``separate``.

        Yields
        ------
        ndarray, shape (stems, channels, samples), float32
            Finite, and exactly `length` samples in total.

        Raises
        ------
        ModelError
            If the model breaks the contract or fails; the message names the plugin.
        """
        done = 0
        blocks = self._begin(separating)
        try:
            while (block := self._next(blocks)) is not _END:
                checked = self._check(block, done)
                done += checked.shape[-1]
                yield checked
        finally:
            self._close(blocks)
        if done < self.length:
            ended = "yields nothing" if not done else f"ends after {done} samples"
            self._broken(f"{ended}, but the mixture has {self.length}")

    def _begin(self, separating: Any) -> Iterator[Any]:
        try:
            return iter(separating())
        except (UnmixError, MemoryError):
            raise
        except TypeError as error:
            self._failed(error, "does not yield blocks")
        except (Exception, SystemExit) as error:
            self._failed(error)

    def _next(self, blocks: Iterator[Any]) -> Any:
        try:
            return next(blocks, _END)
        except (UnmixError, MemoryError):
            raise
        # A plugin must not end the program, not even by calling exit().
        except (Exception, SystemExit) as error:
            self._failed(error)

    def _close(self, blocks: Iterator[Any]) -> None:
        close = getattr(blocks, "close", None)
        if close is None:
            return
        try:
            close()
        except (Exception, SystemExit):
            return  # the user needs to read the earlier error

    def _check(self, block: Any, done: int) -> Block:
        if not isinstance(block, np.ndarray) or block.dtype.kind != "f":
            kind = block.dtype if isinstance(block, np.ndarray) else type(block).__name__
            kind = "None" if block is None else kind
            self._broken(f"yields {kind} instead of float32 arrays")
        if block.ndim != 3 or block.shape[:2] != (self.stems, self.channels):
            self._broken(
                f"yields a block of shape {block.shape} instead of "
                f"({self.stems} stems, {self.channels} channels, samples)"
            )
        if done + block.shape[-1] > self.length:
            self._broken(f"yields more than the mixture's {self.length} samples")
        with np.errstate(over="ignore"):  # infinite then, which is found below
            checked: Block = block.astype(np.float32, copy=False)
        # One sum is enough: finite float32 samples cannot overflow a float64.
        if not np.isfinite(checked.sum(dtype=np.float64)):
            stem, _, sample = np.argwhere(~np.isfinite(checked))[0]
            self._broken(
                f"yields a sample that is not a finite number (stem {stem + 1}, sample "
                f"{done + sample})"
            )
        return checked

    def _broken(self, how: str) -> NoReturn:
        raise ModelError(
            f"the plugin {self.plugin} is faulty: {self.model} {how}; no stem was kept. "
            "Please report this to the plugin's author"
        )

    def _failed(self, error: BaseException, how: str = "") -> NoReturn:
        what = how or "failed while separating"
        raise ModelError(
            f"the plugin {self.plugin} {what} ({self.model}): {sentence_of(error)}"
        ) from error
