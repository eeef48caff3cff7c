"""Interventions through the command line: what they do, when it is seen, what is kept of it, and what is refused."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from agents.crash import VARIABLE
from agents.errors import Interrupted
from analysis.cli import replay, resume
from analysis.cli import run as run_command
from simulator import checkpoint
from simulator.cli import validate
from simulator.run import budget_of, models, run
from simulator.scenario_file import read
from tests.command_line import ROOT, called, outcome, tasteloop

BASE = """
name: intervened
seed: 3
days: 5
data: {kind: "synthetic:tiny", min_interactions: 5}
users: {count: 30, search: 0.2}
behavior: {kind: calibrated, fit_users: 20}
social: {tell: 0.5}
platform: {window: 1h}
recommender: {kind: item_knn, slate_size: 5, retrain: 1d}
"""
EVERYTHING = (
    BASE
    + """
interventions:
  - {kind: promote_tail, at: 1d, until: 3d, strength: 0.5}
  - {kind: cap_exposure, at: 2d, share: 0.2}
  - {kind: lever, at: 30h, until: 4d, lever: {kind: mmr, strength: 0.4}}
  - {kind: ban_items, at: 2d, most_popular: 0.05}
  - {kind: add_items, at: 60h, share: 0.1}
  - {kind: add_items, at: 70h, share: 0.05}
  - {kind: switch_recommender, at: 3d, until: 4d, recommender: ease}
  - {kind: outage, at: 80h, until: 90h}
  - {kind: outage, at: 100h, until: 104h, fallback: popularity}
  - {kind: retraining, at: 4d, retrain: 6h}
  - {kind: seed_opinions, at: 20h, users: 0.3, share: 0.02}
  - {kind: seed_opinions, at: 21h, users: 0.3, genre: Drama, through: ratings}
  - {kind: creators, at: 0d, until: 4d, count: 5, held_back: 0.2, rate: 3}
"""
)
TALKING = (
    BASE.replace("users: {count: 30", "users: {count: 10, max_pages: 2")
    .replace("days: 5", "days: 2")
    .replace(
        "behavior: {kind: calibrated, fit_users: 20}",
        """behavior: {kind: mixed, members: [
    {kind: llm, model: asked, decide: structured, fallback: {kind: calibrated, fit_users: 20}},
    {kind: calibrated, fit_users: 20}]}
llm: {asked: {kind: scripted}}
budget: {fallback_share: 1.0}""",
    )
)


@pytest.fixture(autouse=True)
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out metrics, figures and report of runs within this process."""
    monkeypatch.setattr("analysis.execute.finish", lambda folder, *_, **__: folder)


def written(folder: Path, *interventions: str, base: str = BASE) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    listed = "interventions:\n" + "".join(f"  - {{kind: {one}}}\n" for one in interventions)
    (folder / "intervened.yaml").write_text(base + (listed if interventions else ""))
    return folder / "intervened.yaml"


def played(path: Path, out: Path, *sets: str, **options: Any) -> str:
    """Run a scenario in this process and return the digest of its log."""
    scenario = read(path, sets)
    out.mkdir(parents=True, exist_ok=True)
    with models(scenario, out / "answers.journal") as dispatcher:
        return str(run(scenario, out, dispatcher, budget_of(scenario), **options)["log_digest"])


def table(out: Path, name: str) -> pd.DataFrame:
    return pd.concat(map(pd.read_parquet, sorted((out / "log").glob(f"{name}-*.parquet"))), ignore_index=True)


def shown_items(out: Path, since: float, before: float) -> set[int]:
    shown = table(out, "impressions").query(f"{since} <= now < {before}")
    return set(shown["item_id"])


# -- all at once ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """Return the scenario, the folder of its run and the digest of its log."""
    folder = tmp_path_factory.mktemp("everything")
    (folder / "everything.yaml").write_text(EVERYTHING)
    out = folder / "run"
    return folder / "everything.yaml", out, played(folder / "everything.yaml", out)


