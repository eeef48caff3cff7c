"""Every metric of the catalog as a user meets it: listed, scored on tables, measured in runs and studies."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.cli import list as listing
from analysis.cli import score
from analysis.metrics.beside_ideal import BesideIdeal
from analysis.metrics.discover import metrics
from analysis.metrics.outcomes import Outcomes
from tests.command_line import called, outcome, tasteloop

OF_RUNS = {"current_profiles", "stated", *Outcomes.__annotations__, *BesideIdeal.__annotations__} - {"slates"}
"""Inputs that only a run, or a study, has."""
TRIANGLES = ((0, 1), (0, 2), (1, 2), (2, 3), (3, 4), (3, 5), (4, 5))
SOCIAL = """
name: tied
seed: 3
days: 8
data: {kind: "synthetic:tiny", min_interactions: 5}
users: {count: 40}
behavior: {kind: affinity}
recommender: {kind: random, slate_size: 5, retrain: 1d}
social: {graph: {kind: homophily, ties: 3, strength: 6}}
"""
IDEAL = """
name: against-the-ideal
seed: 5
days: 2
data: {kind: "synthetic:tiny", min_interactions: 5}
users: {count: 30}
recommender: {kind: oracle, slate_size: 5, retrain: 1d}
behavior: {kind: calibrated, fit_users: 60}
study:
  baseline: popular
  seeds: 1
  arms:
    popular: {recommender: {kind: popularity}}
    ideal: {}
