"""The training programme: any device, resumable at any time, keeps the best by validation."""

from __future__ import annotations

import copy
import csv
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from .dataset import Mixer, MixOptions, training_batches, validation_batch
from .generator import TARGETS
from .loss import sdr, separation_loss
from .network import JointOpenUnmix, Refinement
from .songs import SongFolder


@dataclass(frozen=True)
class TrainOptions:
    """Everything that decides a run; a preset is a set of these."""

    hidden: int = 448
    steps: int = 10_000
    learning_rate: float = 1e-3
    refine: int | None = None  # channels of a refinement; 0 for none; None as the weights have it
    refine_factor: float = 1.0  # of the learning rate, for the refinement
    warmup: int = 300
    decay: float = 0.25  # the last part of the steps, in which the learning rate falls to zero
    average: float = 0.995  # of the exponential moving average of the weights
    validate_every: int = 500
    save_minutes: float = 3.0
    workers: int = 1
    seed: int = 0
    freeze_statistics: bool = False
    mix: MixOptions = field(default_factory=MixOptions)


PRESETS = {
    "minutes": TrainOptions(hidden=256, steps=1_500, mix=MixOptions(batch=12)),
    "hours": TrainOptions(hidden=448, steps=20_000),
    "gpu": TrainOptions(hidden=448, steps=30_000, workers=14, mix=MixOptions(batch=48)),
}


def multiplies_bfloat16() -> bool:
    """Whether this processor can train in bfloat16: where not, the LSTM refuses it."""
    return torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()


