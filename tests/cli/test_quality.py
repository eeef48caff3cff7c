"""``quality`` and ``utility`` through the command line, on a run of seconds and on a dataset folder made by hand."""

import base64
import hashlib
import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest

from analysis.augment.dataset import FORMAT, TABLES, TrainingData, write
from analysis.cli.case import read_case
from simulator.data.held_out import last_fifth
from simulator.data.synthetic import Synthetic
from tests.command_line import ROOT, outcome, tasteloop

PLANTED = "<script>alert(1)</script>"
SMALL = ("--family", "ease", "--family", "{kind: sasrec, epochs: 1, width: 8, length: 5}")
SMALL += ("--family", "{kind: semantic_id, epochs: 1, width: 8, length: 5}", "--ratio", 0.25, "--ratio", 1)
PARTS = {"columns", "structure", "neighborhoods", "two-sample", "bias shift", "privacy"}


def played(folder, *words):
    keys = ("behavior={kind: calibrated, fit_users: 20}", "users.count=150", "data.min_interactions=5")
    sets = [word for key in keys for word in ("--set", key)]
    tasteloop("run", ROOT / "scenarios" / "smoke.yaml", *sets, *words, "--out", folder, "--json")
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on an invented world, whose watches are the synthetic rows."""
    return played(tmp_path_factory.mktemp("run") / "run", "--days", 8)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """A dataset whose synthetic rows are real ones of the same world, hidden from its real rows."""
    world = Synthetic(variant="tiny").load()
    train = last_fifth(world.interactions, world.catalog, 0).train
    late = ~np.isin(codes(world.interactions), codes(train))
    lot = np.random.default_rng(0).random(len(train)) < 0.5
    folder = tmp_path_factory.mktemp("dataset") / "made"
    write_dataset(folder, world, train, lot, world.interactions.take(late))
    return folder


def codes(log):
    return log.user_id * 10_000 + log.item_id


def write_dataset(folder, world, train, synthetic, held_out):
    def rows(log):
        return pd.DataFrame(
            {
                "user": np.array(world.users)[log.user_id],
                "item": np.array(world.catalog.names)[log.item_id],
                "rating": log.rating,
                "time": 1.7e9 + 60 * log.time,
            }
        )

    genres = [list(item.genres) for item in world.catalog.items]
    genres[0] = [PLANTED]
    items = {"item": world.catalog.names, "title": [item.title for item in world.catalog.items], "genres": genres}
    tables = {
        "items": pd.DataFrame({**items, "year": [item.year for item in world.catalog.items]}),
        "users": pd.DataFrame({"user": world.users, "is_synthetic": False}),
        "interactions": rows(train).assign(is_synthetic=synthetic, weight=1.0),
        "held_out": rows(held_out),
    }
    whole = {name: frame.reindex(columns=TABLES[name].names) for name, frame in tables.items()}
    write(TrainingData({"format": FORMAT, "name": "made"}, whole), folder)


def test_the_quality_of_a_run_is_told_beside_references(run, tmp_path):
    told = outcome(tasteloop("quality", run, "--seeds", 2, "--json", "--out", tmp_path / "out"))
    assert json.loads((tmp_path / "out" / "quality.json").read_text()) == told
    assert {row["part"] for row in told["figures"]} == PARTS
    assert {row["verdict"] for row in told["figures"]} <= {"pass", "warn", "fail", "none"}
    assert set(told["columns"]) == {"synthetic", "bootstrap", "random", "held_out", "markov", "cf_teacher"}
    assert "--no-llm" in told["absent"]["no_llm"]
    figures = {row["figure"]: row["columns"] for row in told["figures"]}
    auc = figures["two_sample_auc"]
    assert auc["random"]["low"] < auc["random"]["value"] < auc["random"]["high"]
    assert abs(auc["bootstrap"]["value"] - 0.5) < abs(auc["random"]["value"] - 0.5)
    assert len(told["orderings"]) == 15
    assert sum(genre["after"] for genre in told["genres"]) == pytest.approx(1)


def test_a_dataset_of_real_rows_passes_for_real_and_its_page_runs_nothing(dataset, tmp_path):
    out = tmp_path / "out"
    told = outcome(tasteloop("quality", dataset, "--seeds", 2, "--json", "--out", out))
    figures = {row["figure"]: row for row in told["figures"]}
    assert figures["two_sample_auc"]["verdict"] in ("pass", "warn")
    assert figures["two_sample_auc"]["columns"]["random"]["value"] > 0.75
    assert figures["genre_tv_complement"]["columns"]["synthetic"]["value"] > 0.9
    page = (out / "quality.html").read_text()
    assert PLANTED not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script" not in page
    assert "default-src &#39;none&#39;" in page
    css = re.search("<style>(.*?)</style>", page, re.DOTALL).group(1)
    digest = hashlib.sha256(css.encode()).digest()
    assert f"sha256-{base64.b64encode(digest).decode()}" in page.replace("&#39;", "'").replace("&#43;", "+")
    assert {path.name for path in out.iterdir()} >= {
        f"{name}.{kind}" for name in ("quality_panel", "genre_shares") for kind in ("png", "svg", "csv")
    }


def test_thresholds_decide_verdicts_and_tables_are_for_people(dataset):
    done = tasteloop("quality", dataset, "--seeds", 1, "--threshold", "two_sample_auc=2,3,2,3")
    line = next(line for line in done.stdout.splitlines() if "two_sample_auc" in line)
    assert "fail" in line
    assert "bootstrap" in done.stdout


def test_utility_is_measured_on_real_rows_beside_all_controls(dataset, tmp_path):
    told = outcome(tasteloop("utility", dataset, "--seeds", 3, *SMALL, "--json", "--out", tmp_path / "out"))
    assert json.loads((tmp_path / "out" / "utility.json").read_text()) == told
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert files >= {f"utility_curves.{kind}" for kind in ("png", "svg", "csv")}
    rows = {(row["family"], row["source"], row["use"], row["ratio"]): row["splits"] for row in told["rows"]}
    assert len({family for family, *_ in rows}) == 3
    alone = {source: rows["ease", source, "alone", 0.0]["all"] for source in ("bootstrap", "random", "synthetic")}
    assert alone["bootstrap"]["value"] > alone["random"]["value"]
    assert alone["synthetic"]["value"] > alone["random"]["value"]
    assert alone["random"]["verdict"] == "opposite"
    beyond = rows["ease", "synthetic", "added", 0.25]["all"]
    assert beyond["over_bootstrap_low"] <= beyond["over_bootstrap"] <= beyond["over_bootstrap_high"]
    pairs = [row for row in told["orderings"] if row["family"] == "ease" and row["use"] == "alone"]
    assert len(pairs) == 10
    assert {row["verdict"] for row in pairs} <= {"shown", "not shown", "opposite"}
    assert {row["ratio"] for row in told["cold_items"]} <= {0.25, 1.0}
    assert "no_llm" in told["absent"]


def test_the_same_pipeline_without_the_language_model_is_one_more_column(run, dataset):
    told = outcome(
        tasteloop("utility", run, "--no-llm", run, "--seeds", 1, "--family", "ease", "--ratio", 0.1, "--json")
    )
    rows = {(row["source"], row["use"]): row["splits"]["all"]["value"] for row in told["rows"]}
    assert rows["no_llm", "alone"] == rows["synthetic", "alone"]
    assert "no_llm" not in told["absent"]
    done = tasteloop("quality", run, "--no-llm", dataset, check=2)
    assert "other real rows" in done.stderr
    done = tasteloop("quality", run, run, "--no-llm", run, check=2)
    assert "give one for each" in done.stderr


def test_seeds_take_several_datasets_in_turn(run, tmp_path):
    other = played(tmp_path / "other", "--days", 4, "--seed", 2)  # the same real rows, in another order

    def values(*folders):
        told = outcome(tasteloop("quality", *folders, "--seeds", 2, "--json"))
        return {row["figure"]: row["columns"]["synthetic"]["value"] for row in told["figures"]}["genre_tv_complement"]

    assert values(run, other) != values(run)


def test_what_augment_makes_can_be_judged(run, tmp_path):
    tasteloop("augment", run, "--out", tmp_path / "made", "--json")
    of_run, of_dataset = read_case(run), read_case(tmp_path / "made")
    assert of_dataset.name == "made"
    for real in ("real", "held_out"):
        one, other = (sorted(codes(getattr(case, real)).tolist()) for case in (of_run, of_dataset))
        assert one == other
    assert set(codes(of_dataset.synthetic)) <= set(codes(of_run.synthetic))
    told = outcome(tasteloop("quality", tmp_path / "made", "--seeds", 1, "--json"))
    assert told["counts"]["synthetic_rows"] == len(of_dataset.synthetic) > 0


def test_utility_prints_tables_for_people(run):
    done = tasteloop("utility", run, "--seeds", 1, "--family", "ease", "--ratio", 0.1, "--ratio", 1)
    assert "cold items" in done.stdout
    assert "synthetic at 1: too few rows" in done.stdout


@pytest.mark.parametrize("command", ["quality", "utility"])
def test_folders_that_hold_nothing_to_judge_are_refused(command, tmp_path):
    done = tasteloop(command, tmp_path, check=2)
    assert "neither a dataset nor a run" in done.stderr


def test_damaged_tables_and_unknown_names_are_named(dataset, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(dataset, broken)
    (broken / "users.parquet").write_bytes(b"nothing")
    assert "users.parquet" in tasteloop("quality", broken, check=2).stderr
    items = pd.read_parquet(dataset / "items.parquet").iloc[1:]
    shutil.copy(dataset / "users.parquet", broken / "users.parquet")
    items.to_parquet(broken / "items.parquet")
    assert "whom no table knows" in tasteloop("quality", broken, check=2).stderr
    items.drop(columns="year").to_parquet(broken / "items.parquet")
    assert "items.parquet" in tasteloop("quality", broken, check=2).stderr


@pytest.mark.parametrize("words", [("nope=1,2,3,4",), ("two_sample_auc=1,2",), ("two_sample_auc=a,b,c,d",)])
def test_thresholds_that_cannot_be_are_refused_before_anything_is_read(words, tmp_path):
    done = tasteloop("quality", tmp_path, "--threshold", *words, check=2)
    assert "--threshold" in done.stderr
