"""What the manifests say: set-up, assumptions, cost and failures, seeds, provenance, files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from analysis.interventions import spells
from analysis.load import Cell, Study

Rows = list[tuple[str, str]]

MOST_LISTED = 12
"""Cells whose files are listed one by one."""


def plain(value: Any) -> str:
    """Return a value of a manifest as a reader wants it.

    >>> plain(None), plain(1234567), plain(0.25), plain({"kind": "ease", "recency": 0.9})
    ('–', '1,234,567', '0.25', 'kind ease, recency 0.9')
    """
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {plain(inner)}" for key, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(plain(inner) for inner in value)
    return str(value)


def setup(study: Study) -> Rows:
    """Return what was played, who by, and under which recommender."""
    run = study.cells[0].run
    data, users = run.manifest.get("data", {}), run.users
    behaviors = ", ".join(f"{count} {kind}" for kind, count in users["behavior"].astype(str).value_counts().items())
    rows = [
        (
            "Data",
            f"{data.get('name', '–')}: {len(run.items):,} items, {len(run.history):,} interactions known at the start",
        ),
        ("Users", f"{len(users):,} simulated ({behaviors})"),
        ("Simulated time", f"{run.manifest['days']:g} days"),
        ("Runs", _runs(study)),
    ]
    for arm in study.arms:
        about = " (baseline)" if arm == study.baseline and len(study.arms) > 1 else ""
        rows.append((f"Recommender of {arm}{about}", plain(study.of(arm)[0].run.manifest.get("recommender"))))
    rows += [("Intervention", f"{s.when()}: {s.kind}, {s.detail}{s.whose(study)}") for s in spells(study)]
    return rows


def _runs(study: Study) -> str:
    arms, seeds = len(study.arms), len(study.seeds)
    if arms == 1:
        return f"seed {', '.join(map(str, study.seeds))}"
    return f"{arms} arms × {seeds} {'seed' if seeds == 1 else 'seeds'}; arms of one seed share their random numbers"


def assumptions(study: Study) -> Rows:
    """Return the declared and fitted assumptions; where cells differ, every arm's value of the first seed."""
    told = {arm: study.of(arm)[0].run.manifest.get("assumptions", {}) for arm in study.arms}
    names = dict.fromkeys(name for of in told.values() for name in of)
    rows = []
    for name in names:
        values = {arm: plain(of.get(name)) for arm, of in told.items()}
        same = len(set(values.values())) == 1
        rows.append((name, next(iter(values.values())) if same else "; ".join(f"{a}: {v}" for a, v in values.items())))
    return rows


COST_COLUMNS = (
    "decisions by a language model", "calls", "from cache", "repaired", "fallback", "fallback share", "tokens in / out",
    "latency p50 / p95, s", "cost, USD", "wall time, s",
)  # fmt: skip


def costs(study: Study) -> list[tuple[str, list[str]]]:
    """Return a row of COST_COLUMNS per cell."""
    return [(f"{cell.arm} s{cell.seed}", _cost(cell)) for cell in study.cells]


def _cost(cell: Cell) -> list[str]:
    manifest, calls = cell.run.manifest, cell.run.table("llm_calls", ["cached", "latency_s"])
    counts, asked, tokens = (manifest.get(name, {}) for name in ("counts", "calls", "tokens"))
    waits = calls.loc[~calls["cached"].astype(bool), "latency_s"] if len(calls) else calls["latency_s"]
    latency = f"{waits.quantile(0.5):.3g} / {waits.quantile(0.95):.3g}" if len(waits) else "–"
    cost = manifest.get("cost_usd")
    return [
        plain(counts.get("llm_decisions")),
        plain(asked.get("calls", counts.get("llm_calls"))),
        plain(asked.get("cached", counts.get("cached"))),
        plain(counts.get("repaired")),
        plain(counts.get("fallback")),
        f"{manifest.get('fallback_share', 0.0):.1%}",
        f"{plain(tokens.get('in'))} / {plain(tokens.get('out'))}",
        latency,
        "unpriced" if cost is None else f"{cost:.4f}",
        f"{manifest.get('wall_s', float('nan')):.1f}",
    ]


def provenance(study: Study) -> Rows:
    """Return identity, licence and citation of the data, the language models, and the versions used."""
    manifest = study.cells[0].run.manifest
    rows = [(f"Data: {name}", plain(value)) for name, value in manifest.get("data", {}).items()]
    rows += [(f"Language model {name}", plain(value)) for name, value in manifest.get("llm", {}).items()]
    return [*rows, ("Versions", plain(manifest.get("versions")))]


def warnings(study: Study) -> list[str]:
    """Return what a reader must know before trusting a figure: limits hit, runs continued after a stop."""
    found = []
    for cell in study.cells:
        limits = cell.run.manifest.get("limits_hit") or []
        if limits:
            found.append(f"{cell.arm} s{cell.seed} reached its limit: {', '.join(limits)}")
    return found


def files(study: Study) -> Iterator[tuple[str, str]]:
    """Yield (relative path, what it is) of the files that lie with the report; of many cells their folders."""
    known = {
        "metrics.parquet": "every measured figure, tidy",
        "study.json": "arms, seeds, cells",
        "manifest.json": "identities, digests, counts",
        "study.resolved.yaml": "the scenario with every default",
        "scenario.resolved.yaml": "the scenario with every default",
        "plots/captions.json": "captions of the figures",
    }
    for name, about in known.items():
        if (study.folder / name).is_file():
            yield name, about
    for cell in study.cells:
        where, about = cell.run.folder / "log", f"log of {cell.arm} s{cell.seed}"
        for part in [where] if len(study.cells) > MOST_LISTED else sorted(where.glob("*.parquet")):
            yield part.relative_to(study.folder).as_posix(), about


def command(study: Study) -> str:
    """Return the command that makes the same runs again."""
    name = "study.resolved.yaml" if _is_study(study.folder) else "scenario.resolved.yaml"
    return f"python run_sim.py {'study' if _is_study(study.folder) else 'run'} FOLDER/{name}"


def _is_study(folder: Path) -> bool:
    return (folder / "study.json").is_file()
