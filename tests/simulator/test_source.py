"""YAML is read as data with places, and its traps do not spring."""

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.errors import InvalidInput
from simulator.source import MAX_BYTES, load, merge, parse, put

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("012", 12),
        ("0o14", 12),
        ("12:30:00", "12:30:00"),
        ("2020-01-01", "2020-01-01"),
        ("true", True),
        ("~", None),
        ("1e3", 1000.0),
        ("'7'", "7"),
        ("7d", "7d"),
        ("<<", "<<"),
    ],
)
def test_a_word_means_what_it_looks_like(text, value):
    data = parse(f"a: {text}", "f").data["a"]
    assert data == value
    assert type(data) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2", "f:2:1: duplicate key 'a'"),
        ("a: {b: 1, b: 2}", "f:1:11: duplicate key 'b'"),
        ("a: !!python/object/apply:os.system [echo]", "is not allowed"),
        ("a: !mine 3", "is not allowed"),
        ("a: !!binary aGk=", "is not allowed"),
        ("? [1, 2]\n: 3", "a key must be a single word"),
        ("a: [1", "f:1:6: not YAML"),
        ("a: 1\n b: 2", "not YAML"),
        ("a: 1\n---\nb: 2", "not YAML"),
        ("a: *nobody", "not YAML"),
        ("a: \x00", "not YAML"),
        ("[" * 5000, "not YAML"),
        ("a: &a [*a]", "anchors expanded"),
        (BOMB, "anchors expanded"),
        ("a: " + "9" * 5000, "not YAML"),
    ],
)
def test_what_a_scenario_may_not_hold_is_refused_with_its_place(text, message):
    start = time.process_time()
    with pytest.raises(InvalidInput) as caught:
        parse(text, "f")
    assert message in str(caught.value)
    assert time.process_time() - start < 5


def test_a_large_file_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "large.yaml"
    path.write_text("a:\n" + "  - 1\n" * MAX_BYTES)
    start = time.process_time()
    with pytest.raises(InvalidInput, match="larger than 256 KiB"):
        load(path)
    assert time.process_time() - start < 0.5


def test_unreadable_files_are_named(tmp_path):
    (tmp_path / "latin.yaml").write_bytes("a: é".encode("latin-1"))
    with pytest.raises(InvalidInput, match="not UTF-8"):
        load(tmp_path / "latin.yaml")
    with pytest.raises(InvalidInput, match="No such file"):
        load(tmp_path / "missing.yaml")
    with pytest.raises(InvalidInput, match="is a folder"):
        load(tmp_path)


def test_a_mark_points_at_the_word():
    mark = parse("name: x\nusers:\n  count: sixty", "f.yaml").mark(("users", "count"))
    assert mark.point("wrong") == "f.yaml:3:10: wrong\n    3 |   count: sixty\n" + " " * 17 + "^^^^^"


def test_merging_keeps_what_the_other_does_not_say():
    assert merge({"a": {"b": 1, "c": [1]}, "d": 1}, {"a": {"c": [2]}, "e": None}, {}) == {
        "a": {"b": 1, "c": [2]},
        "d": 1,
        "e": None,
    }


def test_a_new_kind_drops_the_parameters_of_the_old_one_but_not_the_sections_keys():
    keep = {("recommender",): frozenset({"slate_size"})}
    base = {"recommender": {"kind": "ease", "ridge": 5, "slate_size": 20}}
    assert merge(base, {"recommender": {"kind": "random"}}, keep) == {
        "recommender": {"kind": "random", "slate_size": 20}
    }
    assert merge(base, {"recommender": {"ridge": 6}}, keep)["recommender"]["ridge"] == 6


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a.b=3", {"a": {"b": 3, "c": [{"d": 1}]}}),
        ("a.c.0.d=2d", {"a": {"b": 1, "c": [{"d": "2d"}]}}),
        ("a={b: 5}", {"a": {"b": 5, "c": [{"d": 1}]}}),
        ("x.y=", {"a": {"b": 1, "c": [{"d": 1}]}, "x": {"y": None}}),
        ("a.b=x=y", {"a": {"b": "x=y", "c": [{"d": 1}]}}),
    ],
)
def test_a_setting_changes_one_place(text, data):
    assert put(parse("a: {b: 1, c: [{d: 1}]}", "f"), text, {}).data == data


@pytest.mark.parametrize("text", ["a", "=3", "a..b=3", "a.c.7.d=3", "a.c.x=3", "a b=3", "a=[1"])
def test_a_wrong_setting_is_refused(text):
    with pytest.raises(InvalidInput, match="--set"):
        put(parse("a: {b: 1, c: [{d: 1}]}", "f"), text, {})


def test_a_set_value_is_marked_as_such():
    source = put(parse("a: {b: 1}", "f"), "a.b=x", {})
    assert source.mark(("a", "b")).file == "--set"


@given(st.text(max_size=200))
def test_any_text_is_data_or_a_named_mistake(text):
    with suppress(InvalidInput):
        assert isinstance(parse(text, "f").data, dict | list | str | int | float | None)
