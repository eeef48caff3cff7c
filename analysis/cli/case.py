"""Read what is to be judged: a dataset made by ``augment``, or a run whose watches are its synthetic rows."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agents.errors import InvalidInput
from agents.schema import Floats, Ints, Item
from analysis.augment.case import Case

if TYPE_CHECKING:
    import pandas as pd

    from simulator.catalog import Catalog, Interactions


def read_case(folder: Path) -> Case:
    """Return what a folder holds; raise InvalidInput where it is no dataset and no run, or has nothing to judge."""
    if (folder / "dataset.json").is_file():
        case = _of_dataset(folder)
    elif (folder / "scenario.resolved.yaml").is_file():
        case = _of_run(folder)
    else:
        raise InvalidInput(
            f"{folder} is neither a dataset nor a run: it has no dataset.json and no scenario.resolved.yaml; "
            "make one with: python run_sim.py augment, or: python run_sim.py run"
        )
    if not len(case.synthetic):
        raise InvalidInput(f"{folder} has no synthetic rows to judge; run for longer, or choose more")
    return case


def read_cases(datasets: Sequence[Path], no_llm: Sequence[Path]) -> list[tuple[Case, Case | None]]:
    """Return datasets, each with the same pipeline's without the language model if these are given.

    Raise InvalidInput where there are fewer of the one than of the other, or where not all are of the same real rows.
    """
    if no_llm and len(no_llm) != len(datasets):
        raise InvalidInput(
            f"--no-llm was given {len(no_llm)} time(s) for {len(datasets)} dataset(s); give one for each"
        )
    cases = [read_case(folder) for folder in (*datasets, *no_llm)]
    for folder, case in zip((*datasets, *no_llm), cases, strict=True):
        if not _same(case.real, cases[0].real) or not _same(case.held_out, cases[0].held_out):
            raise InvalidInput(
                f"{folder} was made from other real rows than {datasets[0]}, or they were divided otherwise; "
                "make both from the same data set and division"
            )
    others: list[Case | None] = [*cases[len(datasets) :]] or [None] * len(datasets)
    return list(zip(cases[: len(datasets)], others, strict=True))


def _same(one: "Interactions", other: "Interactions") -> bool:
    """Say whether the rows are the same, in whatever order: runs of other seeds divide them otherwise."""
    mine, theirs = (
        np.stack([log.user_id, log.item_id])[:, np.lexsort((log.item_id, log.user_id))] for log in (one, other)
    )
    return np.array_equal(mine, theirs)


def _of_run(folder: Path) -> Case:
    """Return the watches of a run beside the real rows it learned from and those it never saw."""
    from analysis.load import finished, load
    from simulator.cast import load as load_data
    from simulator.catalog import Interactions
    from simulator.scenario_file import read

    run = finished(load(folder))
    dataset, parts = load_data(read(folder / "scenario.resolved.yaml"))
    shown = run.table("impressions", ["user_id", "item_id", "now", "rating", "action"])
    rows = shown[shown["action"] == "watch"]
    inside = {name: user for user, name in enumerate(dataset.users)}
    invented = len(dataset.users) + np.arange(len(run.users))
    user = np.array([inside.get(name, new) for name, new in zip(run.users["source"], invented, strict=True)])
    synthetic = interactions(
        user[rows["user_id"].to_numpy()], rows["item_id"], rows["rating"], rows["now"], synthetic=True
    )
    real = Interactions.concatenate([parts.users, parts.platform])
    return _case(dataset.name, dataset.catalog, len(dataset.users), (real, parts.held_out, synthetic))


def _of_dataset(folder: Path) -> Case:
    """Return the rows of a dataset: real and synthetic ones of its training set, and its evaluation split."""
    from analysis.augment.dataset import read
    from simulator.catalog import Catalog

    data = read(folder, ("interactions", "users", "items", "held_out"))
    users, items = data.tables["users"].sort_values("is_synthetic", kind="stable"), data.tables["items"]
    columns = items[["title", "genres", "year"]].itertuples(index=False)
    catalog = Catalog(tuple(_item(at, *values) for at, values in enumerate(columns)), tuple(items["item"]))
    held_out = data.tables["held_out"]
    if not len(held_out):
        raise InvalidInput(f"{folder} has no evaluation split to judge by; make it from runs with data.split.held_out")
    end = max(float(part["time"].max()) for part in (data.interactions, held_out))

    def inside(part: "pd.DataFrame", synthetic: bool) -> "Interactions":
        user, item = (_codes(folder, part[name], known[name]) for name, known in (("user", users), ("item", items)))
        return interactions(user, item, part["rating"], (part["time"] - end) / 60, synthetic=synthetic)

    tables = (inside(data.real, False), inside(held_out, False), inside(data.synthetic, True))
    weight = data.synthetic["weight"].to_numpy(dtype=np.float64)
    return _case(data.name, catalog, int((~users["is_synthetic"]).sum()), tables, weight)


def _codes(folder: Path, names: "pd.Series[str]", known: "pd.Series[str]") -> Ints:
    """Return the place of each name among those known."""
    import pandas as pd

    codes = pd.Index(known).get_indexer(pd.Index(names))
    if (codes < 0).any():
        name = names.iloc[int(np.flatnonzero(codes < 0)[0])]
        raise InvalidInput(f"{folder}: a row names {names.name} {str(name)[:80]!r}, whom no table knows; make it anew")
    return np.asarray(codes, dtype=np.int64)


def _item(place: int, title: Any, genres: Any, year: Any) -> Item:
    import pandas as pd

    there = not pd.isna(year) and year > 0
    return Item(place, str(title), tuple(map(str, genres)) if genres is not None else (), int(year) if there else None)


def interactions(user: Any, item: Any, rating: Any, time: Any, *, synthetic: bool) -> "Interactions":
    """Return columns as interactions, in the order given."""
    from simulator.catalog import Interactions

    return Interactions(
        np.asarray(user, dtype=np.int64),
        np.asarray(item, dtype=np.int64),
        np.asarray(rating, dtype=np.float64),
        np.asarray(time, dtype=np.float64),
        np.full(len(user), synthetic),
    )


def _case(
    name: str,
    catalog: "Catalog",
    n_users: int,
    tables: "tuple[Interactions, Interactions, Interactions]",
    weight: Floats | None = None,
) -> Case:
    """Return the case of real, held-out and synthetic rows, each put in order of time."""
    from simulator.data.held_out import parted

    order = [np.argsort(table.time, kind="stable") for table in tables]
    real, held_out, synthetic = (table.take(rows) for table, rows in zip(tables, order, strict=True))
    weight = np.ones(len(synthetic)) if weight is None else weight[order[2]]
    return Case(name, catalog, n_users, real, held_out, parted(real, held_out, catalog), synthetic, weight)
