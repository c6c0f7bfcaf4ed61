"""The layers of MDX23C that are not PyTorch's own."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from unmixcli.models.mdx23c.blocks import Activate, OverBins


@pytest.mark.parametrize("shape", [(1, 16, 300, 250), (2, 3, 7, 5), (1, 600, 2, 2)])
def test_the_norm_is_exact_for_large_images(shape: tuple[int, ...]) -> None:
    """PyTorch's own loses three digits on an image that lies channels last."""
    layer = Activate(shape[1])
    nn.init.normal_(layer.weight)
    nn.init.normal_(layer.bias)
    image = 2 * torch.randn(shape, generator=torch.Generator().manual_seed(5)) + 3
    weight, bias = layer.weight.double(), layer.bias.double()
    expected = F.gelu(F.instance_norm(image.double(), weight=weight, bias=bias))
    with torch.inference_mode():
        for laid_out in (image, image.to(memory_format=torch.channels_last)):
            assert (layer(laid_out) - expected).abs().max() < 5e-6


def test_products_over_the_bins() -> None:
    layer = OverBins(6, 4)
    nn.init.normal_(layer.weight)
    image = torch.randn(2, 3, 5, 6)
    with torch.inference_mode():
        expected = F.linear(image, layer.weight)
        assert (layer(image) - expected).abs().max() < 1e-5