def test_every_act_is_logged_in_order(everything: tuple[Path, Path, str]) -> None:
    acts = table(everything[1], "interventions")
    assert acts["now"].is_monotonic_increasing
    assert set(acts["kind"]) == {path.stem for path in (ROOT / "simulator/interventions").glob("[a-z]*.py")} - {
        "base", "chosen",
    }  # fmt: skip
    third = acts[acts["now"] == 3 * 1440]
    assert list(zip(third["event"], third["kind"], strict=True))[:2] == [
        ("end", "promote_tail"),
        ("begin", "switch_recommender"),
    ]
    assert acts.query("kind == 'lever'")["detail"].tolist() == ["mmr on, strength 0.4", "mmr off, strength 0.4"]


def test_users_on_clocks_and_in_columns_write_the_same_log(everything: tuple[Path, Path, str], tmp_path: Path) -> None:
    assert played(everything[0], tmp_path / "clocks", "engine.columns=false") == everything[2]


@pytest.mark.parametrize("lag", [0, 1])
def test_they_work_at_every_lag(everything: tuple[Path, Path, str], tmp_path: Path, lag: int) -> None:
    digest = played(everything[0], tmp_path / "lag", f"platform.visibility_lag={lag}")
    assert digest != everything[2]
    assert set(table(tmp_path / "lag", "interventions")["kind"]) == set(table(everything[1], "interventions")["kind"])


