"""`unmix separate`: turn options into a config, run the engine, print the results."""

from __future__ import annotations

import sys
from contextlib import closing, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UnmixError, UsageError
from ..options.config import SeparationConfig
from ..options.settings import Settings
from . import completion
from .many import counting, course_of, executor_of
from .options import given, option
from .report import reporting
from .summary import Summary
from .ui import INTERRUPTED, Screen

if TYPE_CHECKING:
    from ..separation.batch import Batch, Course
    from ..separation.separator import Separator

WHAT = "What to separate"
HOW = "How to separate"
OUT = "Where the stems go"
FORM = "File format"
RUN = "Running"
MANY = "Many recordings"

_FAMILIAR_TARGETS = frozenset(("vocals", "drums", "bass", "other", "speech", "noise"))


def separate(
    context: typer.Context,
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT",
            help="Recordings in any format, folders, patterns such as 'music/**/*.flac', "
            "- for standard input, or @FILE for a list.",
            show_default=False,
        ),
    ],
    model: Annotated[
        str | None,
        option("model", "--model", "-m", panel=WHAT, metavar="NAME", complete=completion.models),
    ] = None,
    goal: Annotated[
        str | None,
        option("goal", "--for", panel=WHAT, metavar="GOAL"),
    ] = None,
    effort: Annotated[
        str | None,
        option(
            "effort",
            "--effort",
            panel=WHAT,
            metavar="EFFORT",
        ),
    ] = None,
    targets: Annotated[
        list[str] | None,
        option(
            "targets",
            "--targets",
            "-t",
            panel=WHAT,
            metavar="NAME,...",
            complete=completion.targets,
        ),
    ] = None,
    residual: Annotated[
        bool | None, option("residual", "--residual/--no-residual", panel=WHAT)
    ] = None,
    mix: Annotated[list[str] | None, option("mix", "--mix", panel=WHAT, metavar="NAME=SUM")] = None,
    preset: Annotated[
        list[str] | None,
        option(
            "preset",
            "--preset",
            "-p",
            panel=WHAT,
            metavar="NAME,...",
        ),
    ] = None,
    only_mixes: Annotated[
        bool | None, option("only_mixes", "--only-mixes/--no-only-mixes", panel=WHAT)
    ] = None,
    sum: Annotated[str | None, option("sum", "--sum", panel=WHAT, metavar="exact|STEM")] = None,
    start: Annotated[str | None, option("start", "--start", panel=WHAT, metavar="TIME")] = None,
    duration: Annotated[
        str | None, option("duration", "--duration", panel=WHAT, metavar="TIME")
    ] = None,
    niter: Annotated[int | None, option("niter", "--niter", panel=HOW, metavar="N")] = None,
    softmask: Annotated[
        bool | None, option("softmask", "--softmask/--no-softmask", panel=HOW)
    ] = None,
    alpha: Annotated[float | None, option("alpha", "--alpha", panel=HOW, metavar="A")] = None,
    wiener_win_len: Annotated[
        int | None, option("wiener_win_len", "--wiener-win-len", panel=HOW, metavar="FRAMES")
    ] = None,
    options: Annotated[
        list[str] | None, option("options", "--option", panel=HOW, metavar="KEY=VALUE")
    ] = None,
    outdir: Annotated[
        Path | None, option("outdir", "--outdir", "-o", panel=OUT, metavar="FOLDER")
    ] = None,
    filename: Annotated[
        str | None, option("filename", "--filename", panel=OUT, metavar="TEMPLATE")
    ] = None,
    overwrite: Annotated[
        bool | None, option("overwrite", "--overwrite/--no-overwrite", panel=OUT)
    ] = None,
    page: Annotated[bool | None, option("page", "--page/--no-page", panel=OUT)] = None,
    skip_existing: Annotated[
        bool | None, option("skip_existing", "--skip-existing/--no-skip-existing", panel=OUT)
    ] = None,
    compare_content: Annotated[
        bool | None, option("compare_content", "--compare-content/--no-compare-content", panel=OUT)
    ] = None,
    format: Annotated[
        str | None,
        option(
            "format",
            "--format",
            "-f",
            panel=FORM,
            metavar="NAME",
        ),
    ] = None,
    bit_depth: Annotated[
        str | None, option("bit_depth", "--bit-depth", panel=FORM, metavar="BITS")
    ] = None,
    quality: Annotated[
        str | None, option("quality", "--quality", panel=FORM, metavar="0-10|RATEk")
    ] = None,
    sample_rate: Annotated[
        str | None, option("sample_rate", "--sample-rate", panel=FORM, metavar="RATE")
    ] = None,
    clip: Annotated[
        str | None,
        option("clip", "--clip", panel=FORM, metavar="NAME"),
    ] = None,
    loudness: Annotated[
        float | None, option("loudness", "--loudness", panel=FORM, metavar="LUFS")
    ] = None,
    tags: Annotated[bool | None, option("tags", "--tags/--no-tags", panel=FORM)] = None,
    device: Annotated[
        str | None,
        option(
            "device",
            "--device",
            "-d",
            panel=RUN,
            metavar="NAME",
            complete=completion.devices,
        ),
    ] = None,
    precision: Annotated[
        str | None,
        option(
            "precision",
            "--precision",
            panel=RUN,
            metavar="NAME",
        ),
    ] = None,
    temp_dir: Annotated[
        Path | None, option("temp_dir", "--temp-dir", panel=RUN, metavar="FOLDER")
    ] = None,
    offline: Annotated[bool | None, option("offline", "--offline/--online", panel=RUN)] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print errors only.", rich_help_panel=RUN)
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Print details.", rich_help_panel=RUN)
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print one JSON object per track on stdout.", rich_help_panel=RUN
        ),
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Append one JSON object per track to this file, as each is finished.",
            rich_help_panel=MANY,
        ),
    ] = None,
    order: Annotated[
        str,
        typer.Option(
            metavar="as-found|longest-first",
            help="Separate recordings in this order; longest-first avoids a long last one.",
            rich_help_panel=MANY,
        ),
    ] = "as-found",
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="N/M",
            help="Separate only the N-th of M shares of the recordings, such as 3/16.",
            rich_help_panel=MANY,
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Separate N recordings at once, each in a process with its share of the cores.",
            rich_help_panel=MANY,
        ),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Separate on the workers of this Dask scheduler, such as tcp://host:8786.",
            rich_help_panel=MANY,
        ),
    ] = None,
) -> None:
    """Take recordings apart into stems.

    By default the stems of song.flac go to song_MODEL/vocals.wav and so on, as 32-bit float with
    the recording's own rate, channels and length. `unmix config show` prints your defaults.

    [dim]unmix separate song.flac --niter 0[/dim]
    [dim]unmix separate song.mp3 --targets vocals --residual[/dim]
    [dim]unmix separate song.mp3 --preset karaoke --format mp3[/dim]
    [dim]unmix separate album/ --outdir stems --format flac --skip-existing[/dim]
    """
    _explain_old_syntax(inputs, targets)
    # Every option is a field of the config, so none is listed again here.
    config = Settings.load(given(context.params)).config()
    screen = Screen(quiet, verbose)
    summary = Summary()
    stopped: BaseException | None = None
    results = sys.stdout if as_json else None
    try:
        batch = _batch(config, screen, summary, course_of(order, shard), (cluster, workers))
        # Output of a plugin is not a result of ours.
        with (
            screen.session(),
            redirect_stdout(sys.stderr),
            reporting(report, results) as add,
            counting(screen, batch, summary, workers is None and cluster is None),
            closing(batch.run(inputs)) as outcomes,
        ):
            for outcome in outcomes:
                summary.add(outcome)
                screen.tell(outcome)
                add(outcome)
    except (KeyboardInterrupt, UnmixError) as error:
        stopped = error
    if summary.count > 1 and not quiet:
        screen.summary(summary)
    elif summary.skipped and not verbose:
        screen.note(screen.skipped)
    if isinstance(stopped, UnmixError):
        raise stopped
    if stopped:
        screen.failure("interrupted")
        raise typer.Exit(INTERRUPTED)
    if summary.failed:
        raise typer.Exit(1)


