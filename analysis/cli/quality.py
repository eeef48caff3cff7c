"""``quality``: how much synthetic interactions look like real ones, beside references."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analysis.cli.experiment import spread
from analysis.options import Datasets, Json, NoLlm

if TYPE_CHECKING:
    from analysis.plots.save import Drawn


def command(
    datasets: Datasets,
    seeds: Annotated[int, typer.Option(min=1, help="halves of the users drawn; intervals from 2 on")] = 5,
    no_llm: NoLlm = None,
    threshold: Annotated[
        list[str] | None, typer.Option(help="FIGURE=pass low,pass high,warn low,warn high (repeatable)")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="folder for quality.html, quality.json and figures")] = None,
    json_: Json = False,
) -> None:
    """Judge synthetic interactions: fidelity, structure, neighborhoods, two-sample test, bias shift, privacy.

    Each figure stands beside a bootstrap of real rows, random rows and held-out real ones. Thresholds are heuristics.
    """
    from rich.console import Console
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped,unused-ignore]

    from analysis.augment.figures import with_thresholds
    from analysis.augment.quality import quality
    from analysis.cli.case import read_cases
    from analysis.progress import step
    from simulator.seeds import Streams

    figures = with_thresholds(dict(map(limits, threshold or [])))
    cases = read_cases(datasets, no_llm or [])
    with threadpool_limits(limits=1), step(Console(stderr=True), "quality") as say:
        told = {"dataset": ", ".join(map(str, datasets))} | quality(
            cases, list(map(Streams, range(seeds))), figures, say
        )
    drawn = write(told, out) if out else []
    if json_:
        from simulator.manifest import plain

        typer.echo(json.dumps(plain(told)))
    else:
        show(told)
        for figure in drawn:
            typer.echo(f"{figure.alt}\n{out}/{figure.png}")


def limits(text: str) -> tuple[str, tuple[float, ...]]:
    """Read one threshold; raise InvalidInput where it is none.

    >>> limits("two_sample_auc=.4,.6,.3,.7")
    ('two_sample_auc', (0.4, 0.6, 0.3, 0.7))
    """
    from agents.errors import InvalidInput

    name, _, ends = text.partition("=")
    try:
        return name, tuple(float(end) for end in ends.split(","))
    except ValueError:
        raise InvalidInput(
            f"--threshold {text}: expected NAME=pass low,pass high,warn low,warn high, such as "
            "two_sample_auc=0.4,0.65,0.3,0.8"
        ) from None


def write(told: Mapping[str, Any], out: Path) -> "list[Drawn]":
    """Write the page, the figures and what they show into a folder."""
    from analysis.plots import genre_shares, quality_panel
    from analysis.plots.save import save_all
    from analysis.report.quality import write_quality
    from simulator.manifest import write_json

    figures = [
        ("quality_panel", quality_panel.QualityPanel(quality_panel.caption(told)), quality_panel.tidy(told)),
        ("genre_shares", genre_shares.GenreShares(genre_shares.caption(told)), genre_shares.tidy(told)),
    ]
    drawn = save_all(figures, len(figures), out)
    write_json(out / "quality.json", dict(told))
    write_quality(told, drawn, out)
    return drawn


def show(told: Mapping[str, Any]) -> None:
    """Print the figures beside the references, and the orderings."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    screen = Console()
    wide = Console(width=None if screen.is_terminal else 220)
    table = Table(
        title=f"Quality of {escape(told['dataset'])}, {told['seeds']} seed(s), 95 % intervals; heuristic thresholds"
    )
    for heading in ("figure", *told["columns"], "ideal", "verdict"):
        table.add_column(heading, justify="left" if heading in ("figure", "verdict") else "right", no_wrap=True)
    for row in told["figures"]:
        cells = (spread(row["columns"][column]) for column in told["columns"])
        ideal = "–" if row["ideal"] is None else f"{row['ideal']:g}"
        table.add_row(row["figure"], *cells, ideal, row["verdict"].replace("none", "–"))
    wide.print(table)
    show_orderings(wide, "Closer to real users by the two-sample test (|AUC - .5|)", told["orderings"])
    for name, why in told["absent"].items():
        wide.print(f"{name}: {why}")


def show_orderings(screen: Any, title: str, rows: list[dict[str, Any]], *named: str) -> None:
    """Print pairs, the better mean first, with intervals; ``named`` are further columns of a row."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=f"{title}, paired over seeds")
    for heading in (*named, "better", "other", "difference", "95 % interval", "is"):
        table.add_column(heading, no_wrap=True)
    for row in rows:
        ends = f"[{row['low']:+.4f}, {row['high']:+.4f}]" if row["low"] == row["low"] else row["method"]
        further = (escape(str(row[name])) for name in named)
        table.add_row(*further, row["better"], row["other"], f"{row['difference']:+.4f}", ends, row["verdict"])
    screen.print(table)
