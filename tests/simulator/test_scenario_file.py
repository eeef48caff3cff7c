"""Scenario files: every problem at once and in its place, studies expanded, everything written back."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.errors import InvalidInput
from simulator.scenario import Scenario
from simulator.scenario_file import InvalidScenario, digest, expand, has_study, read, resolved
from simulator.source import parse

SOUND = """\
name: sound
data: {kind: "synthetic:tiny"}
behavior: {kind: uniform}
recommender: {kind: ease, slate_size: 5, retrain: 36h, ridge: 20}
"""
STUDY = (
    SOUND
    + """\
seed: 4
study:
  baseline: ease
  seeds: 2
  arms:
    ease: {}
    ridged: {recommender: {ridge: 90}}
    random: {recommender: {kind: random}, days: 5}
"""
)


@pytest.fixture
def write(tmp_path):
    def written(text: str, name: str = "scenario.yaml") -> Path:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return written


def places(path, overrides=()):
    """Return line and column of every problem, with its path."""
    with pytest.raises(InvalidScenario) as caught:
        read(path, overrides)
    return {finding.path: (finding.mark.line, finding.mark.column) for finding in caught.value.findings}


def test_a_sound_file_is_read_with_defaults(write):
    scenario = read(write(SOUND))
    assert (scenario.recommender.slate_size, scenario.recommender.retrain) == (5, 36 * 60.0)
    assert scenario.recommender.spec() == {"kind": "ease", "ridge": 20}
    assert scenario.data.split.held_out == 0.2


def test_every_problem_is_named_in_its_place(write):
    text = """\
name: two words
sed: 3
days: no
data: {kind: ml-100x, split: {held_out: 1.5, user: .5}}
users:
  count: sixty
  persona: from_history
behavior: {kind: uniform, probabilty: 0.3}
recommender:
  kind: ease
  ridge: -1
  slate_sze: 10
  retrain: 1 day
  exclude_seen: no
platform: {window: 15}
engine: {concurrency: 0}
llm: {hosted: {model: x}}
budget: {usd: .nan}
"""
    assert places(write(text)) == {
        "name": (1, 7),
        "sed": (2, 1),
        "days": (3, 7),
        "data.kind": (4, 14),
        "data.split.held_out": (4, 41),
        "data.split.user": (4, 46),
        "users.count": (6, 10),
        "users.persona": (7, 12),
        "behavior.probabilty": (8, 27),
        "recommender.ridge": (11, 10),
        "recommender.slate_sze": (12, 3),
        "recommender.retrain": (13, 12),
        "recommender.exclude_seen": (14, 17),
        "platform.window": (15, 20),
        "engine.concurrency": (16, 23),
        "llm.hosted.kind": (17, 7),
        "budget.usd": (18, 15),
    }


def test_a_message_shows_the_line_a_caret_and_what_was_meant(write):
    path = write(SOUND.replace("slate_size", "slate_sise"))
    with pytest.raises(InvalidScenario) as caught:
        read(path)
    line = "recommender: {kind: ease, slate_sise: 5, retrain: 36h, ridge: 20}"
    assert str(caught.value) == (
        f"{path}:4:27: recommender.slate_sise: unknown key 'slate_sise'; did you mean 'slate_size'?\n"
        f"    4 | {line}\n" + " " * 34 + "^" * 10
    )


@pytest.mark.parametrize("text", ["", "- 1", "just words", "3", "null"])
def test_what_is_no_mapping_is_refused(write, text):
    with pytest.raises(InvalidScenario, match="a scenario is a mapping"):
        read(write(text))


@pytest.mark.parametrize("key", ["name", "data"])
def test_a_required_key_is_missed(write, key):
    lines = [line for line in SOUND.splitlines() if not line.startswith(key)]
    assert set(places(write("\n".join(lines)))) == {key}


def test_a_recommender_is_required_without_a_study(write):
    assert set(places(write(SOUND.replace("kind: ease, ", "").replace(", ridge: 20", "")))) == {"recommender.kind"}


@pytest.mark.parametrize("value", ["no", "yes", "1", "'true'"])
def test_only_true_and_false_are_truth_values(write, value):
    assert set(places(write(SOUND), [f"recommender.warm={value}"])) == {"recommender.warm"}


@pytest.mark.parametrize("value", ["12:30:00", "30", "1 day", "-5m", "P1D"])
def test_only_a_number_with_a_unit_is_a_duration(write, value):
    assert set(places(write(SOUND), [f"platform.window={value}"])) == {"platform.window"}


def test_a_language_model_a_behavior_names_must_exist(write, tmp_path, monkeypatch):
    module = """
