"""`python -m training`: render songs, train on them, measure and export."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

# One thread a process: rendering and loading run in processes of their own.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

app = typer.Typer(
    help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)

SONG_SECONDS = 15.0
VALIDATION_SONGS, TEST_SONGS = 24, 50

Folder = Annotated[Path, typer.Option(help="Where the songs and runs are.")]
FINE_TUNING = 3e-4  # the learning rate from given weights on
WORK = Path("training-work")
RECORDINGS, REAL = "recordings", "validation-real"
"""Where recorded stems are, and held-out real music."""


class Preset(StrEnum):
    """What a whole run is meant for."""

    MINUTES = "minutes"
    HOURS = "hours"
    GPU = "gpu"


WhichPreset = Annotated[Preset, typer.Option(help="How long and how large.")]
RunFolder = Annotated[Path, typer.Argument(exists=True, file_okay=False, help="The run's folder.")]

HOURS = {Preset.MINUTES: 0.5, Preset.HOURS: 8.0, Preset.GPU: 20.0}
"""Of songs that `all` renders."""


@app.command()
def render(
    hours: Annotated[float, typer.Option(help="Hours of songs to train on.")] = 2.0,
    jobs: Annotated[int, typer.Option(help="Processes.")] = 2,
    out: Folder = WORK,
    first: Annotated[int, typer.Option(help="Number of the first song.")] = 0,
) -> None:
    """Render songs to train on, and the held-out ones for validation and test."""
    from .generator.render import HELD_OUT_FROM, render_pool

    count = round(hours * 3600 / SONG_SECONDS)
    parts = {
        "validation": range(HELD_OUT_FROM, HELD_OUT_FROM + VALIDATION_SONGS),
        "test": range(HELD_OUT_FROM + 100, HELD_OUT_FROM + 100 + TEST_SONGS),
        "pool": range(first, first + count),
    }
    for name, seeds in parts.items():
        with typer.progressbar(length=len(seeds), label=name) as bar:
            render_pool(out / name, seeds, SONG_SECONDS, jobs, lambda _, bar=bar: bar.update(1))


@app.command()
def recordings(
    source: Annotated[
        Path,
        typer.Argument(exists=True, file_okay=False, help="Has phrases, guitars and songs in it."),
    ],
    out: Folder = WORK,
) -> None:
    """Prepare real recordings: stems to train on, and whole songs and the excerpt to validate."""
    from .evaluate import real_excerpt
    from .multitracks import write_pieces
    from .recordings import PIECE_SECONDS, import_recordings

    held_out = out / REAL
    typer.echo(f"{import_recordings(source, out / RECORDINGS, held_out)} recordings")
    write_pieces(real_excerpt().numpy(), held_out, "stempeg", PIECE_SECONDS)


@app.command()
def listen(
    songs: Annotated[int, typer.Option(help="How many.")] = 4,
    first: Annotated[int, typer.Option(help="Number of the first.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for the WAV files.")] = Path("songs"),
) -> None:
    """Write a few songs and their stems as audio, to listen to."""
    from .generator.render import write_audio

    for seed in range(first, first + songs):
        write_audio(out, seed, SONG_SECONDS)
        typer.echo(out / f"song-{seed:07d}")


@app.command()
def demo(out: Annotated[Path, typer.Option(help="Folder for the Ogg files.")]) -> None:
    """Compose and render the demo song and its true stems."""
    from .generator.demo import write_demo

    typer.echo(f"{write_demo(out) / 1e6:.2f} MB in {out}")


@app.command()
def train(
    preset: WhichPreset = Preset.HOURS,
    out: Folder = WORK,
    run: Annotated[str, typer.Option(help="Name of the run; an existing one goes on.")] = "run",
    steps: Annotated[
        int | None, typer.Option(help="Steps in all, in place of the preset's.")
    ] = None,
    multitracks: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="Train on these songs: one folder each, vocals.wav and so on.",
        ),
    ] = None,
    init: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Start from these weights (.safetensors)."),
    ] = None,
    refine: Annotated[
        int | None,
        typer.Option(help="Channels of a refinement of the masks to add; 0 leaves it out."),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(help="Highest learning rate, in place of the usual one.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda, mps; else the best there is.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that mix.")] = None,
) -> None:
    """Train, or go on training, and write a model folder at the end."""
    import torch

    from .export import export_folder, load, start_from
    from .multitracks import import_multitracks
    from .train import PRESETS, Trainer

    options = PRESETS[preset]
    start = start_from(init) if init else None
    pool, validation = out / "pool", out / "validation"
    if multitracks:
        pool, validation = out / "multitracks", out / "multitracks-validation"
        typer.echo(f"{import_multitracks(multitracks, pool, validation)} songs")
    if steps:
        options = replace(options, steps=steps)
    if workers is not None:
        options = replace(options, workers=workers)
    if start:
        options = replace(options, hidden=start.hidden, freeze_statistics=True)
        # Judging the middle frames only costs two fifths less and tells nearly as much.
        mix = replace(options.mix, context=options.mix.frames // 4)
        options = replace(options, mix=mix, learning_rate=FINE_TUNING, warmup=100, decay=0.75)
        options = replace(options, validate_every=250)
    options = replace(options, refine=refine)
    if rate is not None:
        options = replace(options, learning_rate=rate)
    torch.set_num_threads(max(1, (os.cpu_count() or 2) - options.workers))
    trainer = Trainer(out / run, options, device, start)
    trainer.resume()
    real = [] if multitracks else [f for f in [out / REAL] if f.exists()]
    trainer.fit([pool], [validation, *real], typer.echo, None if multitracks else out / RECORDINGS)
    export_folder(load(out / run / "best.pt"), out / run / "model")
    typer.echo(f"unmix separate SONG --model {out / run / 'model'}")


@app.command()
def export(
    run: RunFolder,
    path: Annotated[Path, typer.Argument(help="The .safetensors file to write.")],
) -> None:
    """Write a run's best weights, folded and in float16."""
    from .export import export as write
    from .export import load

    digest = write(load(run / "best.pt"), path)
    typer.echo(f"{path} {path.stat().st_size} bytes sha256 {digest}")