"""


def test_every_metric_is_listed_with_what_it_is() -> None:
    listed = json.loads(tasteloop("list", "metrics", "--json").stdout)["metrics"]
    assert set(listed) == {metric.name for metric in metrics()}
    assert listed["gini_index"]["definition_id"] == "gini_index/full-catalog/div-n"
    assert listed["gini_index"]["direction"] == "more biased"
    text = called(listing.command, "metrics").stdout
    for name, facts in listed.items():
        assert facts["meaning"]
        assert facts["edges"].endswith((" gives NaN", " gives 0"))
        assert len(facts["range"]) == 2
        assert facts["inputs"]
        assert f"  {name} " in text
        assert f"{facts['definition_id']}; larger is {facts['direction']}" in text
    assert "did you mean 'metrics'" in tasteloop("list", "metric", check=None).stderr


def test_the_list_says_where_a_metric_is_measured(tied: Path, scored: dict[str, Any]) -> None:
    listed = outcome(called(listing.command, "metrics", "--json"))["metrics"]
    in_runs = set(pd.read_parquet(tied / "metrics.parquet")["metric"])
    in_score = {figure["definition_id"] for figure in scored["metrics"].values()}
    lacking = ("an oracle arm", "semantic IDs", "users.drift")
    for name, facts in listed.items():
        assert (name in in_runs) == (
            not facts["in_runs"].startswith("no: ") and not any(word in facts["in_runs"] for word in lacking)
        ), name
        found = any(f"{one}/".startswith(f"{facts['definition_id']}/") for one in in_score)
        assert found != facts["in_score"].startswith("no: "), name
    assert "in runs: no: what users took afterwards" in called(listing.command, "metrics").stdout


def test_a_bare_list_ends_with_the_metrics() -> None:
    everything = called(listing.command, "--json").stdout
    assert list(json.loads(everything))[-1] == "metrics"
    assert "recommenders:" in called(listing.command).stdout


def tables(folder: Path) -> list[str]:
    """Write every table that score takes; six of the users are tied in two triangles and a bridge between them."""
    random = np.random.default_rng(8)
    users, items = [f"u{n:03d}" for n in range(60)], [f"i{n:02d}" for n in range(30)]
    genres = ["Drama", "War|Drama", "Comedy"]
    codes = [f"{n % 3}-{n % 5}" for n in range(30)]
    taken = [(user, item) for at, user in enumerate(users) for item in items if random.random() < (0.5, 0.1)[at % 2]]
    train = [row for row in taken if row[0] != "u059"]
    slates = [(user, item, rank) for user in users for rank, item in enumerate(random.permutation(items)[:6], 1)]
    frames = {
        "slates": pd.DataFrame(slates, columns=["user_id", "item_id", "rank"]).assign(
            presented=lambda f: 7 - f["rank"]
        ),
        "train": pd.DataFrame(train, columns=["user_id", "item_id"]),
        "test": pd.DataFrame(
            [(user, item) for user, item, rank in slates if rank == 2], columns=["user_id", "item_id"]
        ),
        "chosen": pd.DataFrame([row[:2] for row in slates if row[2] < 3], columns=["user_id", "item_id"]),
        "items": pd.DataFrame({"item_id": items, "genres": genres * 10, "codes": codes}),
        "ties": pd.DataFrame([(users[a], users[b]) for a, b in TRIANGLES], columns=["user_id", "friend_id"]),
        "opinions": pd.DataFrame({"user_id": users[:6], "opinion": [-1, -0.5, -0.7, 0.9, 1, 0.4]}),
    }
    for name, frame in frames.items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    return [word for name in frames for word in (f"--{name}", str(folder / f"{name}.csv"))]


@pytest.fixture
def scored(tmp_path: Path) -> dict[str, Any]:
    return dict(outcome(called(score.command, *tables(tmp_path), "--raw", "-k", "5", "--json")))


def test_score_gives_every_metric_that_tables_can_have(scored: dict[str, Any]) -> None:
    found = scored["metrics"]
    for metric in metrics():
        if not OF_RUNS & set(metric.inputs):
            parts = [name for name in found if name.startswith(metric.name)]
            assert parts, metric.name
            assert all(found[name]["definition_id"].startswith(metric.definition_id) for name in parts[:1])
    assert {f"exposure_share_{band}" for band in ("head", "mid", "tail")} <= set(found)
    assert sum(found[f"exposure_share_{band}"]["value"] for band in ("head", "mid", "tail")) == pytest.approx(1)
    assert {"shown_code_entropy_digit_1", "shown_code_entropy_digit_2"} <= set(found)


def test_stated_opinions_make_the_camps(scored: dict[str, Any]) -> None:
    found = scored["metrics"]
    assert found["modularity"]["value"] == pytest.approx(0.357143, abs=5e-7)
    assert (found["modularity"]["n"], found["modularity"]["n_skipped"]) == (6, 54)
    assert found["modularity"]["definition_id"].endswith("/of-stated-opinions")
    assert found["modularity_null_mean"]["definition_id"] == f"{found['modularity']['definition_id']}/null-mean"
    expected = (0.357143 - found["modularity_null_mean"]["value"]) / found["modularity_null_sd"]["value"]
    assert found["modularity_z"]["value"] == pytest.approx(expected, abs=1e-5)
    assert found["ei_index"]["value"] == pytest.approx(-5 / 7)


def test_a_ranker_that_turns_the_prompt_round_is_found_out(scored: dict[str, Any]) -> None:
    assert scored["metrics"]["position_bias"]["value"] == pytest.approx(-1)


def test_what_an_empty_history_is_recommended(tmp_path: Path) -> None:
    words = tables(tmp_path)[:4]
    (tmp_path / "slates.csv").write_text("user_id,item_id,rank\nu000,i01,1\nnew,i02,1\nnew,i03,2\n")
    train = pd.read_csv(tmp_path / "train.csv")
    takers = train["item_id"].value_counts() / train["user_id"].nunique()
    prior = outcome(called(score.command, *words, "--json"))["metrics"]["title_prior"]
    assert prior["value"] == pytest.approx(takers[["i02", "i03"]].mean())
    assert prior["n"] == 1


def test_raw_lists_count_what_comes_again_and_others_refuse_it(tmp_path: Path) -> None:
    words = tables(tmp_path)[:4]
    (tmp_path / "slates.csv").write_text("user_id,item_id,rank\nu000,i01,1\nu000,i01,2\nu000,i02,3\nu000,i03,4\n")
    raw = outcome(called(score.command, *words, "--raw", "-k", "3", "--json"))["metrics"]
    assert raw["duplicate_rate"]["value"] == pytest.approx(1 / 3)
    assert raw["aggregate_diversity"]["value"] == 2
    assert "--raw" in str(called(score.command, *words).exception)


@pytest.mark.parametrize(
    ("table", "text", "place", "words"),
    [
        ("ties", "user_id,friend_id\nu000,u000\n", "ties.csv:2", "not to itself"),
        ("opinions", "user_id,opinion\nu000,left\n", "opinions.csv:2", "a number"),
        ("opinions", "user_id,opinion\nu000,1\nu000,2\n", "opinions.csv:3", "twice"),
        ("items", "item_id,genres,codes\ni01,War,1-2\ni02,War,1-2-3\ni03,War,1-2-3\n", "items.csv:2", "as many"),
        (
            "slates",
            "user_id,item_id,rank,presented\nu000,i01,1,0\n",
            "slates.csv:2",
            "presented must be a whole number",
        ),
    ],
)
def test_faults_of_the_further_tables_are_named(tmp_path: Path, table: str, text: str, place: str, words: str) -> None:
    given = tables(tmp_path)
    (tmp_path / f"{table}.csv").write_text(text)
    message = str(called(score.command, *given).exception)
    assert place in message
    assert words in message


@pytest.fixture(scope="module")
def tied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tied")
    (folder / "tied.yaml").write_text(SOCIAL)
    return Path(outcome(tasteloop("run", folder / "tied.yaml", "--json", "--out", folder / "run"))["run"])


def log(folder: Path, table: str) -> pd.DataFrame:
    return pd.concat(map(pd.read_parquet, sorted((folder / "log").glob(f"{table}-*.parquet"))), ignore_index=True)


def test_a_run_with_ties_is_measured_by_day_beside_chance(tied: Path) -> None:
    frame = pd.read_parquet(tied / "metrics.parquet")
    for metric in metrics():
        if "ties" in metric.inputs:
            rows = frame[frame["metric"] == metric.name]
            assert set(rows["on"]) == {"consumed", "profile"} | ({"shown"} if "stated" not in metric.inputs else set())
            assert set(rows.loc[rows["on"] == "consumed", "day"]) == set(range(-1, 8))
            assert {f"{metric.name}_{part}" for part in ("null_mean", "null_sd", "z")} <= set(frame["metric"])
    whole = frame[(frame["day"] == -1) & (frame["on"] == "profile")].set_index("metric")["value"]
    assert whole["neighbor_correlation_index_z"] > 2  # homophily ties users of like taste


def test_ratings_are_opinions_of_genres(tied: Path) -> None:
    frame, shown, items = pd.read_parquet(tied / "metrics.parquet"), log(tied, "impressions"), log(tied, "items")
    genre = items["genres"].str.split("|").explode().mode()[0]
    about = set(items.loc[items["genres"].str.split("|").map(lambda genres: genre in genres), "item_id"])
    rows = frame[(frame["metric"] == "opinion") & (frame["group"] == f"genre {genre}")].set_index(["on", "day"])
    given = shown[shown["item_id"].isin(about) & shown["rating"].notna()]
    for day, ratings in [(-1, given), *given.groupby("day")]:
        means = ratings.groupby("user_id")["rating"].mean()
        assert rows.loc[("consumed", day), "value"] == pytest.approx(means.mean())
        assert rows.loc[("consumed", day), "n"] == len(means)
    before = log(tied, "history").query("user_id < 40 and item_id in @about").groupby("user_id")["rating"].mean()
    assert rows.loc[("profile", -1), "value"] == pytest.approx(before.mean())
    assert set(rows.index.get_level_values("on")) == {"consumed", "profile"}


def test_item_strata_share_the_exposure_among_them(tied: Path) -> None:
    frame = pd.read_parquet(tied / "metrics.parquet")
    share = frame[(frame["metric"] == "exposure_share") & (frame["on"] == "consumed")]
    assert set(share["group"]) == {"head items", "mid items", "tail items"}
    assert share.dropna().groupby("day")["value"].sum().to_numpy() == pytest.approx(1)


def test_profiles_that_absorb_what_was_watched_have_less_lift(tied: Path) -> None:
    """Against the profile of time 0 and against the one that holds what was watched."""
    frame = pd.read_parquet(tied / "metrics.parquet")
    wanted = frame[(frame["day"] == -1) & (frame["on"] == "consumed") & (frame["group"] == "all")]
    kl = wanted.set_index("metric")["value"]
    assert kl["miscalibration_kl_current"] < kl["miscalibration_kl"]


def test_the_probe_is_what_users_choose_of_random_slates(tied: Path) -> None:
    shown, popularity = log(tied, "impressions"), log(tied, "items")["initial_count"].to_numpy(float)
    chosen = shown[shown["action"] == "watch"]
    both = set(chosen["user_id"])
    means = [
        np.mean(
            [popularity[list(set(items))].mean() for user, items in side.groupby("user_id")["item_id"] if user in both]
        )
        for side in (chosen, shown)
    ]
    frame = pd.read_parquet(tied / "metrics.parquet").query(
        "metric == 'choice_popularity_lift' and snapshot == 'initial'"
    )
    assert frame.query("day == -1 and group == 'all'")["value"].item() == pytest.approx(means[0] / means[1] - 1)


def test_return_times_and_churn_are_those_of_the_visits(tied: Path) -> None:
    visits, frame = log(tied, "sessions").sort_values("start"), pd.read_parquet(tied / "metrics.parquet")
    whole = frame[(frame["day"] == -1) & (frame["group"] == "all")].set_index("metric")["value"]
    gaps = visits.groupby("user_id")["start"].diff() / 1440
    assert whole["return_time"] == pytest.approx(gaps.groupby(visits["user_id"]).mean().mean())
    end = visits["start"].max() // 1440 + 1
    assert end == 8
    away = end - visits.groupby("user_id")["start"].max() / 1440
    assert whole["churn_rate"] == pytest.approx((away >= 7).mean())
    early = frame[(frame["metric"] == "churn_rate") & frame["day"].between(0, 5)]
    assert early["value"].isna().all()


def test_arms_are_measured_beside_the_ideal_one(tmp_path: Path) -> None:
    (tmp_path / "ideal.yaml").write_text(IDEAL)
    folder = Path(outcome(tasteloop("study", tmp_path / "ideal.yaml", "--json", "--out", tmp_path / "study"))["study"])
    asked = ("--metric", "change_in_jaccard", "--metric", "relative_utility", "--json")
    rows = pd.DataFrame(json.loads(tasteloop("compare", folder, *asked).stdout)["rows"])
    rows = rows[rows["group"] == "all"].set_index(["metric", "on"])
    sets, watches = {}, {}
    for arm in ("popular", "ideal"):
        shown = log(folder / "cells" / f"{arm}-s5", "impressions")
        watches[arm] = int((shown["action"] == "watch").sum())
        sets[arm] = [set(shown.loc[shown["user_id"] == user, "item_id"]) for user in range(30)]
    utility = rows.loc[("relative_utility", "user")]
    assert utility["baseline_mean"] == pytest.approx(watches["popular"] / watches["ideal"])
    assert utility["arm_mean"] == 1
    history = log(folder / "cells" / "ideal-s5", "history")
    known = [set(history.loc[history["user_id"] == user, "item_id"]) for user in range(30)]
    changes = []
    for user in range(30):
        other = max((one for one in range(30) if one != user), key=lambda one: (jaccard(known[user], known[one]), -one))
        if all(sets[arm][user] | sets[arm][other] for arm in sets):
            both = [jaccard(sets[arm][user], sets[arm][other]) for arm in ("popular", "ideal")]
            changes.append(both[0] - both[1])
    change = rows.loc[("change_in_jaccard", "shown")]
    assert change["baseline_mean"] == pytest.approx(np.mean(changes))
    assert change["arm_mean"] == 0


def jaccard(one: set[int], other: set[int]) -> float:
    return len(one & other) / max(len(one | other), 1)
