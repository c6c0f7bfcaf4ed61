"""The squared errors of both kinds of masks in one pass over the logits, for processors.

As tensor operations, forward and backward touch some twenty arrays of the logits' size, which
takes as long as the whole network; here each logit is read once a direction.
"""

from __future__ import annotations

import numba
import numpy as np
import torch
from torch import Tensor

ZERO, ONE, TWO = np.float32(0), np.float32(1), np.float32(2)


@numba.njit(inline="always", fastmath=True)
def _softmax(a, b, c, d):
    top = max(a, b, c, d)
    a, b, c, d = np.exp(a - top), np.exp(b - top), np.exp(c - top), np.exp(d - top)
    scale = ONE / (a + b + c + d)
    return a * scale, b * scale, c * scale, d * scale


@numba.njit(inline="always", fastmath=True)
def _squared(a, b, c, d):
    a, b, c, d = a * a, b * b, c * c, d * d
    scale = ONE / (a + b + c + d)
    return a * scale, b * scale, c * scale, d * scale


@numba.njit(fastmath=True, error_model="numpy", cache=True)
def _forward(logits, cross, errors):
    """Add sum m (m p - 2 c) of each target to errors (2, batch, 4); p = sum of c over targets."""
    frames, batch, _, bands = logits.shape
    for t in range(frames):
        for b in range(batch):
            z0, z1, z2, z3 = logits[t, b, 0], logits[t, b, 1], logits[t, b, 2], logits[t, b, 3]
            c0, c1, c2, c3 = cross[t, b, 0], cross[t, b, 1], cross[t, b, 2], cross[t, b, 3]
            soft0 = soft1 = soft2 = soft3 = ZERO
            sharp0 = sharp1 = sharp2 = sharp3 = ZERO
            for k in range(bands):
                m0, m1, m2, m3 = _softmax(z0[k], z1[k], z2[k], z3[k])
                power = c0[k] + c1[k] + c2[k] + c3[k]
                soft0 += m0 * (m0 * power - TWO * c0[k])
                soft1 += m1 * (m1 * power - TWO * c1[k])
                soft2 += m2 * (m2 * power - TWO * c2[k])
                soft3 += m3 * (m3 * power - TWO * c3[k])
                m0, m1, m2, m3 = _squared(m0, m1, m2, m3)
                sharp0 += m0 * (m0 * power - TWO * c0[k])
                sharp1 += m1 * (m1 * power - TWO * c1[k])
                sharp2 += m2 * (m2 * power - TWO * c2[k])
                sharp3 += m3 * (m3 * power - TWO * c3[k])
            soft, sharp = errors[0, b], errors[1, b]
            soft[0] += soft0
            soft[1] += soft1
            soft[2] += soft2
            soft[3] += soft3
            sharp[0] += sharp0
            sharp[1] += sharp1
            sharp[2] += sharp2
            sharp[3] += sharp3


@numba.njit(fastmath=True, error_model="numpy", cache=True)
def _backward(logits, cross, weights, gradient):
    """Gradient of sum weights x errors with respect to the logits.

    With g_j = weight_j (2 m_j p - 2 c_j), the softmax passes on sharpness x m_j (g_j - sum m g).
    """
    frames, batch, _, bands = logits.shape
    for t in range(frames):
        for b in range(batch):
            z0, z1, z2, z3 = logits[t, b, 0], logits[t, b, 1], logits[t, b, 2], logits[t, b, 3]
            c0, c1, c2, c3 = cross[t, b, 0], cross[t, b, 1], cross[t, b, 2], cross[t, b, 3]
            out0, out1 = gradient[t, b, 0], gradient[t, b, 1]
            out2, out3 = gradient[t, b, 2], gradient[t, b, 3]
            u0, u1, u2, u3 = weights[0, b, 0], weights[0, b, 1], weights[0, b, 2], weights[0, b, 3]
            v0, v1, v2, v3 = weights[1, b, 0], weights[1, b, 1], weights[1, b, 2], weights[1, b, 3]
            for k in range(bands):
                m0, m1, m2, m3 = _softmax(z0[k], z1[k], z2[k], z3[k])
                power = c0[k] + c1[k] + c2[k] + c3[k]
                g0 = m0 * u0 * (m0 * power - c0[k])
                g1 = m1 * u1 * (m1 * power - c1[k])
                g2 = m2 * u2 * (m2 * power - c2[k])
                g3 = m3 * u3 * (m3 * power - c3[k])
                mean = g0 + g1 + g2 + g3
                r0, r1, r2, r3 = g0 - m0 * mean, g1 - m1 * mean, g2 - m2 * mean, g3 - m3 * mean
                m0, m1, m2, m3 = _squared(m0, m1, m2, m3)
                g0 = m0 * v0 * (m0 * power - c0[k])
                g1 = m1 * v1 * (m1 * power - c1[k])
                g2 = m2 * v2 * (m2 * power - c2[k])
                g3 = m3 * v3 * (m3 * power - c3[k])
                mean = g0 + g1 + g2 + g3
                out0[k] = TWO * (r0 + TWO * (g0 - m0 * mean))
                out1[k] = TWO * (r1 + TWO * (g1 - m1 * mean))
                out2[k] = TWO * (r2 + TWO * (g2 - m2 * mean))
                out3[k] = TWO * (r3 + TWO * (g3 - m3 * mean))


class FusedErrors(torch.autograd.Function):
    """Squared errors less the targets' energies: float32 (2 kinds of masks, batch, 4 targets).

    `apply(logits, cross)` takes contiguous float32 arrays of shape (frames, batch, 4, 2, bands).
    """

    @staticmethod
    def forward(ctx, logits: Tensor, cross: Tensor) -> Tensor:
        ctx.save_for_backward(logits, cross)
        errors = np.zeros((2, logits.shape[1], 4))
        _forward(logits.detach().flatten(3).numpy(), cross.flatten(3).numpy(), errors)
        return torch.from_numpy(errors.astype(np.float32))

    @staticmethod
    def backward(ctx, weights: Tensor) -> tuple[Tensor, None]:
        logits, cross = ctx.saved_tensors
        gradient = torch.empty_like(logits)
        _backward(
            logits.detach().flatten(3).numpy(), cross.flatten(3).numpy(),
            weights.float().contiguous().numpy(), gradient.flatten(3).numpy(),
        )  # fmt: skip
        return gradient, None