@app.command()
def blend(
    start: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Given weights.")],
    trained: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="What they became: a run's .pt.")
    ],
    path: Annotated[Path, typer.Argument(help="The .safetensors file to write.")],
    share: Annotated[float, typer.Option(help="Of the trained weights, from 0 to 1.")] = 0.3,
    refined: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Take the refinement from here."),
    ] = None,
) -> None:
    """Write weights between given ones and what training made of them."""
    from .blend import blend as mean
    from .export import export as write
    from .export import load

    network = mean(load(start), load(trained), share, load(refined) if refined else None)
    digest = write(network, path)
    typer.echo(f"{path} {path.stat().st_size} bytes sha256 {digest}")


@app.command()
def evaluate(
    model: Annotated[
        Path,
        typer.Argument(exists=True, dir_okay=False, help="A .safetensors file or a run's .pt."),
    ],
    out: Folder = WORK,
    baselines: Annotated[bool, typer.Option(help="Measure the simple methods too.")] = True,
    songs: Annotated[int, typer.Option(help="How many held-out songs.")] = TEST_SONGS,
) -> None:
    """Tables of SDR on held-out generated songs and on real ones."""
    from . import evaluate as measure
    from .export import load

    network = load(model)
    methods = (measure.all_methods if baselines else measure.model_methods)(network, model.stem)
    generated = measure.evaluate(measure.generated_songs(out / "test", songs), methods)
    typer.echo(f"{songs} held-out generated songs\n\n{measure.table(generated)}\n")
    real = measure.real_songs(out / REAL) or {"stempeg": measure.real_excerpt()}
    for name, song in real.items():
        scores = measure.evaluate([song], methods)
        typer.echo(f"{name}, real, {song.shape[-1] / 44_100:.0f} s\n\n{measure.table(scores)}\n")


@app.command()
def plot(
    run: RunFolder,
    path: Annotated[Path, typer.Argument(help="The picture to write, .svg or .png.")],
) -> None:
    """Draw the curves of a run."""
    from .plot import plot as draw

    draw(run, path)


@app.command("all")
def everything(
    preset: WhichPreset = Preset.HOURS,
    out: Folder = WORK,
    jobs: Annotated[int, typer.Option(help="Processes that render.")] = 2,
) -> None:
    """From nothing to weights: render, train, export, evaluate."""
    render(HOURS[preset], jobs, out, 0)
    train(preset, out, "run", None, None, None, None, None, None, None)
    export(out / "run", out / "umx-synth.safetensors")
    evaluate(out / "umx-synth.safetensors", out, True, TEST_SONGS)


def main() -> None:
    """Run a command; what is wrong with its input is one sentence on stderr."""
    try:
        app()
    except (OSError, ValueError, ImportError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