from dataclasses import dataclass
from agents.behaviors.base import TalkingBehavior

@dataclass
class Talker(TalkingBehavior):
    '''Talk.'''
    model: str = "local"
    def respond(self, pages): ...
    def converse(self, pages, seen, memories): ...
    def conclude(self, pages, ends): ...
"""
    (tmp_path / "talkers.py").write_text(module)
    monkeypatch.syspath_prepend(tmp_path)
    spec = "behavior={kind: 'talkers:Talker', model: hostd}"
    path = write(SOUND + "llm: {hosted: {kind: scripted}}\n")
    with pytest.raises(
        InvalidScenario, match="unknown language model of the llm section 'hostd'; did you mean 'hosted'"
    ):
        read(path, [spec])
    assert read(path, [spec.replace("hostd", "hosted")])
    with pytest.raises(InvalidScenario, match="'local'"):
        read(path, ["behavior={kind: 'talkers:Talker'}"])


def test_overrides_are_laid_on_top_in_order(write):
    scenario = read(write(SOUND), ["seed=3", "recommender.slate_size=7", "seed=4", "recommender.kind=random"])
    assert (scenario.seed, scenario.recommender.slate_size) == (4, 7)
    assert scenario.recommender.spec() == {"kind": "random"}


def test_a_wrong_override_is_blamed_itself(write):
    with pytest.raises(InvalidScenario) as caught:
        read(write(SOUND), ["users.count=many"])
    assert str(caught.value).startswith(
        "--set:1:1: users.count: 'many' should be a whole number\n    1 | users.count=many"
    )


def test_extends_lays_a_file_on_another(write, tmp_path):
    (tmp_path / "bases").mkdir()
    write(SOUND, "bases/root.yaml")
    write("extends: root.yaml\nseed: 5\nrecommender: {ridge: 7}\n", "bases/middle.yaml")
    scenario = read(write("extends: bases/middle.yaml\nname: top\nrecommender: {slate_size: 3}\n"))
    assert (scenario.name, scenario.seed) == ("top", 5)
    assert (scenario.recommender.slate_size, scenario.recommender.spec()["ridge"]) == (3, 7)


def test_a_problem_of_a_base_is_placed_in_the_base(write):
    base = write(SOUND + "sed: 1\n", "base.yaml")
    with pytest.raises(InvalidScenario) as caught:
        read(write("extends: base.yaml\ndays: no\n"))
    assert {(Path(f.mark.file).name, f.mark.line) for f in caught.value.findings} == {
        ("base.yaml", 5),
        ("scenario.yaml", 2),
    }
    assert base.is_file()


@pytest.mark.parametrize("name", ["scenario.yaml", "missing.yaml", "[1]", "circle.yaml"])
def test_extends_that_leads_nowhere_is_refused_with_its_place(write, name):
    write("extends: scenario.yaml\n", "circle.yaml")
    with pytest.raises(InvalidInput, match=r"yaml:1:10: extends"):
        read(write(f"extends: {name}\n"))


def test_a_study_expands_into_arms_and_seeds(write):
    cells = expand(read(write(STUDY)))
    assert [(part.arm, part.seed) for part in cells] == [
        (arm, seed) for arm in ("ease", "ridged", "random") for seed in (4, 5)
    ]
    by_arm = {part.arm: part.scenario for part in cells}
    assert all(part.seed == part.scenario.seed and part.scenario.study is None for part in cells)
    assert by_arm["ease"].recommender.spec() == {"kind": "ease", "ridge": 20}
    assert by_arm["ridged"].recommender.spec() == {"kind": "ease", "ridge": 90}
    assert by_arm["random"].recommender.spec() == {"kind": "random"}
    assert (by_arm["random"].recommender.slate_size, by_arm["random"].days) == (5, 5)


GRID = (
    STUDY
    + """
  grid: {choice.rho: [0, 1], recommender.slate_size: [4, 6]}
  hypotheses:
    - {claim: a ridge matters, metric: gini_index, arm: ridged, expect: less}
