"""`unmix evaluate`: folders of stems in, a table of scores out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UsageError
from .console import print_error, print_json, stdout
from .ui import Screen

if TYPE_CHECKING:
    from rich.table import Table

    from ..evaluation import EvaluationResult, Scores

_TITLES = {"sdr": "SDR", "sir": "SIR", "isr": "ISR", "sar": "SAR", "si_sdr": "SI-SDR"}


def evaluate(
    estimates: Annotated[
        Path,
        typer.Argument(
            help="Folder with estimated stems, or with such folders.", show_default=False
        ),
    ],
    references: Annotated[
        Path,
        typer.Argument(
            help="Folder with the true stems, or with such folders, laid out as in MUSDB.",
            show_default=False,
        ),
    ],
    si_sdr_only: Annotated[
        bool,
        typer.Option("--si-sdr-only", help="Skip BSS Eval, which takes most of the time."),
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(help="Also draw the scores to this file: .png, .svg or .pdf."),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(help="Also write the scores of each track and target to this file."),
    ] = None,
    museval: Annotated[
        Path | None,
        typer.Option(
            help="Also write FOLDER/test/TRACK.json as museval does, with every frame.",
            metavar="FOLDER",
        ),
    ] = None,
    by_track: Annotated[
        bool, typer.Option("--by-track", help="Also print a row for each track.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the result as JSON, with every frame.")
    ] = False,
) -> None:
    """Score stems against the true ones: SDR, SIR, ISR, SAR (BSS Eval v4) and SI-SDR.

    Scores are in dB: the median over a track's seconds, then over the tracks, as in SiSEC.
    SI-SDR is computed over each whole track. The last row is the mean over the targets.

    [dim]unmix evaluate stems/ musdb18hq/test[/dim]
    [dim]unmix evaluate song_umxhq/ song_true/ --plot scores.png --csv scores.csv[/dim]
    """
    from ..evaluation import evaluate as run
    from ..evaluation.files import check_csv, write_csv, write_museval

    screen = Screen(quiet)
    if museval is not None and si_sdr_only:
        raise UsageError("--museval needs BSS Eval: leave out --si-sdr-only")
    if csv is not None:
        check_csv(csv)
    if plot is not None:
        from ..evaluation.boxplot import check_plot

        check_plot(plot)
    with screen.session():
        result = run(estimates, references, si_sdr_only, screen.note)
    for name, reason in result.failed.items():
        print_error(f"{name} was skipped: {reason}")
    if as_json:
        print_json(result)
    elif result.tracks:
        _show(result, screen, by_track)
    if csv is not None and result.tracks:
        write_csv(result, csv)
    if museval is not None:
        write_museval(result, museval)
    if plot is not None and result.tracks:
        from ..evaluation.boxplot import draw_boxplot

        draw_boxplot(result, plot)
    if result.failed:
        raise typer.Exit(1)


def _show(result: EvaluationResult, screen: Screen, by_track: bool) -> None:
    for track in result.tracks:
        for sentence in track.left_out:
            screen.warning(f"{track.track}: {sentence}")
    if by_track:
        stdout(120).print(_tracks(result))
    stdout().print(_table(result))


def _tracks(result: EvaluationResult) -> Table:
    """Return the table of tracks: the SDR of each target, or the SI-SDR if that is all."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    metric = "si_sdr" if result.overall.sdr is None else "sdr"
    title = f"{_TITLES[metric]} in dB"
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left")
    table.add_column("track")
    for name in result.targets:
        table.add_column(name, justify="right")
    for track in result.tracks:
        found = (track.targets.get(name) for name in result.targets)
        values = (getattr(scores, metric) if scores else None for scores in found)
        table.add_row(track.track, *map(_figure, values))
    return table


def _table(result: EvaluationResult) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    count = len(result.tracks)
    title = f"{count} tracks, medians" if count > 1 else result.tracks[0].track
    rows: dict[str, Scores] = {**result.targets, "mean": result.overall}
    metrics = [m for m in _TITLES if any(getattr(s, m) is not None for s in rows.values())]
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left")
    table.add_column("target")
    for metric in metrics:
        table.add_column(_TITLES[metric], justify="right")
    for name, scores in rows.items():
        style = "bold" if name == "mean" else ""
        table.add_row(name, *(_figure(getattr(scores, m)) for m in metrics), style=style)
    return table


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
