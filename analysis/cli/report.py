"""Write the report of a finished run or study."""

from pathlib import Path
from typing import Annotated

import typer

from analysis.options import Json


def command(
    folder: Annotated[Path, typer.Argument(help="run or study folder", show_default=False)], json_: Json = False
) -> None:
    """Measure, draw and report a finished run or study; prints the path of report.html."""
    import json

    from rich.console import Console

    from analysis.finish import finish
    from analysis.progress import step

    with step(Console(stderr=True), "report") as progress:
        path = finish(folder, progress)
    print(json.dumps({"report": str(path), "bytes": path.stat().st_size}) if json_ else path)
