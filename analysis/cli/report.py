"""Write the report of a finished run or study."""

from pathlib import Path
from typing import Annotated

import typer

from analysis.options import Json


def command(
    folder: Annotated[Path, typer.Argument(help="run or study folder", show_default=False)],
    every: Annotated[
        str | None,
        typer.Option(help="period of figures over time, such as 6h (default: as before, at first measures.every)"),
    ] = None,
    json_: Json = False,
) -> None:
    """Measure, draw and report a finished run or study; prints the path of report.html."""
    import json

    from rich.console import Console

    from analysis.finish import finish
    from analysis.progress import step

    period = None if every is None else period_of(every)
    with step(Console(stderr=True), "report") as progress:
        path = finish(folder, progress, every=period)
    print(json.dumps({"report": str(path), "bytes": path.stat().st_size}) if json_ else path)


def period_of(text: str) -> float:
    """Return the minutes of a period as it is written; raise InvalidInput where it is none."""
    from pydantic import ValidationError

    from agents.errors import InvalidInput
    from simulator.scenario import MeasuresSection

    try:
        return MeasuresSection.model_validate({"every": text}).every
    except ValidationError as error:
        raise InvalidInput(f"--every {text}: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from error
