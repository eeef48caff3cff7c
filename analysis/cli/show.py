"""Say what a run or study folder holds."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analysis.options import Json

if TYPE_CHECKING:
    from rich.console import Console

    from analysis.load import Run

TOLD = (
    "arm", "seed", "days", "log_digest", "scenario_digest", "recommender", "behaviors", "data", "llm", "counts",
    "calls", "tokens", "cost_usd", "fallback_share", "wall_s", "resumed", "limits_hit",
)  # fmt: skip


def command(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="run or study folder", show_default=False)],
    json_: Json = False,
) -> None:
    """Show a run's status, digest, counts, headline metrics and files; of a study, its cells."""
    import json

    from analysis.load import load, mapping

    if (folder / "study.json").is_file():
        content = mapping(folder / "study.json")
        print(json.dumps(content)) if json_ else _print_study(folder, content)
        return
    run = load(folder)
    if json_:
        print(json.dumps({"run": str(folder), **run.manifest, "files": _files(run)}))
    else:
        _print_run(run)


def _files(run: "Run") -> dict[str, int]:
    """Return the size in bytes of every file, by its path in the folder."""
    paths = sorted(path for path in run.folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(run.folder).as_posix(): path.stat().st_size for path in paths}


def _print_run(run: "Run") -> None:
    from rich.console import Console

    from analysis.report.record import plain

    manifest, console = run.manifest, Console(highlight=False)
    console.print(f"{manifest['name']}: {manifest['status']}", style="bold")
    for name in TOLD:
        if manifest.get(name) not in (None, [], {}):
            console.print(f"  {name.replace('_', ' '):<16} {plain(manifest[name])}", soft_wrap=True, markup=False)
    _print_headlines(run, console)
    console.print("files", style="bold")
    for name, size in _files(run).items():
        console.print(f"  {size:>12,}  {name}", markup=False)


def _print_headlines(run: "Run", console: "Console") -> None:
    from analysis.headlines import lines
    from analysis.load import load_study

    if not (run.folder / "metrics.parquet").is_file() or run.manifest["status"] != "finished":
        return
    console.print("metrics", style="bold")
    study = load_study(run.folder)
    for line in lines(study):
        entry = line.entry(study.baseline)
        console.print(
            f"  {line.headline.label:<44} {line.headline.text(entry.mean):>8}  {line.definition_id}",
            markup=False,
            soft_wrap=True,
        )


def _print_study(folder: Path, content: dict[str, Any]) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    console.print(
        f"{content['name']}: {len(content['arms'])} arms, seeds {', '.join(map(str, content['seeds']))}", style="bold"
    )
    for cell in content["cells"]:
        console.print(
            f"  {cell['status']:<10} {cell['log_digest'] or '–':<20.20} {folder / cell['folder']}",
            markup=False,
            soft_wrap=True,
        )
