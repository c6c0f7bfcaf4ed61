"""Open-Unmix: one network with a bidirectional LSTM per target, then a Wiener filter.

The whole method, for tracks that fit in memory. ``state`` is the state dict of
one network; axes are c channels, f bins, t frames, j targets:

>>> import torch
>>> from torch.nn.functional import batch_norm
>>> def estimate(state, magnitude):  # of the mixture (c, f, t), to that of one target
...     def linear(x, n):
...         names = ("running_mean", "running_var", "weight", "bias")
...         return batch_norm(x @ state[f"fc{n}.weight"].T, *(state[f"bn{n}.{k}"] for k in names))
...     read = magnitude[:, : len(state["input_mean"])].transpose(1, 2)  # up to 16 kHz
...     read = (read + state["input_mean"]) * state["input_scale"]
...     x = linear(read.transpose(0, 1).flatten(1), 1).tanh()
...     lstm = torch.nn.LSTM(x.shape[1], x.shape[1] // 2, num_layers=3, bidirectional=True)
...     lstm.load_state_dict({k[5:]: v for k, v in state.items() if k.startswith("lstm.")})
...     x = linear(torch.cat([x, lstm(x)[0]], 1), 2).relu()
...     gain = linear(x, 3).view(len(x), len(magnitude), -1).permute(1, 2, 0)
...     gain = gain * state["output_scale"][:, None] + state["output_mean"][:, None]
...     return gain.relu() * magnitude
>>> def separate(states, audio):  # (c, samples), to (j, c, samples), as --niter 1 does
...     fourier = {"n_fft": 4096, "hop_length": 1024, "window": torch.hann_window(4096)}
...     x = torch.stft(audio, **fourier, return_complex=True)
...     y = torch.stack([estimate(state, x.abs()) for state in states]) * torch.sgn(x)
...     scale, eps = (x.abs().max() / 10).clamp(min=1), 1e-10
...     x, y = (x / scale).to(torch.complex128), (y / scale).to(torch.complex128)
...     power = y.abs().square().mean(1)
...     spatial = torch.einsum("jaft,jbft->jfab", y, y.conj())
...     spatial = spatial / (eps + power.sum(2))[..., None, None]
...     total = torch.einsum("jft,jfab->ftab", power + 0j, spatial) + eps**0.5 * torch.eye(len(x))
...     whitened = torch.linalg.solve(total, x.permute(1, 2, 0))
...     y = torch.einsum("jft,jfab,ftb->jaft", power + 0j, spatial, whitened) * scale
...     flat = y.flatten(0, 1).to(torch.complex64)
...     return torch.istft(flat, **fourier, length=audio.shape[1]).unflatten(0, y.shape[:2])
>>> with torch.inference_mode():
...     stems = separate(states, audio)

With ``--niter 0`` the first ``y`` is the result; more iterations repeat the
lines from ``power`` on. The EM runs on windows of 300 frames; the above is one
window. A single target gets the residual as its opponent in the EM.

The files compute the same on a stream, in bounded memory. Read them in this
order:

1. `checkpoint` and `network`: the tensors, folded into few matrices.
2. `input_layers`, `recurrence`, `output_layers`: the three parts of `estimate`.
3. `unmixcli.signal`: `stft`, `masks` and `em`, the parts of `separate`.
4. `filtering`: the EM on a block of frames; `streaming`: everything together.
5. `rows`: the numbers between the two readings of the mixture.
6. `joint`: the network of umx-synth, one for all targets.
7. `plugin`, `options`, `folder`, `loading`: how the program finds and loads them.

References
----------
F.-R. Stöter, S. Uhlich, A. Liutkus and Y. Mitsufuji, "Open-Unmix: a reference
implementation for music source separation", JOSS 4(41), 2019.
"""

from .plugin import plugin

__all__ = ["plugin"]
