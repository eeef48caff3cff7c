"""What ``evaluate`` prints for people."""

from collections.abc import Mapping
from typing import Any

from analysis.judge import BASELINE

HEADINGS = (
    "recall@10", "ndcg@10", f"ndcg - {BASELINE}", "ILD", "MIUF", "ARP", "Gini", "coverage", "invalid", "short",
    "fit CPU s", "ms/user", "p50", "p95", "MB",
)  # fmt: skip
LEGEND = (
    "ILD: diversity of a list by genre; MIUF: bits of surprise; ARP: mean popularity; invalid: share of what was "
    "generated that is no item; short: share of lists under ten. Costs are processor time of one thread: ms/user in "
    "one batch of all users, p50 and p95 over batches of 32; MB: peak growth of resident memory."
)


def show(result: Mapping[str, Any], names: Mapping[str, str]) -> None:
    """Print the rows as one table, and published figures under it."""
    from rich.console import Console
    from rich.table import Table

    several = len(result["datasets"]) > 1
    table = Table(title=_title(result), caption=LEGEND, title_justify="left", caption_justify="left")
    for heading in (("data",) if several else ()) + ("recommender",):
        table.add_column(heading, overflow="fold")
    for heading in HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    for row in result["rows"]:
        first = (row["data"],) if several else ()
        table.add_row(*first, names[row["recommender"]], *_cells(row), row["label"])
    screen = Console()
    Console(width=None if screen.is_terminal else 220).print(table)
    for line in _references(result):
        screen.print(line, highlight=False, soft_wrap=True)


def _title(result: Mapping[str, Any]) -> str:
    keys = result["tie_keys"]
    ties = "" if keys is None else f", ties permuted under keys {', '.join(map(str, keys))}"
    return f"{result['data']}, {result['split'].replace('_', ' ')}, full ranking, {result['seeds']} fit(s){ties}"


def _cells(row: Mapping[str, Any]) -> list[str]:
    versus = row[f"vs_{BASELINE}"]["ndcg@10"]
    return [
        *(spread(row[name]) for name in ("recall@10", "ndcg@10")),
        f"{versus['mean']:+.3f} [{versus['low']:+.3f}, {versus['high']:+.3f}]",
        *(_figure(row[name], 3) for name in ("intra_list_diversity", "miuf", "arp", "gini_index", "catalog_coverage")),
        *(f"{row[name]:.1%}" for name in ("invalid_generated", "short_lists")),
        _figure(row["fit_cpu_s"], 1),
        *(_figure(row[name], 2) for name in ("ms_per_user", "ms_p50", "ms_p95")),
        _figure(row["peak_mb"], 0),
    ]


def _figure(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if value == value else "–"


def _references(result: Mapping[str, Any]) -> list[str]:
    """Return a line per published figure on the data sets, each with the protocol it was reached under."""
    lines = []
    for one in result["datasets"]:
        for ref in one["published"]:
            ranges = ", ".join(f"{name} {_range(ref[name])}" for name in ("recall@10", "ndcg@10"))
            protocol = f"{ref['protocol'].replace('_', ' ')}, ties {ref['ties']}"
            apart = "" if ref["protocol"] == result["split"] else "; another protocol than this table's"
            lines.append(f"published on {one['data']}: {ref['model']}: {ranges} ({protocol}{apart})")
    without = [one["data"] for one in result["datasets"] if not one["published"]]
    return [*lines, *([f"no published figures are known here for {', '.join(without)}"] if without else [])]


def _range(ends: list[float]) -> str:
    low, high = ends
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def spread(value: Mapping[str, float | None]) -> str:
    """Write a mean with its standard deviation over seeds, where there is one."""
    sd = value["sd"]
    return f"{value['mean']:.4f}" + ("" if sd is None else f" ± {sd:.4f}")
