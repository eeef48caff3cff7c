"""Draw the figures of a finished run or study."""

from pathlib import Path
from typing import Annotated

import typer

from analysis.options import Json


def command(
    folder: Annotated[Path, typer.Argument(help="run or study folder", show_default=False)],
    figure: Annotated[list[str] | None, typer.Option(help="draw only this figure (repeatable)")] = None,
    out: Annotated[Path | None, typer.Option(help="folder to write (default: plots/ in the folder)")] = None,
    json_: Json = False,
) -> None:
    """Draw figures as PNG and SVG, each with its data as CSV; prints the paths of the PNG files."""
    import json
    from dataclasses import asdict

    from rich.console import Console

    from analysis.finish import measured
    from analysis.load import load_study
    from analysis.plots.save import draw_all
    from analysis.progress import step

    with step(Console(stderr=True), "figures") as progress:
        study = measured(load_study(folder))
        where = out or folder / "plots"
        drawn = draw_all(study, where, figure or (), progress)
    if json_:
        print(json.dumps({"out": str(where), "figures": [asdict(figure) for figure in drawn]}))
    else:
        print("\n".join(str(where / figure.png) for figure in drawn))
