"""The published data sets, as published; skipped where they are not at hand."""

from pathlib import Path

import numpy as np
import pytest

from agents.errors import InvalidInput, MissingResource
from simulator.data.base import Dataset
from simulator.data.entry import MIRROR, Entry
from simulator.data.ml_100k import MovieLens100K
from simulator.data.movietweetings_100k import MovieTweetings100K

SHARED = Path(__file__).parents[4] / "shared" / "data"


def check(data: Dataset, entry: Entry) -> None:
    log = data.interactions
    assert (len(data.users), len(data.catalog), len(log)) == (entry.users, entry.items, entry.interactions)
    assert all(file["bad"] == 0 for file in data.identity["rejected"])
    assert data.identity["repeated"] == 0
    assert data.identity["licence"] == entry.licence
    assert log.time[-1] == 0
    assert (np.diff(log.time) >= 0).all()
    assert np.isin(log.rating, np.arange(data.scale[0], data.scale[1] + 1)).all()


def test_movielens_100k() -> None:
    if not MovieLens100K.ENTRY.ready():
        pytest.skip(f"ml-100k is not cached: {MovieLens100K.ENTRY.remedy()}")
    data = MovieLens100K().load()
    check(data, MovieLens100K.ENTRY)
    assert data.scale == (1, 5, 1)
    assert data.users[:2] == ("1", "2")
    assert data.demographics[0] == {"age": "24", "gender": "M", "occupation": "technician"}
    by_name = dict(zip(data.catalog.names, data.catalog.items, strict=True))
    assert by_name["1"].genres == ("Animation", "Children's", "Comedy")
    assert by_name["543"].title == "Misérables, Les"
    assert by_name["267"].genres == (), "the genre 'unknown' is none"
    assert by_name["1412"].year == 1995, "its year column holds a Roman numeral, its title the year"
    assert "Film-Noir" in data.catalog.genres
    assert len(data.catalog.genres) == 18


def test_movietweetings_100k(monkeypatch: pytest.MonkeyPatch) -> None:
    if not MovieTweetings100K.ENTRY.ready():
        if not SHARED.is_dir():
            pytest.skip(f"movietweetings-100k is not here: {MovieTweetings100K.ENTRY.remedy()}")
        monkeypatch.setenv(MIRROR, str(SHARED))
    data = MovieTweetings100K().load()
    check(data, MovieTweetings100K.ENTRY)
    assert data.scale == (0, 10, 1)
    assert data.catalog.items[0].title == "Fantômas - À l'ombre de la guillotine"


def test_what_is_not_here_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TASTELOOP_HOME", str(tmp_path))
    monkeypatch.delenv(MIRROR, raising=False)
    with pytest.raises(MissingResource, match=r"python run_sim\.py data fetch ml-100k"):
        MovieLens100K().load()
    with pytest.raises(MissingResource, match="data import FOLDER --name movietweetings-100k"):
        MovieTweetings100K().load()


def test_a_damaged_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TASTELOOP_HOME", str(tmp_path))
    folder = MovieTweetings100K.ENTRY.folder
    folder.mkdir(parents=True)
    (folder / "ratings.dat").write_text("1::2::3::4\n")
    with pytest.raises(InvalidInput, match=r"ratings.dat is damaged"):
        MovieTweetings100K().load()
    with pytest.raises(InvalidInput, match="is not the published file"):
        MovieTweetings100K.ENTRY.adopt(folder, lambda _line: None)
