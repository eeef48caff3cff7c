"""``data`` as a person types it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agents.errors import InvalidInput, MissingResource
from simulator.cli.data import app
from simulator.components import build
from simulator.data.entry import MIRROR
from simulator.data.ml_100k import MovieLens100K

SHARED = Path(__file__).parents[4] / "shared" / "data" / "movietweetings-100k"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TASTELOOP_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(MIRROR, raising=False)
    return tmp_path / "cache"


def tasteloop(*words: str) -> str:
    done = CliRunner().invoke(app, words)
    if done.exception:
        raise done.exception
    return done.stdout


def answer(*words: str) -> dict[str, object]:
    lines = tasteloop(*words, "--json").splitlines()
    assert len(lines) == 1
    return dict(json.loads(lines[0]))


def test_list_names_every_data_set() -> None:
    states = {row["kind"]: row["state"] for row in answer("list")["datasets"]}  # type: ignore[attr-defined]
    assert states["ml-100k"] == "to fetch"
    assert states["movietweetings-100k"] == "to import"
    assert states["synthetic:1m"] == "ready"
    assert "GroupLens" in tasteloop("list")


def test_import_and_use(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "ratings.csv").write_text("user,item,rating,time\na,x,4,0\nb,y,2,60\nb,x,3,120\n")
    (tmp_path / "items.csv").write_text("item,title,genres,year\nx,Salt\u202e,Drama|War,1999\ny,Light,,\n")
    facts = answer("import", str(tmp_path), "--name", "mine")
    assert (facts["kind"], facts["users"], facts["interactions"]) == ("imported:mine", 2, 3)
    stored, fresh = (
        build("data", "imported:mine").load(),
        build("data", {"kind": "tables", "path": str(tmp_path)}).load(),
    )
    assert stored.catalog == fresh.catalog
    assert stored.users == fresh.users
    assert stored.interactions.time.tolist() == fresh.interactions.time.tolist()
    assert stored.identity["sha256"] == fresh.identity["sha256"]
    assert {"kind": "imported:mine", "state": "ready", "licence": "yours to know"} in answer("list")["datasets"]  # type: ignore[operator]
    assert answer("info", "imported:mine")["density"] == 0.75
    assert [path.name for path in (cache / "data" / "imported").iterdir()] == ["mine"]


def test_columns_are_named_on_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("who,what\n1,2\n")
    words = ("import", str(tmp_path / "log.csv"), "--name", "log")
    assert answer(*words, "--column", "user=who", "--column", "item=what")["users"] == 1
    with pytest.raises(InvalidInput, match="write ROLE=NAME"):
        tasteloop(*words, "--column", "who")


def test_bad_data_leaves_nothing(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "ratings.csv").write_text("user,item,rating\na,x,four\n")
    with pytest.raises(InvalidInput, match=r"ratings.csv:2: rating 'four' is not a finite number"):
        tasteloop("import", str(tmp_path), "--name", "bad")
    assert not cache.exists()


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden"])
def test_names_cannot_leave_the_cache(tmp_path: Path, name: str) -> None:
    (tmp_path / "ratings.csv").write_text("user,item\n1,2\n")
    with pytest.raises(InvalidInput, match="cannot name a data set"):
        tasteloop("import", str(tmp_path), "--name", name)
    with pytest.raises(InvalidInput, match="cannot name a data set"):
        build("data", {"kind": "imported", "variant": name}).load()


def test_what_was_never_imported(tmp_path: Path) -> None:
    with pytest.raises(MissingResource, match="data import PATH --name absent"):
        tasteloop("info", "imported:absent")


def test_unknown_data_sets_are_answered_with_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match="ml-100k, movietweetings-100k"):
        tasteloop("fetch", "ml-1k")
    with pytest.raises(InvalidInput, match="unknown kind"):
        tasteloop("info", "ml-1k")


def test_control_characters_are_shown_escaped(tmp_path: Path) -> None:
    rows = "".join(f"u{n},1,3\n" for n in range(200))
    (tmp_path / "ratings.csv").write_text(f"user,item,rating\n{rows}u1,1,\x1b[31m\n")
    shown = tasteloop("info", str(tmp_path / "ratings.csv"))
    assert "1 of 201 rows bad" in shown
    assert "\x1b" not in shown


@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data/movietweetings-100k is not here")
def test_published_files_are_taken_under_their_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = answer("import", str(SHARED), "--name", "movietweetings-100k")
    assert (facts["kind"], facts["licence"], facts["users"]) == ("movietweetings-100k", "MIT", 16554)
    assert answer("import", str(SHARED), "--name", "mt")["kind"] == "imported:mt"


def test_offline_fetch_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(MissingResource, match=r"pip could not download recbole==1\.2\.1"):
        tasteloop("fetch", "ml-100k")


def test_fetch_from_a_mirror_shows_the_licence(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    real = MovieLens100K.ENTRY
    monkeypatch.delenv("TASTELOOP_HOME")
    if not real.ready():
        pytest.skip(f"ml-100k is not cached: {real.remedy()}")
    mirror = real.folder.parent
    monkeypatch.setenv("TASTELOOP_HOME", str(cache))
    monkeypatch.setenv(MIRROR, str(mirror))
    done = CliRunner().invoke(app, ["fetch", "ml-100k", "--json"])
    assert "may not redistribute the data" in done.stderr
    assert json.loads(done.stdout) == {"fetched": {"ml-100k": str(cache / "data" / "ml-100k")}}
    assert real.ready()
