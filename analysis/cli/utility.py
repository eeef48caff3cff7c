"""``utility``: what recommenders gain that are trained on synthetic rows, tested on real ones."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from analysis.cli.experiment import Figure, one_thread, spread, tell
from analysis.options import Datasets, Json, NoLlm


def command(
    datasets: Datasets,
    seeds: Annotated[int, typer.Option(min=1, help="fits of every training set; intervals from 3 on")] = 5,
    no_llm: NoLlm = None,
    ratio: Annotated[
        list[float] | None, typer.Option(min=0, help="synthetic per real row (repeatable; default .1 .25 .5 1)")
    ] = None,
    family: Annotated[
        list[str] | None,
        typer.Option(help="recommender: NAME or '{kind: NAME, ...}' (repeatable; default ease, sasrec, semantic_id)"),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="folder for utility.json and the figure")] = None,
    json_: Json = False,
) -> None:
    """Train on real, synthetic and both, test on held-out real rows, beside five controls.

    NDCG@10 of the full ranking, real items seen filtered. By default the networks are small and trained for three
    passes, so that all fits take minutes: what they gain is beside as many bootstrapped real rows.
    """
    one_thread()
    from rich.console import Console
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped,unused-ignore]

    from analysis.augment.utility import FAMILIES, RATIOS, utility
    from analysis.cli.case import read_cases
    from analysis.cli.evaluate import shortened
    from analysis.offline import levered
    from analysis.progress import step
    from simulator.components import read_spec
    from simulator.seeds import Streams

    asked = {text: read_spec(text, "--family") for text in family or ()}
    names = shortened(asked)
    families = {names[text]: spec for text, spec in asked.items()} or FAMILIES
    for spec in families.values():
        levered(spec)  # say what is wrong before any data is loaded
    ratios = sorted({share for share in ratio or RATIOS if share > 0})
    cases = read_cases(datasets, no_llm or [])
    with threadpool_limits(limits=1), step(Console(stderr=True), "utility") as say:
        told = {"dataset": ", ".join(map(str, datasets))} | utility(
            cases, families, ratios, list(map(Streams, range(seeds))), say
        )
    tell(told, "utility", curves, show, out, json_)


def curves(told: Mapping[str, Any]) -> Figure:
    """Return the curves of NDCG over the ratio."""
    from analysis.plots.utility_curves import UtilityCurves, caption, tidy

    return "utility_curves", UtilityCurves(caption(told)), tidy(told)


HEADINGS = (
    "family",
    "source",
    "use",
    "ratio",
    "all",
    "gain",
    "over bootstrap",
    "cold items",
    "gain",
    "warm items",
    "gain",
)


def show(told: Mapping[str, Any]) -> None:
    """Print the training sets, what synthetic rows do to cold items, and the orderings."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from analysis.cli.quality import show_orderings

    screen = Console()
    wide = Console(width=None if screen.is_terminal else 230)
    table = Table(
        title=f"NDCG@10 on real held-out rows, {escape(told['dataset'])}, {told['seeds']} seed(s), and gain over real"
    )
    for heading in HEADINGS:
        table.add_column(heading, no_wrap=True)
    for row in told["rows"]:
        split = row["splits"]
        cells = [
            text
            for name in ("all", "cold items", "cold items alone")
            for text in (mean(split[name]), gain(split[name]))
        ]
        cells.insert(2, beyond(split["all"]))
        table.add_row(
            escape(row["family"]), row["source"], row["use"], f"{row['ratio']:g}" if row["ratio"] else "–", *cells
        )
    wide.print(table)
    show_orderings(wide, "Orderings by NDCG@10", told["orderings"], "family", "use", "ratio")
    for row in told["cold_items"]:
        wide.print(cold(row), markup=False)
    for name, why in told["absent"].items():
        wide.print(f"{name}: {why}", markup=False)


def mean(split: Mapping[str, float]) -> str:
    """Write a mean with half its interval."""
    return spread({name: split[name] for name in ("value", "low", "high")}, 4)


def gain(split: Mapping[str, Any]) -> str:
    """Write what is gained, with its interval and a star where it is shown."""
    if not split["verdict"] or split["gained"] != split["gained"]:
        return ""
    if split["gained_low"] != split["gained_low"]:
        return f"{split['gained']:+.4f}"
    star = " *" if split["verdict"] != "not shown" else ""
    return f"{split['gained']:+.4f} [{split['gained_low']:+.4f}, {split['gained_high']:+.4f}]{star}"


def beyond(split: Mapping[str, Any]) -> str:
    """Write what is gained over as many bootstrapped real rows, where that was measured."""
    if "over_bootstrap" not in split:
        return ""
    low, high = split["over_bootstrap_low"], split["over_bootstrap_high"]
    ends = f" [{low:+.4f}, {high:+.4f}]" if low == low else ""
    return f"{split['over_bootstrap']:+.4f}{ends}"


def cold(row: Mapping[str, Any]) -> str:
    """Say in a sentence what synthetic rows do to cold items."""
    where = f"{row['family']} at {row['ratio']:g}"
    if row["whole_catalog"]["gained"] != row["whole_catalog"]["gained"]:
        return f"{where}: no held-out row is of a cold item, so nothing is said of them"
    kept = "stays within 2 %" if row["warm_kept"] else "does not stay within 2 %"
    parts = (("in the whole catalog", row["whole_catalog"]), ("among cold items alone", row["cold_alone"]))
    said = "; ".join(f"{place} {changed(part)}" for place, part in parts)
    return f"{where}: cold items' NDCG {said}; warm items' {kept} ({100 * row['warm_change']:+.1f} %)"


def changed(part: Mapping[str, Any]) -> str:
    """Write what was, what was gained, and whether an improvement is shown."""
    ends = f" [{part['low']:+.4f}, {part['high']:+.4f}]" if part["low"] == part["low"] else ""
    return f"{part['before']:.4f}, change {part['gained']:+.4f}{ends}, an improvement {part['improves']}"
