"""Components are found by listing folders, and their parameters are checked."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.errors import InvalidInput
from simulator.components import FAMILIES, InvalidSpec, build, describe, find, kind_of, names, schema
from simulator.recommenders.base import Recommender
from simulator.scenario import duration, minutes

MODULE = '''
from abc import abstractmethod
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from agents.behaviors.base import Behavior
from simulator.scenario import Duration

if TYPE_CHECKING:
    from somewhere import Fitted


class Color(Enum):
    RED = "red"


@dataclass
class Whole(Behavior):
    """Try everything."""

    needed: int = field(kw_only=True)
    share: float = 1.0
    flag: bool = True
    half_life: Duration = 60.0
    every: Duration | Literal["never"] = "never"
    weights: tuple[float, ...] = (1.0,)
    color: Color = Color.RED
    mode: Literal["auto", "labels"] = "auto"
    inner: Behavior | None = None
    parts: list[Behavior] = field(default_factory=list)
    fitted: "Fitted" = field(init=False, repr=False)

    def respond(self, pages): ...


@dataclass
class Part(Behavior):
    """Be a part."""

    size: Annotated[int, Field(ge=1)] = 3

    def __post_init__(self):
        if self.size == 13:
            raise ValueError("13 brings bad luck; take 12")

    def respond(self, pages): ...


@dataclass
class Unfinished(Behavior):
    """Decide nothing yet."""


class Plain(Behavior):
    """Be no dataclass."""

    def respond(self, pages): ...
'''


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """A module outside the repository, with components."""
    (tmp_path / "somebody.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield "somebody"
    sys.modules.pop("somebody", None)


def problems_of(spec):
    with pytest.raises(InvalidSpec) as caught:
        build("behaviors", spec)
    return {p.where: p.message for p in caught.value.problems}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_folder_is_the_registry(family):
    folder = FAMILIES[family][0].replace(".", "/")
    for kind in names(family):
        assert Path(folder, f"{kind.replace('-', '_')}.py").is_file()
        assert kind_of(family, find(family, kind)) == kind


def test_hyphens_are_underscores():
    assert find("recommenders", "item-knn") is find("recommenders", "item_knn")


def test_a_variant_reaches_the_component():
    assert build("data", {"kind": "synthetic:tiny"}).variant == "tiny"


def test_a_variant_and_a_contradicting_parameter_are_refused():
    with pytest.raises(InvalidSpec, match="tiny"):
        build("data", {"kind": "synthetic:tiny", "variant": "small"})


@pytest.mark.parametrize(
    "kind", ["base", "__init__", "../ease", "Ease", "", "ease.py", ":", ".:X", "linear", "a.b:C", "1"]
)
def test_what_is_no_component_is_refused(kind):
    with pytest.raises(InvalidSpec):
        build("recommenders", {"kind": kind})


def test_an_unknown_kind_is_met_with_a_near_one():
    with pytest.raises(InvalidSpec, match="unknown kind 'popularty'; did you mean 'popularity'"):
        find("recommenders", "popularty")


@pytest.mark.parametrize("spec", [{}, {"kind": None}, {"kind": 3}, {"kind": ["ease"]}])
def test_a_spec_without_kind_is_refused(spec):
    with pytest.raises(InvalidSpec, match="names no component"):
        build("recommenders", spec)


def test_a_dotted_path_names_a_class_elsewhere(outside):
    part = build("behaviors", {"kind": f"{outside}:Part", "size": 5})
    assert part.size == 5
    assert kind_of("behaviors", type(part)) == f"{outside}:Part"


@pytest.mark.parametrize("name", ["Unfinished", "Plain", "Color", "Missing", "dataclass"])
def test_a_dotted_path_to_something_else_is_refused(outside, name):
    with pytest.raises(InvalidSpec, match="is not a concrete dataclass"):
        find("behaviors", f"{outside}:{name}")


def test_an_entry_point_names_a_class_elsewhere(outside, monkeypatch):
    from importlib.metadata import EntryPoint

    point = EntryPoint("theirs", f"{outside}:Part", "tasteloop.behaviors")
    monkeypatch.setattr("simulator.components.entry_points", lambda group, name: [point] if name == point.name else [])
    assert find("behaviors", "theirs").__name__ == "Part"


def test_every_wrong_parameter_is_named_at_once(outside):
    found = problems_of(
        {
            "kind": f"{outside}:Whole",
            "flag": "no",
            "half_lif": "2d",
            "half_life": 2,
            "every": "5 parsecs",
            "weights": [1, "x"],
            "color": "blue",
            "mode": "never",
            "inner": {"kind": f"{outside}:Part", "size": 0, "sise": 1},
            "parts": [{"kind": f"{outside}:Part"}, {"kind": "nobody"}, {"kind": f"{outside}:Part", "size": 13}],
        }
    )
    assert set(found) == {
        ("needed",),
        ("flag",),
        ("half_lif",),
        ("half_life",),
        ("every",),
        ("weights", 1),
        ("color",),
        ("mode",),
        ("inner", "size"),
        ("inner", "sise"),
        ("parts", 1, "kind"),
        ("parts", 2),
    }
    assert found[("half_lif",)] == "unknown key 'half_lif'; did you mean 'half_life'?"
    assert "'no' should be true or false" in found[("flag",)]
    assert "write a number with its unit" in found[("half_life",)]
    assert "take 12" in found[("parts", 2)]


@pytest.mark.parametrize("value", ["3", 3.0, True, None, [3]])
def test_nothing_is_coerced_to_a_whole_number(outside, value):
    assert ("needed",) in problems_of({"kind": f"{outside}:Whole", "needed": value})


def test_a_component_is_described_by_the_spec_that_builds_it_again(outside):
    spec = {"kind": f"{outside}:Whole", "needed": 1, "every": "36h", "inner": {"kind": f"{outside}:Part", "size": 2}}
    whole = build("behaviors", spec)
    described = describe("behaviors", whole)
    assert described["every"] == "36h"
    assert described["half_life"] == "1h"
    assert described["color"] == "red"
    assert described["inner"] == {"kind": f"{outside}:Part", "size": 2, "share": 1.0}
    assert describe("behaviors", build("behaviors", described)) == described


@pytest.mark.parametrize("family", FAMILIES)
def test_every_component_has_a_schema(family):
    for kind in names(family):
        assert schema(find(family, kind))["additionalProperties"] is False


def test_two_components_in_one_file_are_refused(tmp_path, monkeypatch):
    import simulator.recommenders as folder

    text = "from dataclasses import dataclass\nfrom simulator.recommenders.random import Random\n"
    for name in ("First", "Second"):
        text += f"@dataclass\nclass {name}(Random):\n    pass\n"
    (tmp_path / "twice_over.py").write_text(text)
    monkeypatch.setattr(folder, "__path__", [*folder.__path__, str(tmp_path)])
    with pytest.raises(InvalidInput, match="several components"):
        find("recommenders", "twice_over")


def test_the_base_itself_is_no_component():
    assert not [kind for kind in names("recommenders") if find("recommenders", kind) is Recommender]


@given(st.floats(min_value=0, max_value=1e9))
def test_a_duration_is_written_as_it_is_read(value):
    assert minutes(duration(value)) == value


@pytest.mark.parametrize("text", ["", "5", "5 parsecs", "-5m", "1.5.5h", "m", "5M", 5, 5.0, None, True, ["5m"], "5m "])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="is not a duration"):
        minutes(text)
