"""Augmentation through the command line: where rows come from, where they lie in time, and what stops them."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from agents.errors import InvalidInput
from simulator.cast import load
from simulator.scenario_file import read
from tests.cli.augmenting import about, augmented, log, pairs, play, refused, rewritten, rows, synthetic
from tests.command_line import tasteloop

Change = Callable[[pd.DataFrame], pd.DataFrame]


def test_the_command_says_what_it_made(twins: tuple[Path, Path], tmp_path: Path) -> None:
    done = tasteloop("augment", *twins, "--out", tmp_path / "made", "--json")
    told = json.loads(done.stdout)
    assert told == {"dataset": str(tmp_path / "made"), **about(tmp_path / "made")}
    assert told["gates"].pop("leakage") == 0
    assert set(told["gates"].values()) == {1.0}


def test_every_row_says_what_it_is(dataset: Path, twins: tuple[Path, Path]) -> None:
    real, made = (rows(dataset)[rows(dataset)["is_synthetic"] == kind] for kind in (False, True))
    runs = {run["run"]: run for run in about(dataset)["runs"]}
    digests = {json.loads((run / "manifest.json").read_text())["log_digest"] for run in twins}
    assert {run["log_digest"] for run in runs.values()} == digests
    assert real["source_run"].isna().all()
    assert set(real["generator"]) == {"real"}
    assert set(real["weight"]) == {1.0}
    assert set(made["source_run"]) == set(runs)
    assert set(made["generator"]) <= {"llm", "rule", "repaired"}
    assert (made["recommender"] == made["source_run"].map(lambda run: runs[run]["recommender"]["kind"])).all()
    assert made.loc[made["recommender"] == "random", "propensity"].gt(0).all()


def test_a_synthetic_row_is_a_row_of_its_run(dataset: Path, twins: tuple[Path, Path]) -> None:
    made = synthetic(dataset)
    for folder in twins:
        digest = json.loads((folder / "manifest.json").read_text())["log_digest"][:16]
        mine = made[made["source_run"] == digest]
        shown = log(folder, "impressions").set_index("event_id").loc[mine["event_id"].astype(int)]
        users, items = log(folder, "users")["source"], log(folder, "items")["name"]
        assert list(users.iloc[shown["user_id"]]) == list(mine["user"])
        assert list(items.iloc[shown["item_id"]]) == list(mine["item"])
        assert list(shown["rating"]) == list(mine["rating"])
        assert set(shown["action"]) == {"watch"}
        assert len(mine)


def test_real_rows_are_the_source_without_its_evaluation_split(dataset: Path, twins: tuple[Path, Path]) -> None:
    source, parts = load(read(twins[0] / "scenario.resolved.yaml", []))
    everything, held_out = len(source.interactions), len(parts.held_out)
    assert about(dataset)["counts"]["real"] == everything - held_out
    assert len(rows(dataset, "held_out")) == held_out > 0
    real = rows(dataset)[~rows(dataset)["is_synthetic"]]
    assert not pairs(real) & pairs(rows(dataset, "held_out"))


def test_synthetic_rows_lie_before_the_evaluation_split_in_the_order_of_the_run(dataset: Path) -> None:
    made, held_out = synthetic(dataset), rows(dataset, "held_out")
    first = held_out.groupby("user")["time"].min()
    assert (made["time"] < made["user"].map(first).fillna(np.inf)).all()
    last = rows(dataset)[~rows(dataset)["is_synthetic"]].groupby("user")["time"].max()
    assert (made["time"] > made["user"].map(last)).mean() > 0.9
    for _, own in made.groupby("user"):
        assert own["simulated_minute"].is_monotonic_increasing
        assert own["time"].is_unique


def test_nothing_that_is_known_is_repeated(dataset: Path) -> None:
    made, counts = synthetic(dataset), about(dataset)["counts"]
    assert not pairs(made) & pairs(rows(dataset)[~rows(dataset)["is_synthetic"]])
    assert not made.duplicated(["user", "item"]).any()
    left_out = counts["left_out"]
    assert left_out["known"]
    assert left_out["repeated"]
    assert sum(number for why, number in left_out.items() if why != "taken") + len(made) == left_out["taken"]


def test_the_same_runs_and_seed_give_the_same_bytes(dataset: Path, twins: tuple[Path, Path], tmp_path: Path) -> None:
    augmented(*twins, "--out", tmp_path / "tiny")
    names = sorted(path.name for path in dataset.iterdir())
    assert names == sorted(path.name for path in (tmp_path / "tiny").iterdir())
    for name in names:
        assert (dataset / name).read_bytes() == (tmp_path / "tiny" / name).read_bytes(), name


def test_checksums_are_those_of_the_files(dataset: Path) -> None:
    for name, digest in about(dataset)["checksums"].items():
        assert hashlib.sha256((dataset / name).read_bytes()).hexdigest() == digest


def test_a_ratio_and_a_weight(twins: tuple[Path, Path], tmp_path: Path) -> None:
    augmented(*twins, "--out", tmp_path / "some", "--ratio", 0.01, "--weight", 0.3)
    some, told = synthetic(tmp_path / "some"), about(tmp_path / "some")
    assert len(some) == round(0.01 * told["counts"]["real"])
    assert set(some["weight"]) == {0.3}
    augmented(*twins, "--out", tmp_path / "other", "--ratio", 0.01, "--seed", 1)
    assert pairs(some) != pairs(synthetic(tmp_path / "other"))


def test_what_is_preferred_goes_first(dataset: Path, twins: tuple[Path, Path], tmp_path: Path) -> None:
    augmented(*twins, "--out", tmp_path / "best", "--ratio", 0.01, "--prefer", "rating")
    best = synthetic(tmp_path / "best")["rating"]
    assert best.min() >= synthetic(dataset)["rating"].nlargest(len(best)).min()
    assert best.mean() > synthetic(dataset)["rating"].mean()


def test_only_what_a_source_decided(twins: tuple[Path, Path], tmp_path: Path) -> None:
    augmented(*twins, "--out", tmp_path / "spoken", "--decided-by", "llm")
    assert set(synthetic(tmp_path / "spoken")["generator"]) == {"llm"}
    assert "nobody" in refused(augmented(*twins, "--out", tmp_path / "x", "--decided-by", "nobody"), InvalidInput)


def test_fallback_decisions_are_left_out(twins: tuple[Path, Path], tmp_path: Path) -> None:
    run = Path(shutil.copytree(twins[0], tmp_path / "run"))
    for path in (run / "log").glob("impressions-*.parquet"):
        rewritten(path, lambda frame: frame.assign(decided_by="fallback"))
    augmented(run, "--out", tmp_path / "made")
    assert not len(synthetic(tmp_path / "made"))
    assert about(tmp_path / "made")["counts"]["left_out"]["not_trusted"] > 0


@pytest.mark.parametrize(
    ("strategy", "of", "holds"),
    [
        ("{kind: cold_items, at_most: 8}", "item", lambda counts: counts <= 8),
        ("{kind: cold_users, at_most: 10}", "user", lambda counts: counts <= 10),
        ("{kind: tail, head: 0.6}", "item", lambda counts: counts <= counts.median()),
    ],
)
def test_a_strategy_takes_all_that_it_is_for_and_nothing_else(
    dataset: Path, twins: tuple[Path, Path], tmp_path: Path, strategy: str, of: str, holds: Any
) -> None:
    augmented(*twins, "--out", tmp_path / "made", "--strategy", strategy)
    counts = rows(dataset, f"{of}s").set_index(of)["training_rows"]
    wanted = counts.index[holds(counts)]
    if "tail" in strategy:
        ordered = counts.sort_values(ascending=False, kind="stable")
        wanted = ordered.index[(ordered.cumsum() - ordered) >= 0.6 * counts.sum()]
    made, every = synthetic(tmp_path / "made"), synthetic(dataset)
    assert 0 < len(made) < len(every)
    assert pairs(made) == pairs(every[every[of].isin(wanted)])


def test_counterfactual_rows_are_what_another_arm_of_the_seed_brought_about(
    twins: tuple[Path, Path], tmp_path: Path
) -> None:
    augmented(*twins, "--out", tmp_path / "made", "--strategy", "counterfactual")
    made = synthetic(tmp_path / "made")
    assert set(made["arm"]) == {"popularity"}
    factual = log(twins[0], "impressions").query("action == 'watch'")
    users, items = log(twins[0], "users")["source"], log(twins[0], "items")["name"]
    happened = set(zip(users.iloc[factual["user_id"]], items.iloc[factual["item_id"]], strict=True))
    assert len(made)
    assert not pairs(made) & happened


def test_counterfactuals_need_twins(twins: tuple[Path, Path], tmp_path: Path) -> None:
    other = play(tmp_path / "other", "popularity", seed=2)
    for runs in ((twins[0],), (twins[0], other)):
        said = refused(augmented(*runs, "--out", tmp_path / "x", "--strategy", "counterfactual"), InvalidInput)
        assert "seed" in said
    arms = "{kind: counterfactual, factual: nowhere}"
    assert "'nowhere'" in refused(augmented(*twins, "--out", tmp_path / "x", "--strategy", arms), InvalidInput)


def test_a_study_gives_all_its_cells(dataset: Path, twins: tuple[Path, Path], tmp_path: Path) -> None:
    cells = []
    for run, arm in zip(twins, ("chance", "hits"), strict=True):
        shutil.copytree(run, tmp_path / "study" / "cells" / arm)
        cells.append({"arm": arm, "seed": 1, "point": 0, "folder": f"cells/{arm}", "status": "finished"})
    content = {
        "name": "twins",
        "baseline": "hits",
        "arms": {"chance": {}, "hits": {}},
        "points": [{}],
        "hypotheses": [],
    }
    (tmp_path / "study" / "study.json").write_text(json.dumps(content | {"cells": cells}))
    augmented(tmp_path / "study", "--out", tmp_path / "every")
    assert pairs(synthetic(tmp_path / "every")) == pairs(synthetic(dataset))
    augmented(tmp_path / "study", "--out", tmp_path / "other", "--strategy", "counterfactual")
    assert set(synthetic(tmp_path / "other")["arm"]) == {"chance"}


def test_a_run_given_twice_counts_once(dataset: Path, twins: tuple[Path, Path], tmp_path: Path) -> None:
    augmented(*twins, "--out", tmp_path / "once", "--ratio", 0.01)
    again = shutil.copytree(twins[1], tmp_path / "again")
    augmented(*twins, again, "--out", tmp_path / "twice", "--ratio", 0.01)
    once, twice = (rows(tmp_path / name).drop(columns="arm") for name in ("once", "twice"))
    pd.testing.assert_frame_equal(once, twice)


@pytest.mark.parametrize(
    "changes", [{"data__split__held_out": "0.0"}, {"users__sessions_per_day": "0.0001", "days": "0.01"}]
)
def test_no_evaluation_split_and_nothing_simulated_are_no_special_cases(
    tmp_path: Path, changes: dict[str, str]
) -> None:
    run = play(tmp_path / "run", "random", **({"days": "1"} | changes))
    for strategy in ("all", "tail", "content"):
        done = augmented(run, "--out", tmp_path / strategy, "--strategy", strategy)
        assert done.exit_code == 0, done.exception
        assert augmented(tmp_path / strategy, "--check").exit_code == 0


def test_a_run_that_did_not_finish_gives_no_dataset(twins: tuple[Path, Path], tmp_path: Path) -> None:
    run = Path(shutil.copytree(twins[0], tmp_path / "run"))
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps(manifest | {"status": "stopped"}))
    assert "resume" in refused(augmented(run, "--out", tmp_path / "made"), InvalidInput)


def test_the_strategies_are_listed() -> None:
    listed = json.loads(tasteloop("list", "strategies", "--json").stdout)["strategies"]
    assert set(listed) == {"all", "cold_items", "cold_users", "tail", "counterfactual", "content"}


def test_strategies_join(dataset: Path, twins: tuple[Path, Path], tmp_path: Path) -> None:
    both = ("{kind: cold_items, at_most: 8}", "{kind: cold_users, at_most: 10}")
    augmented(*twins, "--out", tmp_path / "made", *[word for one in both for word in ("--strategy", one)])
    every = synthetic(dataset)
    items, users = (rows(dataset, f"{of}s").set_index(of)["training_rows"] for of in ("item", "user"))
    wanted = every[(every["item"].map(items) <= 8) | (every["user"].map(users) <= 10)]
    assert pairs(synthetic(tmp_path / "made")) == pairs(wanted)


def test_invented_users_have_names_of_their_own(tmp_path: Path) -> None:
    runs = [
        play(tmp_path / f"invented{seed}", "random", seed, users__persona="{kind: sampled}", days="1")
        for seed in (1, 2)
    ]
    done = augmented(*runs, "--out", tmp_path / "made")
    assert done.exit_code == 0, done.exception
    users = rows(tmp_path / "made", "users").query("is_synthetic")
    assert len(users) == 60
    assert users["user"].is_unique
    assert set(synthetic(tmp_path / "made")["user"]) <= set(users["user"])


def test_descriptions_say_who_wrote_them(twins: tuple[Path, Path], tmp_path: Path) -> None:
    done = augmented(twins[0], "--out", tmp_path / "made", "--strategy", "{kind: content, at_most: 8}")
    assert done.exit_code == 0, done.exception
    texts = rows(tmp_path / "made", "descriptions")
    items = texts[texts["of"] == "item"].set_index("name")
    known = rows(tmp_path / "made", "items").set_index("item")["training_rows"]
    assert set(items.index) == set(known.index[known <= 8])
    assert len(items)
    assert set(items["generator"]) == {"scripted/1 seed=0"}
    assert items["call_id"].notna().all()
    users = texts[texts["of"] == "user"]
    assert len(users)
    assert set(users["source_run"]) == {about(tmp_path / "made")["runs"][0]["run"]}
    assert texts["text"].str.len().gt(0).all()
    assert not len(synthetic(tmp_path / "made"))


def test_a_persona_that_names_what_is_held_out_is_left_out(twins: tuple[Path, Path], tmp_path: Path) -> None:
    augmented(twins[0], "--out", tmp_path / "before", "--strategy", "content")
    told = rows(tmp_path / "before", "descriptions").query("of == 'user'")["name"]
    held_out = (
        rows(tmp_path / "before", "held_out").query("not taken_before").merge(told, left_on="user", right_on="name")
    )
    user, item = held_out.iloc[0][["user", "item"]]
    title = rows(tmp_path / "before", "items").set_index("item")["title"][item]
    run = Path(shutil.copytree(twins[0], tmp_path / "run"))
    planted = {"narrative": f"You will like {title}, surely."}
    for path in (run / "log").glob("users-*.parquet"):
        rewritten(path, lambda f: f.assign(narrative=f["narrative"].mask(f["source"] == user, planted["narrative"])))
    augmented(run, "--out", tmp_path / "made", "--strategy", "content")
    assert user not in set(rows(tmp_path / "made", "descriptions")["name"])
    assert about(tmp_path / "made")["counts"]["left_out"]["texts_naming_held_out"] == 1


def test_runs_of_different_data_are_not_mixed(twins: tuple[Path, Path], tmp_path: Path) -> None:
    other = play(tmp_path / "other", "random", data__seed="5", days="1")
    assert "one source" in refused(augmented(twins[0], other, "--out", tmp_path / "made"), InvalidInput)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--out"),
        (("--out", "{there}"), "not empty"),
        (("--out", "{new}", "--strategy", "colditems"), "cold_items"),
        (("--out", "{new}", "--strategy", "{{kind: tail, head: 2}}"), "head"),
        (("--out", "{new}", "--weight", "0"), "--weight"),
    ],
)
def test_what_is_asked_wrongly_is_named(
    twins: tuple[Path, Path], tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine.txt").write_text("keep")
    given = [word.format(there=tmp_path / "there", new=tmp_path / "new") for word in words]
    assert said in refused(augmented(twins[0], *given), InvalidInput)
    assert [path.name for path in tmp_path.rglob("*")] == ["there", "mine.txt"]


def test_a_folder_that_is_no_dataset_is_refused(tmp_path: Path) -> None:
    assert "dataset.json" in refused(augmented(tmp_path, "--check"), InvalidInput)


def test_a_damaged_table_is_refused(copy: Path) -> None:
    (copy / "items.parquet").write_bytes(b"no parquet")
    assert "items.parquet" in refused(augmented(copy, "--check"), InvalidInput)
