"""The transformers of a RoFormer, as steps that change features where they lie.

Features are one tensor (frames, bands, dim). A step takes a view of it as
sequences, (sequences, length, dim), adds what it computes to it and returns
nothing: along bands a view is a stretch of frames, along time it is a few bands
with two axes exchanged, and neither is ever copied as a whole.

References
----------
W.-T. Lu, J.-C. Wang, Q. Kong and Y.-N. Hung, "Music source separation with
band-split RoPE transformer", arXiv 2309.02612. J. Su et al., "RoFormer: enhanced
transformer with rotary position embedding", arXiv 2104.09864.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

CPU_TOKENS = 1024
"""Feature vectors in one block on a processor: what a block computes stays in the cache."""
GPU_TOKENS = 65536
"""The same on a graphics card, where a block is one launch and memory is the limit."""
_SMALLEST = 1e-12


def on_processor(tensor: Tensor) -> bool:
    """Tell whether work on a tensor goes by cache-sized blocks, not by large launches."""
    return tensor.device.type == "cpu"


def unit(x: Tensor) -> Tensor:
    """Scale vectors to length 1, (..., dim) to a new tensor (..., dim); zeros stay zeros."""
    length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return torch.mul(x, length.clamp_min(_SMALLEST).reciprocal())


class Rotary(nn.Module):
    """Turns of queries and keys by their place in the sequence.

    Parameters
    ----------
    frequencies : Tensor, shape (dim_head // 2,)
        Radians from one place to the next, of each pair of neighbouring values.
    """

    frequencies: Tensor

    def __init__(self, frequencies: Tensor) -> None:
        super().__init__()
        self.register_buffer("frequencies", frequencies)
        self._table: Tensor | None = None

    def table(self, length: int) -> Tensor:
        """Return the turns as complex numbers, (length, 1, dim_head // 2)."""
        table = self._table  # one reading: another thread may put a table in its place
        frequencies = self.frequencies
        if table is None or len(table) < length or table.device != frequencies.device:
            with torch.inference_mode(False), torch.no_grad():  # gradients may follow inference
                places = torch.arange(length, device=frequencies.device, dtype=torch.float32)
                angles = torch.outer(places, frequencies)
                self._table = table = torch.polar(torch.ones_like(angles), angles).unsqueeze(1)
        return table[:length]


def frozen(values: Tensor) -> nn.Parameter:
    """Return weights that no gradient is computed for, until someone wants it."""
    return nn.Parameter(values, requires_grad=False)


def compute_products_in(network: nn.Module, dtype: torch.dtype) -> None:
    """Convert the weights of a network's large products, once.

    The features between the steps, norms, turns and gates stay float32.
    """
    for module in network.modules():
        for name in getattr(module, "products", ()):
            setattr(module, name, frozen(getattr(module, name).to(dtype)))


class Attention(nn.Module):
    """Multi-head attention over sequences, with a gate for each head.

    Parameters
    ----------
    norm : Tensor, shape (dim,)
        Gains of the norm before.
    queries_keys_values : Tensor, shape (3 * heads * dim_head, dim)
    gates : Tensor, shape (heads, dim)
    gates_bias : Tensor, shape (heads,)
    output : Tensor, shape (dim, heads * dim_head)
    rotary : Rotary
    bias, output_bias : Tensor, optional
        Of queries, keys and values, and of the output; few checkpoints have them.
    """

    products = ("weights", "output")
    weights: Tensor
    gates_bias: Tensor
    output: Tensor
    bias: Tensor | None
    output_bias: Tensor | None

    def __init__(
        self,
        *,
        norm: Tensor,
        queries_keys_values: Tensor,
        gates: Tensor,
        gates_bias: Tensor,
        output: Tensor,
        rotary: Rotary,
        bias: Tensor | None = None,
        output_bias: Tensor | None = None,
    ) -> None:
        super().__init__()
        self._heads, dim = gates.shape
        self._inner = output.shape[1]
        # One product gives queries, keys, values and gates. The norm's gains are
        # in its weights, and a row of zeros makes the count of its columns even,
        # so that pairs of columns can be seen as complex numbers.
        even = gates.new_zeros(self._heads % 2, dim)
        weights = torch.cat([queries_keys_values, gates, even])
        self.weights = frozen(weights.mul_(norm * dim**0.5))
        self.gates_bias = frozen(gates_bias)
        self.output = frozen(output.T.contiguous())
        self.bias = None if bias is None else frozen(bias)
        self.output_bias = None if output_bias is None else frozen(output_bias)
        self.rotary = rotary

    def forward(self, x: Tensor) -> Tensor:
        """Add attention to `x`, shape (sequences, length, dim); in place for inference."""
        inner, heads = self._inner, self._heads
        dtype = self.weights.dtype
        fused = nn.functional.linear(unit(x).to(dtype), self.weights)
        if self.bias is not None:
            fused[..., : 3 * inner] += self.bias
        places = x.shape[:2]
        turned = fused[..., : 2 * inner].float()  # of a float32 tensor, the tensor itself
        pairs = torch.view_as_complex(turned.view(*places, 2 * heads, -1, 2))
        pairs.mul_(self.rotary.table(x.shape[1]))
        query, key, value = (
            part.view(*places, heads, -1).transpose(1, 2)
            for part in (*turned.to(dtype).chunk(2, -1), fused[..., 2 * inner : 3 * inner])
        )
        heard = nn.functional.scaled_dot_product_attention(query, key, value).transpose(1, 2)
        gates = (fused[..., 3 * inner : 3 * inner + heads] + self.gates_bias).sigmoid_()
        heard = (heard * gates.to(dtype).unsqueeze(-1)).flatten(-2)
        return _add_product(x, heard, self.output, self.output_bias)


class FeedForward(nn.Module):
    """A norm, a hidden layer with GELU, and a layer back.

    Parameters
    ----------
    norm : Tensor, shape (dim,)
    hidden : Tensor, shape (hidden, dim)
    hidden_bias : Tensor, shape (hidden,)
    output : Tensor, shape (dim, hidden)
    output_bias : Tensor, shape (dim,)
    """

    products = ("hidden", "hidden_bias", "output")
    hidden: Tensor
    hidden_bias: Tensor
    output: Tensor
    output_bias: Tensor

    def __init__(
        self,
        *,
        norm: Tensor,
        hidden: Tensor,
        hidden_bias: Tensor,
        output: Tensor,
        output_bias: Tensor,
    ) -> None:
        super().__init__()
        self.hidden = frozen(hidden * (norm * len(norm) ** 0.5))
        self.hidden_bias = frozen(hidden_bias)
        self.output = frozen(output.T.contiguous())
        self.output_bias = frozen(output_bias)

    def forward(self, x: Tensor) -> Tensor:
        """Add the layers' result to `x`, shape (sequences, length, dim); as attention does."""
        inside = nn.functional.linear(unit(x).to(self.hidden.dtype), self.hidden, self.hidden_bias)
        return _add_product(x, nn.functional.gelu(inside), self.output, self.output_bias)


class Norm(nn.Module):
    """A norm: vectors of length sqrt(dim), each value with a gain of its own.

    Parameters
    ----------
    gains : Tensor, shape (dim,)
    """

    gains: Tensor

    def __init__(self, gains: Tensor) -> None:
        super().__init__()
        self.gains = frozen(gains * len(gains) ** 0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Scale `x`, shape (sequences, length, dim), in place for inference."""
        return torch.mul(unit(x), self.gains, out=None if torch.is_grad_enabled() else x)


@dataclass(frozen=True)
class Stage:
    """Attention along time, and the steps after it that stay within a frame."""

    attention: Attention
    steps: tuple[nn.Module, ...]


class Trunk(nn.Module):
    """All transformers of a network, one after the other.

    Parameters
    ----------
    stages : sequence of Stage
    """

    def __init__(self, stages: Sequence[Stage]) -> None:
        super().__init__()
        self._stages = tuple(stages)
        self.parts = nn.ModuleList(
            part for stage in stages for part in (stage.attention, *stage.steps)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Change features, shape (frames, bands, dim), contiguous: in place for inference."""
        if torch.is_grad_enabled():
            return self._differentiable(x)
        frames, bands, _ = x.shape
        tokens = CPU_TOKENS if on_processor(x) else GPU_TOKENS
        for stage in self._stages:
            for part in torch.split(x, max(1, tokens // frames), dim=1):
                stage.attention(part.transpose(0, 1))
            for part in torch.split(x, max(1, tokens // bands)):
                for step in stage.steps:
                    step(part)
        return x

    def _differentiable(self, x: Tensor) -> Tensor:
        """Do the same to new tensors: autograd needs the old ones."""
        for stage in self._stages:
            x = stage.attention(x.transpose(0, 1).contiguous()).transpose(0, 1).contiguous()
            for step in stage.steps:
                x = step(x)
        return x


def _add_product(x: Tensor, values: Tensor, weights: Tensor, bias: Tensor | None) -> Tensor:
    """Add ``values @ weights + bias`` to `x`, without a tensor for the product if possible."""
    if torch.is_grad_enabled():
        total = x + values @ weights
        return total if bias is None else total + bias
    if weights.dtype != x.dtype:
        x += values @ weights
    elif x.is_contiguous():
        x.flatten(0, 1).addmm_(values.flatten(0, 1), weights)
    elif on_processor(x):
        for sequence, value in zip(x, values, strict=True):
            sequence.addmm_(value, weights)
    else:
        x += values @ weights
    if bias is not None:
        x += bias
    return x
