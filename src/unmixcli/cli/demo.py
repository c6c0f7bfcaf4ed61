"""`unmix demo`: a first try of the program, without a recording or a network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..options.config import SeparationConfig
from ..words import display
from .console import stdout
from .page import open_page
from .ui import Screen

if TYPE_CHECKING:
    from ..demo import Demonstration

BUILT_IN = "umx-synth"


def demo(
    outdir: Annotated[Path, typer.Option("--outdir", "-o", help="Folder for the stems.")] = Path(
        "unmix-demo"
    ),
    model: Annotated[
        str, typer.Option("--model", "-m", help="A model with the usual four targets.")
    ] = BUILT_IN,
    niter: Annotated[int, typer.Option("--niter", help="EM iterations.", min=0)] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing stems.")] = False,
    page: Annotated[
        bool, typer.Option("--page", help="Also write a page to listen to the stems, and open it.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Separate the built-in song with the built-in model, and show how good the result is."""
    config = SeparationConfig.parse(
        model=model,
        outdir=outdir,
        filename="{target}.{ext}",
        overwrite=overwrite,
        niter=niter,
        page=page,
    )
    from ..audio.reading import open_excerpt
    from ..demo import MIXTURE, demonstrate

    screen = Screen(quiet=as_json)
    with screen.session(), screen.track(open_excerpt(MIXTURE)) as progress:
        result = demonstrate(config, progress)
    if as_json:
        print(json.dumps({"sdr": result.sdr, "baseline": result.baseline}))
        return
    _show(result, outdir, MIXTURE)
    if result.track.page:
        open_page(result.track.page)


def _show(result: Demonstration, outdir: Path, mixture: Path) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    track = result.track
    table = Table("stem", "SDR", "¼ of the mixture", "listen to", box=SIMPLE_HEAD, pad_edge=False)
    for target, sdr in result.sdr.items():
        path = display(track.stems[target])
        table.add_row(target, f"{sdr:.1f} dB", f"{result.baseline[target]:.1f} dB", path)
    console = stdout(wrap=False)
    console.print(
        f"{track.model} separated {track.seconds:.0f} s of music in {track.elapsed:.1f} s, "
        f"{track.seconds / track.elapsed:.0f}× real time"
    )
    console.print(table)
    console.print(f"The mixture: {display(mixture)}")
    if track.page:
        console.print(f"Listen to all of them in a browser: {display(track.page)}")
    console.print(f"Now your own: unmix separate SONG --outdir {display(outdir)}")
