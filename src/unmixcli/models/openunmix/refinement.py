"""Corrections of the joint network's logits, from the bands around each in frequency and time."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch.nn import functional

PREFIX = "refine."
SCALE = 4.0
"""What features are divided by, as in training."""


class Refinement:
    """Three convolutions over frames and bands whose result is added to the logits.

    The trunk puts the masks of a frame through one vector of the hidden size, which
    blurs them; these convolutions also see the features themselves.

    Parameters
    ----------
    state : mapping of str to Tensor
        The convolutions' weights and biases, see `shapes`.
    device : torch.device
    """

    context = 2
    """Frames before and after a frame that its corrections depend on."""

    def __init__(self, state: Mapping[str, torch.Tensor], device: torch.device) -> None:
        own = {key[len(PREFIX) :]: state[key].float().to(device) for key in shapes(state, 1, 1)}
        self._position = own["position"]
        self._layers = [
            (own[f"conv{n}.weight"].contiguous(memory_format=torch.channels_last),
             own[f"conv{n}.bias"])
            for n in (1, 2, 3)
        ]  # fmt: skip

    def __call__(self, features: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        """Correct the logits of consecutive frames.

        At both ends zeros stand for what lies beyond, so that there the last `context`
        frames are right only if nothing does.

        Parameters
        ----------
        features : Tensor, shape (frames, features x bands)
        logits : Tensor, shape (frames, masks x bands)

        Returns
        -------
        Tensor, shape (frames, masks x bands)
        """
        frames, bands = features.shape[0], self._position.shape[-1]
        local = (features - features.mean(-1, keepdim=True)) / SCALE
        x = torch.cat([local.view(frames, -1, bands), logits.view(frames, -1, bands)], 1)
        x = x.transpose(0, 1)[None].contiguous(memory_format=torch.channels_last)
        first, second, third = self._layers
        x = functional.conv2d(x, *first, padding=1).add_(self._position).relu_()
        x = functional.conv2d(functional.conv2d(x, *second, padding=1).relu_(), *third)
        return logits + x[0].transpose(0, 1).flatten(1)


def shapes(
    state: Mapping[str, torch.Tensor], inputs: int, outputs: int, bands: int = 1
) -> dict[str, tuple[int, ...]]:
    """Return the shapes that the tensors of a refinement have; nothing if a file has none.

    Parameters
    ----------
    state : mapping of str to Tensor
    inputs, outputs, bands : int
        Features and masks, and masks, of every band; and how many bands.
    """
    if not any(key.startswith(PREFIX) for key in state):
        return {}
    channels = len(state.get(f"{PREFIX}conv1.bias", ()))
    return {
        f"{PREFIX}conv1.weight": (channels, inputs, 3, 3),
        f"{PREFIX}conv1.bias": (channels,),
        f"{PREFIX}position": (channels, 1, bands),
        f"{PREFIX}conv2.weight": (channels, channels, 3, 3),
        f"{PREFIX}conv2.bias": (channels,),
        f"{PREFIX}conv3.weight": (outputs, channels, 1, 1),
        f"{PREFIX}conv3.bias": (outputs,),
    }
