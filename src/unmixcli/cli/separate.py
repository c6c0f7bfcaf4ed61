"""`unmix separate`: options to a config, inputs to the engine, results to the user."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..config import SeparationConfig
from ..display import display
from ..errors import OutputError, UnmixError, UsageError
from ..inputs import find_recordings
from .options import given, option, parse_pairs
from .ui import Screen

if TYPE_CHECKING:
    from ..engine import SeparatedTrack, Separator

WHAT = "What to separate"
HOW = "How to separate"
OUT = "Where the stems go"
RUN = "Running"

_FAMILIAR_TARGETS = frozenset(("vocals", "drums", "bass", "other", "speech", "noise"))


def separate(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="INPUT...",
            help="Recordings of any format, or folders of them.",
            show_default=False,
        ),
    ],
    model: Annotated[str | None, option("model", "--model", "-m", panel=WHAT)] = None,
    targets: Annotated[
        list[str] | None, option("targets", "--targets", "-t", panel=WHAT, metavar="NAME,...")
    ] = None,
    residual: Annotated[
        bool | None, option("residual", "--residual/--no-residual", panel=WHAT)
    ] = None,
    start: Annotated[float | None, option("start", "--start", panel=WHAT)] = None,
    duration: Annotated[float | None, option("duration", "--duration", panel=WHAT)] = None,
    niter: Annotated[int | None, option("niter", "--niter", panel=HOW)] = None,
    softmask: Annotated[
        bool | None, option("softmask", "--softmask/--no-softmask", panel=HOW)
    ] = None,
    alpha: Annotated[float | None, option("alpha", "--alpha", panel=HOW)] = None,
    wiener_win_len: Annotated[
        int | None, option("wiener_win_len", "--wiener-win-len", panel=HOW)
    ] = None,
    options: Annotated[
        list[str] | None, option("options", "--option", panel=HOW, metavar="KEY=VALUE")
    ] = None,
    outdir: Annotated[Path | None, option("outdir", "--outdir", "-o", panel=OUT)] = None,
    format: Annotated[str | None, option("format", "--format", "-f", panel=OUT)] = None,
    overwrite: Annotated[
        bool | None, option("overwrite", "--overwrite/--no-overwrite", panel=OUT)
    ] = None,
    device: Annotated[str | None, option("device", "--device", "-d", panel=RUN)] = None,
    temp_dir: Annotated[Path | None, option("temp_dir", "--temp-dir", panel=RUN)] = None,
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
            "--json", help="Print one JSON object a track on stdout.", rich_help_panel=RUN
        ),
    ] = False,
) -> None:
    """Take recordings apart into stems.

    By default the stems of song.flac go to song_MODEL/vocals.wav and so on, 32-bit float at
    the recording's own rate, channels and length.

    [dim]unmix separate song.flac --niter 0[/dim]
    [dim]unmix separate song.mp3 --targets vocals --residual[/dim]
    [dim]unmix separate album/ --outdir stems[/dim]
    """
    _explain_old_syntax(inputs, targets)
    config = SeparationConfig.parse(
        **given(
            model=model,
            targets=targets,
            residual=residual,
            start=start,
            duration=duration,
            niter=niter,
            softmask=softmask,
            alpha=alpha,
            wiener_win_len=wiener_win_len,
            options=parse_pairs(options),
            outdir=outdir,
            format=format,
            overwrite=overwrite,
            device=device,
            temp_dir=temp_dir,
            offline=offline,
        )
    )
    screen = Screen(quiet, verbose)
    failed = False
    with screen.session():
        for source, outcome in _separate_all(inputs, config, screen):
            if isinstance(outcome, UnmixError):
                failed = True
                screen.failure(str(outcome))
            else:
                screen.done(outcome)
            if as_json:
                print(json.dumps(_record(source, outcome)), flush=True)
    if failed:
        raise typer.Exit(1)


def _separate_all(
    inputs: Iterable[Path], config: SeparationConfig, screen: Screen
) -> Iterator[tuple[Path | None, SeparatedTrack | UnmixError]]:
    """Separate one recording after the other; a failure of one does not stop the next."""
    from ..audio.reading import open_excerpt

    separator: Separator | None = None
    taken: dict[Path, Path] = {}
    for found in find_recordings(inputs):
        if isinstance(found, UnmixError):
            yield None, found
            continue
        try:
            recording = open_excerpt(found, config.start, config.duration, config.temp_dir)
        except UnmixError as error:
            yield found, error
            continue
        # Not before there is something to separate: it may have to be fetched.
        separator = separator or _load(config, screen)
        try:
            _refuse_collision(separator, found, taken)
            with screen.track(recording) as progress:
                yield found, separator.separate_file(recording, progress)
        except UnmixError as error:
            yield found, error


def _refuse_collision(separator: Separator, path: Path, taken: dict[Path, Path]) -> None:
    """Raise an error if another recording of this run has stems of the same names."""
    folder = next(iter(separator.stem_paths(path).values())).parent.absolute()
    other = taken.setdefault(folder, path)
    if other is not path:
        raise OutputError(
            f"{display(path)} was left out: its stems would have the same names as those of "
            f"{display(other)}; separate it by itself with another --outdir"
        )


def _load(config: SeparationConfig, screen: Screen) -> Separator:
    from ..engine import Separator
    from .models_view import fetch_progress

    with fetch_progress() as report:
        separator = Separator(config, fetch_progress=report)
    screen.detail(f"model {separator.card.name}, {', '.join(separator.stem_names)}")
    return separator


def _explain_old_syntax(inputs: list[Path], targets: list[str] | None) -> None:
    """Tell those who are used to ``--targets vocals drums`` how to write it here."""
    strays = [str(path) for path in inputs if str(path) in _FAMILIAR_TARGETS and not path.exists()]
    if targets and strays:
        wanted = ",".join([*targets, *strays])
        raise UsageError(
            f"{strays[0]!r} was taken for a recording: write several targets as "
            f"--targets {wanted}"
        )


def _record(source: Path | None, outcome: SeparatedTrack | UnmixError) -> dict[str, object]:
    """Describe what came of a track, for scripts."""
    record: dict[str, object] = {"source": None if source is None else str(source)}
    if isinstance(outcome, UnmixError):
        return record | {"error": str(outcome)}
    return record | {
        "model": outcome.model,
        "stems": {name: str(path) for name, path in outcome.stems.items()},
        "sample_rate": outcome.sample_rate,
        "channels": outcome.channels,
        "seconds": round(outcome.seconds, 6),
        "elapsed": round(outcome.elapsed, 3),
        "levels": {
            name: {"peak": round(level.peak, 6), "limited": level.limited}
            for name, level in outcome.levels.items()
        },
    }