def _batch(
    config: SeparationConfig,
    screen: Screen,
    summary: Summary,
    course: Course,
    elsewhere: tuple[str | None, int | None],
) -> Batch:
    # These imports are slow, so check the options first.
    from ..separation.batch import Batch
    from .models_view import fetch_progress

    def loaded(separator: Separator) -> None:
        if separator.order.note:
            screen.note(separator.order.note)
        screen.detail(f"model {separator.card.name}, {', '.join(separator.stem_names)}")

    batch = Batch(
        config,
        lambda recording: screen.track(
            recording, f"{batch.place}{summary.failures}", batch.forecast.left
        ),
        lambda: fetch_progress(screen.quiet),
        loaded,
        executor=executor_of(*elsewhere, screen.detail),
        course=course,
    )
    for problem in batch.problems:
        screen.detail(f"left out: {problem}")
    return batch


def _explain_old_syntax(inputs: list[str], targets: list[str] | None) -> None:
    """Explain the right syntax to users who write ``--targets vocals drums``."""
    strays = [word for word in inputs if word in _FAMILIAR_TARGETS and not Path(word).exists()]
    if targets and strays:
        wanted = ",".join([*targets, *strays])
        raise UsageError(
            f"{strays[0]!r} was read as a recording: write several targets as --targets {wanted}"
        )
