"""Freeze what RecTools and ranx give for the tables of this folder's t1 and ranking, for the tests to compare with.

Both libraries need numpy < 2, so they cannot live beside this project. In an environment of their own:

    python3.11 -m venv golden-venv && golden-venv/bin/pip install rectools==0.19.0 ranx==0.3.21
    golden-venv/bin/python tests/golden/make_golden.py

(They are imported where they are used, because the tests of this project import every file.)
It writes ranking/*.csv (drawn anew from a fixed seed), rectools.json and ranx.json.
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent
WORLDS = {"t1": (2,), "ranking": (1, 3, 10)}
USERS, ITEMS, LONGEST = 40, 60, 10
RANX = ("ndcg", "recall", "precision", "hit_rate", "mrr", "map")


def draw(folder: Path) -> None:
    """Write a world of long-tailed takings, lists of which every fifth is short, and relevant items of 1 to 6."""
    random = np.random.default_rng(20_260_101)
    chance = 1 / np.arange(1, ITEMS + 1)
    rows: dict[str, list[tuple[object, ...]]] = {"train": [], "slates": [], "test": []}
    for user in range(USERS):
        order = random.choice(ITEMS, ITEMS, replace=False, p=chance / chance.sum())
        taken, rest = order[: 4 + user % 7], random.permutation(order[4 + user % 7 : 40])
        shown = rest[: LONGEST if user % 5 else 4]
        later = np.concatenate([shown[user % 3 :: 4][: user % 4], rest[-1 - user % 3 :]])
        rows["train"] += [(f"u{user:02d}", f"i{item:02d}") for item in taken]
        rows["slates"] += [(f"u{user:02d}", f"i{item:02d}", rank) for rank, item in enumerate(shown, 1)]
        rows["test"] += [(f"u{user:02d}", f"i{item:02d}") for item in later]
    genres = [random.choice(["Action", "Comedy", "Drama", "War"], 1 + item % 3, replace=False) for item in range(ITEMS)]
    items = [(f"i{item:02d}", "|".join(sorted(some))) for item, some in enumerate(genres)]
    for name, some in (*rows.items(), ("items", items)):
        header = {"slates": ["user_id", "item_id", "rank"], "items": ["item_id", "genres"]}
        frame = pd.DataFrame(some, columns=header.get(name, ["user_id", "item_id"]))
        frame.to_csv(folder / f"{name}.csv", index=False)


def tables(folder: Path) -> dict[str, pd.DataFrame]:
    """Return the tables of a world."""
    return {name: pd.read_csv(folder / f"{name}.csv") for name in ("slates", "train", "test", "items")}


def with_rectools(world: dict[str, pd.DataFrame], k: int) -> dict[str, float]:
    """Return RecTools' values, each with the options that come nearest to this project's definition."""
    from rectools import metrics as r

    genres = world["items"].set_index("item_id")["genres"].fillna("").str.get_dummies(sep="|")
    metrics = {
        "ndcg_at_k": r.NDCG(k, divide_by_achievable=True),
        "recall_at_k": r.Recall(k),
        "precision_at_k": r.Precision(k),
        "hit_rate": r.HitRate(k),
        "mrr": r.MRR(k),
        "map": r.MAP(k),
        "miuf": r.MeanInvUserFreq(k),
        "serendipity": r.Serendipity(k),
        "arp": r.AvgRecPopularity(k),
        "catalog_coverage": r.CatalogCoverage(k, normalize=True),
        "intra_list_diversity_hamming": r.IntraListDiversity(k, r.PairwiseHammingDistanceCalculator(genres)),
    }
    found = r.calc_metrics(metrics, world["slates"], world["test"], world["train"], sorted(world["items"]["item_id"]))
    return {name: float(value) for name, value in found.items()}


def with_ranx(world: dict[str, pd.DataFrame], k: int) -> dict[str, float]:
    """Return ranx's values."""
    from ranx import Qrels, Run, evaluate

    test = world["test"].assign(relevance=1)
    shown = world["slates"].assign(score=-world["slates"]["rank"].astype(float))
    qrels = Qrels.from_df(test, q_id_col="user_id", doc_id_col="item_id", score_col="relevance")
    run = Run.from_df(shown, q_id_col="user_id", doc_id_col="item_id", score_col="score")
    found = evaluate(qrels, run, [f"{name}@{k}" for name in RANX], make_comparable=True)
    return {name: float(found[f"{name}@{k}"]) for name in RANX}


def main() -> None:
    """Write the golden files."""
    draw(HERE / "ranking")
    for library, values_of in (("rectools", with_rectools), ("ranx", with_ranx)):
        values = {
            world: {str(k): values_of(tables(HERE / world), k) for k in cut_offs} for world, cut_offs in WORLDS.items()
        }
        content = {"made_by": f"{library} {version(library)}", "values": values}
        (HERE / f"{library}.json").write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