def test_a_run_stopped_within_interventions_goes_on(
    everything: tuple[Path, Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "LEAST_S", 0.0)
    monkeypatch.setattr(checkpoint, "REST", 0.0)
    for hour in (11, 31, 61, 84, 102):  # before all but creators, a lever, items let in, the outage, the fallback
        out, commits = tmp_path / str(hour), iter(range(10**6))
        with pytest.raises(Interrupted):
            played(everything[0], out, stop=lambda commits=commits, hour=hour: next(commits) >= hour)
        assert checkpoint.load_state(out / "checkpoints/columns.npz", json.loads(
            (out / "manifest.json").read_text())["scenario_digest"]) is not None  # fmt: skip
        assert played(out / "scenario.resolved.yaml", out) == everything[2], hour


@pytest.mark.parametrize(
    ("fit", "columns"),
    [(2, "false"), (7, "true"), *(pytest.param(*both, marks=pytest.mark.slow) for both in ((2, "true"), (7, "false")))],
)
def test_a_run_killed_while_an_intervention_acts_is_resumed(
    everything: tuple[Path, Path, str], tmp_path: Path, fit: int, columns: str
) -> None:
    out = tmp_path / "run"
    command = [sys.executable, str(ROOT / "run_sim.py"), "run", str(everything[0]), "--out", str(out)]
    done = subprocess.run(
        [*command, "--set", f"engine.columns={columns}"],
        env=os.environ | {VARIABLE: f"file-synced:{fit + 4}"},  # three files of scenarios, then a file a fit
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert json.loads((out / "manifest.json").read_text())["status"] == "running"
    assert outcome(called(resume.command, out, "--json"))["log_digest"] == everything[2]


def test_replaying_verifies_every_table(everything: tuple[Path, Path, str], tmp_path: Path) -> None:
    done = called(run_command.command, everything[0], "--out", tmp_path / "run", "--json")
    assert done.exit_code == 0, done.exception
    verified = outcome(called(replay.command, tmp_path / "run", "--verify", "--json"))
    assert verified["equal"] is True
    assert verified["tables"]["interventions"]["rows"] > 20


def test_latency_of_language_models_changes_nothing(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "outage, at: 20h, until: 24h",
        "ban_items, at: 6h, most_popular: 0.1",
        "seed_opinions, at: 4h, users: 0.9, share: 0.1",
        "switch_recommender, at: 30h, recommender: popularity",
        base=TALKING,
    )
    settings = (("engine.concurrency=1",), ("engine.concurrency=32", "llm.asked.latency_s=0.01"))
    digests = {played(path, tmp_path / str(n), *sets) for n, sets in enumerate(settings)}
    assert len(digests) == 1
    assert "seed_opinions" in set(table(tmp_path / "0", "interventions")["kind"])


def test_they_are_drawn_and_listed(tmp_path: Path) -> None:
    path = written(
        tmp_path, "outage, at: 1d, until: 36h", "add_items, at: 2d, share: 0.1", base=BASE.replace("days: 5", "days: 3")
    )
    tasteloop("run", path, "--out", tmp_path / "out", figures=True)
    report = (tmp_path / "out/report.html").read_text()
    assert "day 1 to 1.5: outage, nothing is shown" in report
    assert "from day 2: add_items, 12 items: i" in report
    figures = {figure["name"]: figure for figure in json.loads((tmp_path / "out/plots/captions.json").read_text())}
    over_time = {"concentration_over_time", "homogenization_over_time", "topic_entropy_fan"}
    said = {
        name for name, figure in figures.items() if "1. outage, day 1 to 1.5; 2. add_items, from day 2" in figure["alt"]
    }
    assert over_time <= said
    assert "click_through" not in said


# -- one by one -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("lag", [0, 2])
def test_an_outage_is_seen_lag_windows_later(tmp_path: Path, lag: int) -> None:
    path = written(tmp_path, "outage, at: 1d, until: 2d")
    played(path, tmp_path / "run", f"platform.visibility_lag={lag}", "users.count=60")
    first, last = (60 * (24 * day + lag) for day in (1, 2))
    assert not shown_items(tmp_path / "run", first, last)
    assert shown_items(tmp_path / "run", first - 180, first)
    assert shown_items(tmp_path / "run", last, last + 180)
    ended = table(tmp_path / "run", "sessions").query(f"{first} <= end < {last}")
    assert set(ended["exit_reason"]) <= {"nothing_to_show", "tired", "bored", "satisfied", "page_limit", "budget"}
    assert (ended["exit_reason"] == "nothing_to_show").mean() > 0.9


def test_banned_items_are_never_seen_again(tmp_path: Path) -> None:
    path = written(tmp_path, "ban_items, at: 2d, most_popular: 0.1")
    played(path, tmp_path / "run", "recommender.kind=popularity")
    banned = set(table(tmp_path / "run", "items").nlargest(12, "initial_count")["item_id"])
    assert banned & shown_items(tmp_path / "run", 0, 2 * 1440)
    after = shown_items(tmp_path / "run", 2 * 1440 + 120, 1e9)
    assert len(after) > 10
    acts = table(tmp_path / "run", "interventions")
    assert acts["detail"].item().startswith("12 items: ")
    names = table(tmp_path / "run", "items").set_index("item_id")["name"]
    first = acts["detail"].item().removeprefix("12 items: ").split(", ")[:5]
    assert not set(first) & set(names[sorted(after)])


def test_items_let_in_have_no_past(tmp_path: Path) -> None:
    played(written(tmp_path, "add_items, at: 2d, genre: Drama"), tmp_path / "run", "recommender.kind=random")
    items = table(tmp_path / "run", "items")
    new = set(items.loc[items["genres"].str.contains("Drama"), "item_id"])
    assert len(new) > 5
    assert items.loc[items["item_id"].isin(new), "initial_count"].sum() == 0
    assert not new & set(table(tmp_path / "run", "history")["item_id"])
    assert not new & shown_items(tmp_path / "run", 0, 2 * 1440 + 120)
    shown = table(tmp_path / "run", "impressions").query("now >= 3000 and item_id in @new")
    assert len(shown) > 10
    np.testing.assert_allclose(shown["item_age"], (shown["now"] - 2880) / 1440)
    others = table(tmp_path / "run", "impressions").query("item_id not in @new")
    np.testing.assert_allclose(others["item_age"], others["now"] / 1440)


def test_the_recommender_is_another_one_for_a_while(tmp_path: Path) -> None:
    played(written(tmp_path, "switch_recommender, at: 1d, until: 2d, recommender: random"), tmp_path / "run")
    shown = table(tmp_path / "run", "impressions")
    spell = (shown["now"] >= 1440 + 120) & (shown["now"] < 2880 + 120)
    assert (shown["recommender"] == np.where(spell, "random", "item_knn")).all()
    refits = table(tmp_path / "run", "refits")
    assert refits["recommender"].tolist() == ["item_knn", "random", "item_knn", "item_knn", "item_knn"]


def test_training_follows_another_timetable(tmp_path: Path) -> None:
    played(written(tmp_path, "retraining, at: 30h, until: 50h, retrain: 7h"), tmp_path / "run")
    hours = (table(tmp_path / "run", "refits")["now"] / 60).tolist()
    assert hours == [0, 24, 37, 44, 74, 98]


def test_levers_on_lists_leave_what_was_learned(tmp_path: Path) -> None:
    """On a platform that never retrains, a lever that comes and goes leaves the recommender as it was."""
    sets = ("recommender.retrain=never", "recommender.kind=bpr", "platform.popularity=frozen", "social.tell=0")

    def newest(number: int, act: str) -> dict[str, Any]:
        run = tmp_path / f"run-{number}"
        played(written(tmp_path, act), run, *sets, "days=2.5")
        (fit,) = (run / "checkpoints").iterdir()
        assert fit.stem == f"fit-{number:08d}"
        return {name.removeprefix("inner."): value for name, value in np.load(fit).items() if name != "__key__"}

    lever = "lever, lever: {kind: mmr, strength: 0.5}"
    acts = ("outage, at: 1d, until: 26h", f"{lever}, at: 1d", f"{lever}, at: 1d, until: 2d")
    plain, levered, back = map(newest, range(3), acts)
    assert {name for name in levered if name.startswith("known.")} == {"known.genres"}
    assert set(plain) == set(back)
    for name, value in plain.items():
        np.testing.assert_array_equal(value, levered[name])
        np.testing.assert_array_equal(value, back[name])


def test_a_lever_of_the_file_is_switched_off(tmp_path: Path) -> None:
    sets = ("recommender.kind=random", "recommender.levers=[{kind: tail_boost, strength: 3, pool: 60}]")
    path = written(tmp_path, "lever, at: 2d, on: false, lever: {kind: tail_boost, strength: 3, pool: 60}")
    played(path, tmp_path / "run", *sets)
    shown = table(tmp_path / "run", "impressions").merge(table(tmp_path / "run", "items"), on="item_id")
    shown = shown[shown["candidate_source"] == "recommender"]
    popular = shown.groupby(shown["now"] < 2 * 1440 + 120)["initial_count"].mean()
    assert popular[True] < 0.7 * popular[False]


@pytest.mark.parametrize(
    ("kind", "figure"),
    [
        ("promote_tail, at: 2d, strength: 1", lambda shown: shown["initial_count"].mean()),
        ("cap_exposure, at: 2d, share: 0.1", lambda shown: shown["item_id"].value_counts(normalize=True).iloc[0]),
    ],
)
def test_exposure_moves_when_they_begin(tmp_path: Path, kind: str, figure: Any) -> None:
    played(written(tmp_path, kind), tmp_path / "run", "users.count=60", "users.search=0")
    shown = table(tmp_path / "run", "impressions").merge(table(tmp_path / "run", "items"), on="item_id")
    before, after = figure(shown.query("now < 2880")), figure(shown.query("now >= 3000"))
    assert after < 0.75 * before


def test_friends_tell_what_was_put_into_their_mouths(tmp_path: Path) -> None:
    path = written(tmp_path, "seed_opinions, at: 20h, users: 0.5, items: [i3, i7]")
    played(path, tmp_path / "run", "social.tell=0")
    tips = table(tmp_path / "run", "tips")
    assert set(tips["now"]) == {1200.0}
    assert set(tips["item_id"]) == {3, 7}
    assert tips["friend_id"].nunique() == 15
    ties = table(tmp_path / "run", "ties")
    friends = {frozenset(pair) for pair in ties[["user_id", "friend_id"]].itertuples(index=False)}
    assert all(frozenset(pair) in friends for pair in tips[["user_id", "friend_id"]].itertuples(index=False))


def test_invented_ratings_are_learned_from(tmp_path: Path) -> None:
    path = written(tmp_path, "seed_opinions, at: 20h, users: 0.5, items: [i3], through: ratings")
    played(path, tmp_path / "run", "behavior={kind: affinity}")
    watched = (table(tmp_path / "run", "impressions").query("now < 1440")["action"] == "watch").sum()
    assert table(tmp_path / "run", "refits")["synthetic_rows"].tolist()[1] == watched + 15


def test_creators_publish_by_their_exposure(tmp_path: Path) -> None:
    path = written(tmp_path, "creators, at: 1d, count: 4, held_back: 0.5, rate: 5, every: 12h")
    played(path, tmp_path / "run", "users.count=60")
    acts = table(tmp_path / "run", "interventions")
    assert acts["event"].iloc[0] == "begin"
    assert "60 items" in acts["detail"].iloc[0]
    first = acts[acts["now"] == 1440 + 720]["detail"].str.extract(
        r"creator (\d), shown ([\d,]+) times, publishes (\d+) item"
    )
    shown, published = first[1].str.replace(",", "").astype(int), first[2].astype(int)
    exposed = len(table(tmp_path / "run", "impressions").query("1440 <= now < 2160"))
    assert shown.sum() == exposed
    wanted = 5 * shown / (exposed / 4)
    assert ((published == np.floor(wanted)) | (published == np.floor(wanted) + 1)).all()
    assert published.nunique() > 1


# -- what is refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("intervention", "said"),
    [
        ("outrage, at: 1d, until: 2d", "interventions.0.kind: unknown kind 'outrage'; did you mean 'outage'?"),
        ("outage, at: 2d, until: 1d", "interventions.0: until: 1d does not come after at: 2d"),
        ("outage, at: 9d, until: 10d", "interventions.0.at: 9d is not before the end of the run: days is 5"),
        ("outage, at: 1", "interventions.0.at: 1 is not a duration"),
        ("outage, at: 1d", "interventions.0.until: 'until' is required"),
        ("ban_items, at: 1d", "nothing is given; say which items by exactly one of items, genre"),
        ("ban_items, at: 1d, genre: Drama, share: 0.1", "genre and share are given"),
        ("lever, at: 1d, lever: {kind: sdpo, strength: 1}", "interventions.0: sdpo: ItemKnn has no 'objective' to set"),
        (
            "lever, at: 1d, on: false, lever: {kind: mmr, strength: 1}",
            "no such lever to switch off; in force are: none",
        ),
        ("lever, at: 1d, lever: {kind: mmr, strenth: 1}", "did you mean 'strength'"),
        ("retraining, at: 1d", "nothing changes; give retrain, update, or both"),
        ("retraining, at: 1d, update: 1h", "interventions.0: item_knn takes nothing in between refits"),
        ("seed_opinions, at: 1d, users: 0.1, share: 0.1, rating: 5", "friends tell of items without one"),
    ],
)
def test_what_cannot_be_is_refused_before_the_start(tmp_path: Path, intervention: str, said: str) -> None:
    done = called(validate.command, written(tmp_path, intervention))
    assert done.exit_code == 2
    assert said in done.output


def test_ties_and_truths_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    path = written(
        tmp_path, "seed_opinions, at: 1d, users: 0.1, share: 0.1", base=BASE.replace("social: {tell: 0.5}", "")
    )
    assert "interventions.0: users have no friends to hear from" in called(validate.command, path).output
    path = written(tmp_path, "switch_recommender, at: 1d, recommender: oracle", base=TALKING)
    assert "interventions.0: an oracle ranks by what users really want" in called(validate.command, path).output


@pytest.mark.parametrize(
    ("intervention", "said"),
    [
        ("ban_items, at: 1d, items: [i3, nothing]", "interventions.0: ban_items: unknown item 'nothing'; items go by"),
        ("add_items, at: 1d, genre: Drana", "interventions.0: add_items: unknown genre 'Drana'; did you mean 'Drama'?"),
        (
            "seed_opinions, at: 1d, users: 1, share: 0.1, through: ratings, rating: 9",
            "interventions.0: seed_opinions: rating: 9 is not on the scale from 1 to 5",
        ),
    ],
)
def test_items_the_catalog_lacks_are_named_and_nothing_is_left(tmp_path: Path, intervention: str, said: str) -> None:
    done = tasteloop("run", written(tmp_path, intervention), "--out", tmp_path / "run", check=2)
    assert said in done.stderr
    assert not (tmp_path / "run").exists()