"""
)


def test_a_grid_gives_every_arm_every_combination(write):
    parts = expand(read(write(GRID)))
    assert len(parts) == 3 * 4 * 2
    mine = [part for part in parts if part.arm == "ridged" and part.seed == 4]
    assert [(part.point, part.scenario.choice.rho, part.scenario.recommender.slate_size) for part in mine] == [
        (0, 0, 4),
        (1, 0, 6),
        (2, 1, 4),
        (3, 1, 6),
    ]
    assert mine[0].scenario.recommender.spec() == {"kind": "ease", "ridge": 90}


@pytest.mark.parametrize(
    ("wrong", "right", "where", "message"),
    [
        ("[0, 1]", "[0, 2]", "study.grid.choice.rho.1", "less than or equal to 1"),
        ("choice.rho", "choice.rhoo", "study.grid.choice.rhoo.0", "did you mean 'rho'"),
        ("choice.rho", "seed", "study.grid.seed", "cannot vary this"),
        ("choice.rho: [0, 1]", "recommender.ridge: [1, 2]", "study.grid.recommender.ridge", "of its own"),
        ("arm: ridged", "arm: riged", "study.hypotheses.0.arm", "did you mean 'ridged'"),
        ("expect: less", "expect: fewer", "study.hypotheses.0.expect", "'more' or 'less'"),
    ],
)
def test_grids_and_hypotheses_are_checked_where_they_stand(write, wrong, right, where, message):
    path = write(GRID.replace(wrong, right))
    assert where in places(path)
    with pytest.raises(InvalidInput, match=message):
        read(path)


def test_every_arm_is_checked_and_blamed_where_it_is_wrong(write):
    text = (
        STUDY.replace("ridge: 90", "rigde: 90").replace("days: 5", "dais: 5, study: {}").replace(": ease\n", ": eas\n")
    )
    assert places(write(text)) == {
        "study.baseline": (7, 13),
        "study.arms.ridged.recommender.rigde": (11, 28),
        "study.arms.random.dais": (12, 43),
        "study.arms.random.study": (12, 52),
    }


def test_a_problem_all_arms_share_is_named_once(write):
    assert places(write(STUDY.replace("retrain: 36h", "retrain: 36"))) == {"recommender.retrain": (4, 51)}


def test_arms_may_supply_the_recommender(write):
    text = (
        STUDY.replace("kind: ease, ", "")
        .replace(", ridge: 20", "")
        .replace("ease: {}", "ease: {recommender: {kind: ease}}")
    )
    assert places(write(text)) == {"study.arms.ridged.recommender.kind": (11, 14)}
    scenario = read(write(text.replace("{ridge: 90}", "{kind: ease, ridge: 90}")))
    assert scenario.recommender.kind == ""
    assert read(write(resolved(scenario), "again.yaml")) == read(write(resolved(scenario), "more.yaml"))


def test_has_study_sees_through_extends(write):
    write(STUDY, "base.yaml")
    assert has_study(write("extends: base.yaml\nname: x\n"))
    assert not has_study(write(SOUND))
    assert not has_study(write("a: [", "broken.yaml"))


@pytest.mark.parametrize("text", [SOUND, STUDY])
def test_the_resolved_scenario_reads_back_the_same(write, text):
    scenario = read(write(text))
    written = resolved(scenario)
    again = read(write(written, "resolved.yaml"))
    assert resolved(again) == written
    assert digest(again) == digest(scenario)
    assert "window: 15m" in written
    assert "recency: 1.0" in written


@given(
    st.fixed_dictionaries(
        {
            "description": st.text(max_size=40),
            "seed": st.integers(0, 2**63 - 1),
            "days": st.floats(0.001, 36500),
            "platform": st.fixed_dictionaries({"window": st.integers(1, 10**6).map(lambda n: f"{n}s")}),
            "users": st.fixed_dictionaries({"sessions_per_day": st.floats(1e-6, 100), "count": st.integers(1, 10**7)}),
        }
    )
)
@settings(max_examples=40, deadline=None)
def test_any_values_survive_being_written(tmp_path_factory, values):
    base = {"name": "x", "data": {"kind": "synthetic:tiny"}, "behavior": {"kind": "uniform"}}
    scenario = Scenario.model_validate(base | {"recommender": {"kind": "random"}} | values)
    path = tmp_path_factory.mktemp("any") / "resolved.yaml"
    path.write_text(resolved(scenario), encoding="utf-8")
    again = read(path)
    assert resolved(again) == resolved(scenario)
    assert again.platform.window == scenario.platform.window


@pytest.mark.parametrize(
    "change", ["engine.concurrency=3", "budget.usd=1", "name=y", "description=z", "engine.threads=1"]
)
def test_the_digest_leaves_out_what_cannot_change_a_log(write, change):
    assert digest(read(write(SOUND), [change])) == digest(read(write(SOUND)))


@pytest.mark.parametrize(
    "change", ["seed=1", "days=4", "recommender.ridge=21", "platform.window=16m", "choice.rho=0.4"]
)
def test_the_digest_covers_what_can(write, change):
    assert digest(read(write(SOUND), [change])) != digest(read(write(SOUND)))


def test_writing_a_default_out_changes_no_digest(write):
    assert digest(read(write(SOUND), ["recommender.recency=1.0", "users.count=60"])) == digest(read(write(SOUND)))


@pytest.mark.parametrize("secret", ["sk-0123456789abcdefghij", "http://me:hunter22@host/v1", "my-own-secret"])
def test_a_secret_in_a_file_is_refused_and_not_repeated(write, monkeypatch, secret):
    monkeypatch.setenv("SOME_API_KEY", "my-own-secret")
    with pytest.raises(InvalidScenario) as caught:
        read(write(SOUND + f"description: ask {secret}\n"))
    assert "description: holds a secret" in str(caught.value)
    assert secret.removeprefix("http://me:").removesuffix("@host/v1") not in str(caught.value)


PLACES = [
    (),
    ("name",),
    ("seed",),
    ("data",),
    ("data", "kind"),
    ("data", "split"),
    ("data", "variant"),
    ("users",),
    ("users", "persona"),
    ("behavior",),
    ("behavior", "kind"),
    ("behavior", "members"),
    ("llm",),
    ("llm", "a"),
    ("recommender",),
    ("recommender", "kind"),
    ("recommender", "levers"),
    ("recommender", "ridge"),
    ("platform", "window"),
    ("study",),
    ("study", "arms"),
    ("study", "arms", "ease"),
    ("study", "arms", "ease", "recommender"),
    ("study", "baseline"),
    ("extends",),
]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True)
    | st.text(max_size=5)
    | st.sampled_from(["ease", "1d"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["kind", "arms", "a", "0"]), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(st.lists(st.tuples(st.sampled_from(PLACES), VALUES), min_size=1, max_size=3))
@settings(max_examples=100, deadline=None)
def test_any_mistake_is_a_message_with_a_place(tmp_path_factory, changes):
    data = parse(STUDY, "study").data
    for where, value in changes:
        data = _replaced(data, where, value)
    path = tmp_path_factory.mktemp("any") / "scenario.yaml"
    path.write_text(
        json.dumps(data, ensure_ascii=True).replace("NaN", ".nan").replace("Infinity", ".inf"), encoding="utf-8"
    )
    assert _mistakes_are_placed(path)


def _mistakes_are_placed(path):
    try:
        return bool(resolved(read(path)))
    except InvalidScenario as error:
        return all(finding.message and finding.mark.line == 1 for finding in error.findings)
    except InvalidInput as error:
        return "scenario.yaml" in str(error)


def _replaced(data, where, value):
    if not where:
        return value
    inner = data if isinstance(data, dict) else {}
    return inner | {where[0]: _replaced(inner.get(where[0]), where[1:], value)}
