"""Write a dataset in a layout that others read."""

import json
from pathlib import Path
from typing import Annotated

import typer

from agents.errors import InvalidInput
from analysis.options import Json


def command(
    folder: Annotated[Path, typer.Argument(metavar="DATASET", help="folder that augment wrote", show_default=False)],
    format_: Annotated[
        str,
        typer.Option("--format", help="parquet, huggingface, csv, jsonl, recbole, movielens, open-bandit or croissant"),
    ],
    out: Annotated[Path, typer.Option(help="folder to write")],
    permission: Annotated[
        str, typer.Option(help="who permitted redistribution, and when, where the source's licence asks for it")
    ] = "",
    json_: Json = False,
) -> None:
    """Write a dataset in another layout, with licence and checksums, if its gates hold; never its evaluation split."""
    from analysis.augment.dataset import altered, read
    from analysis.augment.gates import gates, require
    from analysis.export.exporting import export, formats

    if format_ not in formats():
        raise InvalidInput(f"--format {format_!r} is not known; formats are {', '.join(formats())}")
    data = read(folder)
    require(gates(data, altered(folder, data.about)), folder)
    told = export(data, format_, out, permission)
    if json_:
        print(json.dumps({"export": str(out), "format": format_, **told}))
        return
    for name, digest in told["files"].items():
        print(f"{digest[:16]}  {name}")
    left_out = {name: number for name, number in told.items() if name.startswith("left_out") and number}
    print(", ".join([f"{told['rows']:,} rows", *[f"{n:,} {what.replace('_', ' ')}" for what, n in left_out.items()]]))
    print(out)
