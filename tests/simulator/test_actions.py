"""What users can do is part of the scenario: what is not in it does not happen, and no prompt offers it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from agents.asking.structured import Said, offered, parse, schema
from agents.behaviors.affinity import Affinity
from agents.behaviors.llm import Llm
from agents.behaviors.uniform import Uniform
from agents.conduct import CLEARLY
from agents.errors import InvalidInput
from agents.llm.base import Answer
from agents.schema import ABILITIES, USUAL, Choices, ExitReason, Feedback
from analysis.cli import interview, run
from analysis.finish import measure_run
from simulator.cli import estimate, validate
from simulator.scenario_file import digest, read
from tests.agents.worlds import pages, setting
from tests.command_line import called
from tests.simulator.execution.test_local import played, tables

LEVELS = (1.0, 2.0, 3.0, 4.0, 5.0)
ABLE = """
name: able
seed: 4
days: 2
data: {kind: "synthetic:tiny", min_interactions: 5}
users: {count: 30, search: 0.5, vote: 0.8}
behavior:
  kind: mixed
  members:
    - {kind: affinity, share: 0.6}
    - {kind: llm, share: 0.4, model: scripted, decide: structured, fallback: {kind: uniform}}
llm: {scripted: {kind: scripted}}
budget: {fallback_share: 1.0}
recommender: {kind: popularity, slate_size: 6}
social: {graph: {kind: homophily}, tell: 0.9, influence: 4}
"""


def without(*words: str) -> str:
    return f"users.actions=[{', '.join(word for word in ABILITIES if word not in words)}]"


def able(*words: str) -> frozenset[str]:
    return frozenset(ABILITIES) - frozenset(words)


def log(folder: Path, *sets: str) -> dict[str, pd.DataFrame]:
    manifest = played(folder, ABLE, *sets)
    assert manifest["counts"]["pages"] > 10
    return tables(folder)


def test_everything_at_once_in_columns_and_on_clocks(tmp_path: Path) -> None:
    columns = played(tmp_path / "columns", ABLE, without())
    clocks = played(tmp_path / "clocks", ABLE, without(), "engine.columns=false")
    assert columns["log_digest"] == clocks["log_digest"]
    assert columns["actions"] == list(ABILITIES)
    shown = tables(tmp_path / "columns")["impressions"]
    watched = shown[shown["action"] == "watch"]
    assert set(watched["feedback"]) == {"", "like", "dislike"}
    assert set(shown[shown["action"] != "watch"]["feedback"]) == {""}
    rule = watched[watched["decided_by"] == "rule"].groupby("feedback", observed=True)["rating"].mean()
    assert rule["like"] > rule[""] > rule["dislike"]
    lines = "\n".join(tables(tmp_path / "columns")["memory"]["text"])
    assert ", liked it" in lines
    assert ", disliked it" in lines


def test_what_users_cannot_do_does_not_happen(tmp_path: Path) -> None:
    alone = log(tmp_path / "alone", without("next_page", "rate", "search", "tell", "return", "dislike"))
    shown, visits = alone["impressions"], alone["sessions"]
    assert not {"searches", "tips"} & alone.keys()
    assert set(visits["pages"]) == {1}
    assert set(shown["page"]) == {1}
    assert "page_limit" in set(visits["exit_reason"])
    assert not visits["user_id"].duplicated().any()
    assert shown["rating"].isna().all()
    assert set(shown["feedback"]) == {"", "like"}
    staying = log(tmp_path / "staying", "days=1", without("leave", "like", "dislike", "watch"))
    assert set(staying["sessions"]["exit_reason"]) <= {"page_limit", "end_of_list"}
    assert set(staying["impressions"]["action"]) <= {"skip", "unseen"}
    usual = log(tmp_path / "usual")
    assert {"searches", "tips"} <= usual.keys()
    assert set(usual["impressions"]["feedback"]) == {""}
    assert usual["sessions"]["user_id"].duplicated().any()
    playing = log(tmp_path / "playing", "days=1", without("skip"))
    assert set(playing["impressions"]["action"]) <= {"watch", "unseen"}


def test_the_usual_set_is_what_is_left_unsaid(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(ABLE)
    unsaid = read(tmp_path / "s.yaml")
    said = read(tmp_path / "s.yaml", [f"users.actions=[{', '.join(reversed(USUAL))}]"])
    assert digest(said) == digest(unsaid) != digest(read(tmp_path / "s.yaml", [without()]))
    assert not {"like", "dislike"} & set(USUAL)


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ("[watch, lik]", "unknown action 'lik'; did you mean 'like'?"),
        ("[rate, like]", "able to watch or to skip"),
        ("[watch, 3]", "3 should be text"),
    ],
)
def test_a_wrong_set_is_refused_with_its_place(tmp_path: Path, actions: str, message: str) -> None:
    (tmp_path / "s.yaml").write_text(ABLE.replace("vote:", f"actions: {actions}, vote:"))
    done = called(validate.command, str(tmp_path / "s.yaml"))
    told = f"{done.output}{done.exception}"
    assert message in told
    assert "s.yaml:6:" in told


def test_likes_are_clear_and_as_frequent_as_said() -> None:
    choices = Choices(base_rate=0.5, vote=0.4, able=able("rate"))
    world = setting(choices=choices)
    behavior = Affinity()
    behavior.prepare(world)
    shown = pages(world, 400)
    decisions = behavior.respond(shown)
    behavior.prepare(setting(choices=Choices(base_rate=0.5, able=able("like", "dislike"))))
    rated = behavior.respond(shown)
    assert rated.feedback is None
    assert decisions.feedback is not None
    np.testing.assert_array_equal(decisions.action, rated.action)
    assert np.isnan(decisions.rating).all()
    own = world.personas.traits
    felt = (rated.rating - own.rating_mean[shown.user_id][:, None]) / own.rating_sd[shown.user_id][:, None]
    for code, clear in ((Feedback.LIKE, felt >= CLEARLY), (Feedback.DISLIKE, felt <= -CLEARLY)):
        assert (decisions.feedback[clear] == code).mean() == pytest.approx(0.4, abs=0.06)
        assert not (decisions.feedback[~clear] == code).any()


def test_a_prompt_offers_what_a_user_can_do() -> None:
    usual = offered(LEVELS, frozenset(USUAL))
    assert usual == (
        '"watch": the titles you watch, each with its "position" in the list and the "rating" you give it afterwards '
        "(1 to 5); an empty list if you watch nothing.\n"
        '"leave": "stay" to see the next page, or why you go: "satisfied", "tired" or "bored".\n'
        '"reason": one short sentence.'
    )
    assert 'afterwards (1 to 5) and your "feedback": "like", "dislike" or "none"' in offered(LEVELS, able())
    assert '"feedback": "like" or "none"' in offered(LEVELS, able("dislike"))
    assert '"leave": why you go: "satisfied"' in offered(LEVELS, able("next_page"))
    assert "leave" not in offered(LEVELS, able("leave"))
    assert "watch" not in offered(LEVELS, able("watch")).partition('"leave"')[0]
    for words, gone in ((("rate",), "rating"), (("like", "dislike"), "feedback"), (("leave",), "leave")):
        assert gone not in schema(6, LEVELS, able(*words))
        assert gone in schema(6, LEVELS, able())
    assert '"stay"' not in schema(6, LEVELS, able("next_page"))
    assert '"minItems":6' in schema(6, LEVELS, able("skip"))


@pytest.mark.parametrize(
    ("words", "said", "found"),
    [
        (
            (),
            {"position": 2, "rating": 4, "feedback": "like"},
            Said({1: 4.0}, ExitReason.TIRED, "", {1: Feedback.LIKE}),
        ),
        ((), {"position": 2, "rating": 4}, "wrong_shape"),
        ((), {"position": 2, "rating": 4, "feedback": "love"}, "wrong_shape"),
        (("dislike",), {"position": 2, "rating": 4, "feedback": "dislike"}, "wrong_shape"),
        (("skip",), {"position": 2, "rating": 4, "feedback": "none"}, "incomplete"),
    ],
)
def test_an_answer_is_held_to_the_set(words: tuple[str, ...], said: dict[str, Any], found: object) -> None:
    body = {"watch": [said], "leave": "tired", "reason": ""}
    assert parse(Answer("ok", text=json.dumps(body)), 6, LEVELS, able(*words)) == found
    staying = json.dumps(body | {"watch": [], "leave": "stay"})
    assert parse(Answer("ok", text=staying), 6, LEVELS, able("next_page")) == "wrong_shape"


def test_scores_of_what_users_watch_need_watching() -> None:
    behavior = Llm(model="m", decide="labels", fallback=Uniform())
    behavior.settle(frozenset(("labels",)))
    with pytest.raises(InvalidInput, match=r"users\.actions leaves watch out"):
        behavior.prepare(setting(choices=Choices(able=able("watch"))))


def test_likes_through_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.execute.finish", lambda folder, *_, **__: measure_run(folder))
    (tmp_path / "s.yaml").write_text(ABLE)
    words = ("--out", str(tmp_path / "run"), "--set", without("rate"), "--json")
    assert called(run.command, str(tmp_path / "s.yaml"), *words).exit_code == 0
    shown = tables(tmp_path / "run")["impressions"]
    figures = pd.read_parquet(tmp_path / "run" / "metrics.parquet").query("metric == 'n_likes' and day == -1")
    liked = (shown["feedback"] == "like").groupby(shown["user_id"]).sum()
    assert figures[figures["group"] == "all"]["value"].item() == pytest.approx(liked.mean())
    assert liked.sum() > 0
    someone = shown[shown["feedback"] == "like"]["user_id"].iloc[0]
    opening = "\n".join(one.text for one in interview.remembered(tmp_path / "run", read(tmp_path / "s.yaml"), someone))
    assert ", liked it" in opening


def test_an_estimate_counts_reflections_and_narratives(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(ABLE.replace("llm: {", "llm: {teller: {kind: scripted}, "))

    def models(*sets: str) -> dict[str, dict[str, Any]]:
        words = [word for one in sets for word in ("--set", one)]
        told = json.loads(called(estimate.command, str(tmp_path / "s.yaml"), "--json", *words).stdout)
        assert any("reflect" in line for line in told["assumptions"])
        return {one["model"]: one for one in told["models"]}

    plain = models()["scripted"]
    every, surprised = (
        models("users.memory.reflect_every=3")["scripted"],
        models("users.memory.surprise=2.0")["scripted"],
    )
    assert every["questions"] - plain["questions"] == round(30 * 2 * 0.4 / 3)
    assert surprised["questions"] - plain["questions"] == 30 * 2 * 0.4
    assert every["tokens_in"] - plain["tokens_in"] == 8 * (220 + 300)
    narrated = models("users.narrator=teller")
    assert narrated["scripted"] == plain
    assert narrated["teller"]["questions"] == 12
    assert models(without("next_page"))["scripted"]["questions"] == 24
    assert models(without("return"))["scripted"]["questions"] == plain["questions"] / 2


def test_editing_a_file_that_a_component_names_changes_the_digest(tmp_path: Path) -> None:
    people = tmp_path / "people.yaml"
    people.write_text("- {name: Ann, activity: 1.0}\n")
    (tmp_path / "s.yaml").write_text(ABLE.replace("users: {", f"users: {{persona: {{kind: written, path: {people}}}, "))
    first = digest(read(tmp_path / "s.yaml"))
    assert digest(read(tmp_path / "s.yaml")) == first
    people.write_text("- {name: Ann, activity: 2.0}\n")
    assert digest(read(tmp_path / "s.yaml")) != first