class Trainer:
    """A run in a folder: `checkpoint.pt`, `best.pt` and `log.csv`."""

    def __init__(
        self,
        run: Path,
        options: TrainOptions,
        device: str | None = None,
        start: JointOpenUnmix | None = None,
    ) -> None:
        self.run = run
        self.options = options
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.bfloat16 = self.device.type != "cpu" or multiplies_bfloat16()
        torch.manual_seed(options.seed)
        torch.set_flush_denormal(True)
        network = start or JointOpenUnmix(options.hidden)
        if options.refine == 0:
            network.refine = None
        elif options.refine and not network.refine:
            network.refine = Refinement(options.refine)
        self.network = network.to(self.device)
        self.average = copy.deepcopy(self.network).eval()
        refine = list(self.network.refine.parameters()) if self.network.refine else []
        trunk = [p for n, p in self.network.named_parameters() if not n.startswith("refine.")]
        self.optimiser = torch.optim.AdamW(
            [{"params": trunk, "factor": 1.0}, {"params": refine, "factor": options.refine_factor}],
            lr=options.learning_rate, betas=(0.9, 0.98), weight_decay=1e-4, fused=True,
        )  # fmt: skip
        self.step = 0
        self.seconds = 0.0
        self.best = -1e9

    def resume(self) -> bool:
        """Continue from the run's checkpoint, if it has one."""
        path = self.run / "checkpoint.pt"
        if not path.exists():
            return False
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.seconds, self.best = state["step"], state["seconds"], state["best"]
        return True

    def save(self, name: str = "checkpoint.pt") -> None:
        """Write everything that a later run needs, atomically."""
        self.run.mkdir(parents=True, exist_ok=True)
        temporary = self.run / f"{name}.part"
        torch.save({
            "network": self.network.state_dict(), "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(), "step": self.step,
            "shape": self.network.shape, "seconds": self.seconds, "best": self.best,
            "options": asdict(self.options),
        }, temporary)  # fmt: skip
        temporary.replace(self.run / name)

    def measure_inputs(self, batches: list[dict[str, Tensor]]) -> None:
        """Set the input statistics, once, from some batches of mixtures."""
        features = torch.cat([b["features"].flatten(0, 1) for b in batches])
        for network in (self.network, self.average):
            network.measure_inputs(features)

    def learning_rate(self) -> float:
        """Warm up, hold, and fall linearly to zero at the end."""
        options = self.options
        left = (options.steps - self.step) / max(1, options.decay * options.steps)
        return options.learning_rate * min(1.0, (self.step + 1) / options.warmup, max(left, 0.0))

    def train_step(self, batch: dict[str, Tensor]) -> float:
        """One step of the optimiser; returns the loss."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate() * group["factor"]
        self.network.train()
        if self.options.freeze_statistics:
            self.network.bn1.eval()
            self.network.bn2.eval()
        batch = {k: v.to(self.device, non_blocking=True) for k, v in batch.items()}
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
            logits = self.network(batch["features"], self.options.mix.kept)
        loss = separation_loss(logits, batch)
        self.optimiser.zero_grad(set_to_none=False)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        self._update_average()
        return float(loss.detach())

    @torch.no_grad()
    def _update_average(self) -> None:
        weight = 1 - min(self.options.average, self.step / (self.step + 20))
        ours, theirs = self.average.state_dict(), self.network.state_dict()
        floats = [k for k, v in ours.items() if v.is_floating_point()]
        torch._foreach_lerp_([ours[k] for k in floats], [theirs[k] for k in floats], weight)

    @torch.no_grad()
    def validate(self, batch: dict[str, Tensor]) -> dict[str, float]:
        """Mean SDR of each target on the held-out songs, for both kinds of masks."""
        batch = {k: v.to(self.device) for k, v in batch.items()}
        logits = self.average(batch["features"])
        scores = {}
        for name, sharpness in (("", 1.0), ("_ratio", 2.0)):
            values = sdr(logits, batch, sharpness).nanmean(dim=0)
            scores |= {f"{t}{name}": float(v) for t, v in zip(TARGETS, values, strict=True)}
            scores[f"mean{name}"] = float(values.mean())
        return scores

    def fit(
        self,
        pool: list[Path],
        held_out: list[Path],
        report: Callable[[str], None] = print,
        recordings: Path | None = None,
    ) -> None:
        """Train until the run's number of steps.

        Parameters
        ----------
        pool : list of Path
            Folders of songs to train on.
        held_out : list of Path
            Folders of songs to validate with; the best weights are those with the best mean of
            their means.
        report : callable
        recordings : Path, optional
            Recorded stems, see `songs.Recordings`.
        """
        options = self.options
        validation = {folder.name: validation_batch(folder) for folder in held_out}
        self.run.mkdir(parents=True, exist_ok=True)
        if self.step == 0 and self.network.started:
            # The best may be what training started from.
            self._judge(validation, math.nan, report)
        steps = range(self.step, options.steps)
        losses: list[float] = []
        started = saved = time.monotonic()
        for batch in training_batches(
            pool, options.mix, options.seed, steps, options.workers, recordings
        ):
            if self.step == 0 and self.network.components:
                mixer = Mixer(SongFolder(pool), options.mix, options.seed + 1)
                self.measure_inputs([mixer.batch(step) for step in range(8)])
            losses.append(self.train_step(batch))
            now = time.monotonic()
            self.seconds += now - started
            started = now
            if self.step % options.validate_every == 0 or self.step == options.steps:
                self._judge(validation, sum(losses) / len(losses), report)
                losses = []
            if now - saved > options.save_minutes * 60:
                self.save()
                saved = now
        self.save()

    def _judge(
        self, validation: dict[str, dict[str, Tensor]], loss: float, report: Callable[[str], None]
    ) -> None:
        """Validate, log and keep the weights if they are the best; `loss` since the last time."""
        scores = {name: self.validate(songs) for name, songs in validation.items()}
        row = {"step": self.step, "seconds": round(self.seconds),
               "lr": self.learning_rate(), "loss": loss}  # fmt: skip
        for name, values in scores.items():
            prefix = f"{name} " if len(row) > 4 else ""  # the first folder's stand by themselves
            row |= {f"{prefix}{key}": value for key, value in values.items()}
        self._log(row)
        report(" ".join(f"{k} {v:.4g}" for k, v in row.items()))
        mean = sum(v["mean_ratio"] for v in scores.values()) / len(scores)
        if mean > self.best:
            self.best = mean
            self.save("best.pt")

    def _log(self, row: dict[str, float]) -> None:
        path = self.run / "log.csv"
        new = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.DictWriter(file, list(row))
            if new:
                writer.writeheader()
            writer.writerow(row)
