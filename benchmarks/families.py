"""Speed of every family of networks beside its reference package, the two taking turns.

Networks of their true size with random weights, on noise: neither changes what
there is to compute. One pass over one segment is timed, with loading left out.

    python benchmarks/families.py                         # all families, float32
    python benchmarks/families.py scnet mel --precision bfloat16 --threads 2 --runs 5
    python benchmarks/families.py --device cuda

Prints one Markdown table: medians of wall time a second of audio, processor
seconds, the ratio pair by pair, the arithmetic and the time that it takes at
the rate of a large float32 product on the same threads (the floor), and how
near the result is to the reference's (SDR in dB). Needs the `test` extra.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from true_sizes import FOUR, bs_roformer, htdemucs, mel_roformer, scnet
from unmixcli.models.cards import ModelCard, Weights
from unmixcli.models.registry import Registry

RATE = 44100

Pass = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Case:
    """A network of true size: how the reference builds it and what our card says of it."""

    plugin: str
    seconds: float
    build: Callable[[], torch.nn.Module]
    targets: tuple[str, ...] = FOUR
    parameters: dict[str, Any] | None = None
    whole: bool = False
    """Whether the checkpoint holds the network's class and arguments, as Demucs' does."""


ROFORMER = {"overlap": 2}
CASES = {
    "htdemucs": Case("demucs", 7.8, htdemucs, whole=True),
    "bs": Case("roformer", 8, bs_roformer, ("vocals",), ROFORMER | {"hop": 512, "chunk": 8 * RATE}),
    "mel": Case(
        "roformer", 8, mel_roformer, ("vocals",), ROFORMER | {"hop": 441, "chunk": 8 * RATE}
    ),
    "scnet": Case(
        "scnet",
        11,
        scnet,
        parameters={
            "n_fft": 4096,
            "hop": 1024,
            "chunk": 11 * RATE,
            "overlap": 4,
            "band_ratios": (0.225, 0.372, 0.403),
            "band_strides": (1, 4, 16),
        },
    ),
}


def main() -> None:
    """Time the families that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("families", nargs="*", help="all, if none is named")
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--profile", action="store_true", help="print where our time goes")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rate = product_rate(arguments.device)
    print(f"{arguments.threads} threads; a large float32 product runs at {rate:.0f} GFLOP/s")
    print()
    print("| network | ours, s | reference, s | ratio | ours, CPU s | GFLOP | floor, s | SDR, dB |")
    print("|---|---|---|---|---|---|---|---|")
    for name in arguments.families or CASES:
        print(row(name, CASES[name], arguments, rate), flush=True)


def row(name: str, case: Case, arguments: argparse.Namespace, rate: float) -> str:
    """Time one family and return its line of the table, all figures a second of audio."""
    torch.manual_seed(0)
    device = torch.device(arguments.device)
    reference = case.build().eval().requires_grad_(False)
    ours = load(case, reference, arguments.device, arguments.precision)
    reference.to(device)
    noise = 0.1 * torch.randn(1, 2, round(case.seconds * RATE), device=device)
    with torch.inference_mode():
        mine, theirs = ours(noise)[0], stems_of(reference(noise))
        arithmetic = operations(reference, noise)
        if arguments.profile:
            print(profile(ours, noise))
        pairs = [(timed(ours, noise), timed(reference, noise)) for _ in range(arguments.runs)]
    flops = arithmetic / 1e9 / case.seconds
    wall, cpu = (statistics.median(own[k] for own, _ in pairs) / case.seconds for k in (0, 1))
    other = statistics.median(theirs[0] for _, theirs in pairs) / case.seconds
    ratio = statistics.median(theirs[0] / own[0] for own, theirs in pairs)
    mine = mine[..., : theirs.shape[-1]]  # some references drop a rest shorter than a hop
    error = (mine - theirs).square().sum() / theirs.square().sum()
    near = -10 * float(torch.log10(error.clamp_min(1e-30)))
    return (
        f"| {name} | {wall:.3f} | {other:.3f} | {ratio:.2f} × | {cpu:.3f} | {flops:.0f} "
        f"| {flops / rate:.3f} | {near:.0f} |"
    )


def operations(network: torch.nn.Module, noise: torch.Tensor) -> int:
    """Count the additions and multiplications of a pass."""
    recurrent = 0

    def count(lstm: torch.nn.Module, inputs: tuple[torch.Tensor, ...], _: object) -> None:
        nonlocal recurrent  # PyTorch's counter leaves LSTMs out
        assert isinstance(lstm, torch.nn.LSTM)
        steps = inputs[0].shape[:-1].numel()
        matrices = sum(p.numel() for name, p in lstm.named_parameters() if "weight" in name)
        recurrent += 2 * steps * matrices

    lstms = [module for module in network.modules() if isinstance(module, torch.nn.LSTM)]
    hooks = [lstm.register_forward_hook(count) for lstm in lstms]
    with FlopCounterMode(display=False) as counter:
        network(noise)
    for hook in hooks:
        hook.remove()
    return counter.get_total_flops() + recurrent


def load(case: Case, reference: torch.nn.Module, device: str, precision: str) -> Pass:
    """Save the reference's weights and load them as a user's file."""
    with tempfile.TemporaryDirectory(prefix="unmix-benchmark-") as folder:
        path = Path(folder) / ("955717e8.th" if case.whole else "network.ckpt")
        content = reference.state_dict()
        if case.whole:
            args, kwargs = reference._init_args_kwargs
            record = {"klass": type(reference), "args": args, "kwargs": kwargs}
            torch.save(record | {"state": content}, path)
        else:
            torch.save(content, path)
        card = ModelCard(
            name="benchmark",
            plugin=case.plugin,
            targets=case.targets,
            sample_rate=RATE,
            channels=2,
            weights=(Weights(file=path.name, path=path),),
            parameters=case.parameters or {},
        )
        known = next(k for k in Registry().models if k.card.plugin == case.plugin)
        load: Any = known.plugin.load
        extra = (precision,) if len(known.precisions) > 1 else ()
        model = load(card, {path.name: path}, case.targets, device, *extra)
    network: Pass = model.network
    return network


def stems_of(audio: torch.Tensor) -> torch.Tensor:
    """Return (stems, channels, samples) of what a reference returns for one segment."""
    return audio[0] if audio.dim() == 4 else audio[0][None]


def timed(run: Pass, noise: torch.Tensor) -> tuple[float, float]:
    """Return the wall time and the processor time of one pass."""
    if noise.is_cuda:
        torch.cuda.synchronize()
    wall, cpu = time.perf_counter(), time.process_time()
    run(noise)
    if noise.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - wall, time.process_time() - cpu


def product_rate(device: str) -> float:
    """Return the GFLOP/s of a large float32 matrix product."""
    matrix = torch.randn(2048, 2048, device=device)
    with torch.inference_mode():
        times = [timed(lambda m: m @ m, matrix)[0] for _ in range(6)]
    return 2 * 2048**3 / min(times) / 1e9


def profile(run: Pass, noise: torch.Tensor) -> str:
    """Return the operations that most of a pass goes into."""
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as profiler

    with profiler(activities=[ProfilerActivity.CPU]) as found:
        run(noise)
    return str(found.key_averages().table(sort_by="self_cpu_time_total", row_limit=15))


if __name__ == "__main__":
    main()
