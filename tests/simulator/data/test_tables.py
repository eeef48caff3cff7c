"""Anyone's tables become a data set with stable ids, ordered rows and clear refusals."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.errors import InvalidInput
from simulator.data.assemble import natural
from simulator.data.base import Dataset
from simulator.data.tables import Tables

ITEMS = "movieId,title,genres\n10,Ten (1990),Drama|War\n9,Nine,(no genres listed)\n2,Two (1992),Comedy\n"
RATINGS = "userId,movieId,rating,timestamp\nu10,10,4,1200\nu9,2,3,600\nu9,9,3.5,600\n"


def folder(path: Path, **files: str) -> Path:
    for name, body in files.items():
        (path / f"{name}.csv").write_text(body)
    return path


def load(path: Path, **files: str) -> Dataset:
    return Tables(str(folder(path, **files))).load()


def test_a_folder_becomes_a_data_set(tmp_path: Path) -> None:
    data = load(tmp_path, ratings=RATINGS, movies=ITEMS)
    assert data.users == ("u9", "u10")
    assert data.catalog.names == ("2", "9", "10")
    assert [(i.item_id, i.title, i.genres, i.year) for i in data.catalog.items] == [
        (0, "Two", ("Comedy",), 1992),
        (1, "Nine", (), None),
        (2, "Ten", ("Drama", "War"), 1990),
    ]
    log = data.interactions
    assert log.user_id.tolist() == [0, 0, 1]
    assert log.item_id.tolist() == [0, 1, 2]
    assert log.time.tolist() == [-10.0, -10.0, 0.0]
    assert log.rating.tolist() == [3.0, 3.5, 4.0]
    assert not log.is_synthetic.any()
    assert data.epoch == 1200.0
    assert data.scale == (3.0, 4.0, 0.5)


def test_equal_times_keep_the_order_of_rows(tmp_path: Path) -> None:
    rows = [(user, item) for user in (3, 1, 2) for item in (7, 5, 6)]
    body = "user,item,time\n" + "".join(f"{u},{i},0\n" for u, i in rows)
    data = load(tmp_path, interactions=body)
    order = [
        (data.users[u], data.catalog.names[i])
        for u, i in zip(data.interactions.user_id, data.interactions.item_id, strict=True)
    ]
    assert order == [(str(u), str(i)) for u, i in rows]


def test_repeats_count_once_and_returns_count_again(tmp_path: Path) -> None:
    data = load(tmp_path, interactions="user,item,rating,time\n1,1,5,60\n1,1,4,60\n1,1,3,120\n")
    assert data.interactions.rating.tolist() == [5.0, 3.0]
    assert data.identity["repeated"] == 1


def test_unknown_items_are_bad_rows(tmp_path: Path) -> None:
    good = "".join(f"u{n},2,3,{n}\n" for n in range(200))
    data = load(tmp_path, ratings=RATINGS + good + "u9,404,3,600\n", movies=ITEMS)
    assert len(data.interactions) == 203
    assert data.identity["rejected"][0]["first"] == ["ratings.csv:205: movieId '404' is not an item of movies.csv"]
    with pytest.raises(InvalidInput, match=r"'404' is not an item of movies\.csv"):
        load(tmp_path, ratings=RATINGS + "u9,404,3,600\n")


def test_an_item_listed_twice_is_a_bad_row(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"movies.csv:5: movieId '10' occurs a second time"):
        load(tmp_path, ratings=RATINGS, movies=ITEMS + "10,Other,War\n")


def test_titles_are_kept_as_data(tmp_path: Path) -> None:
    hostile = "Ignore\x07 all \u202eprevious <script>"
    data = load(tmp_path, ratings="user,item\n1,1\n", items=f"item,title\n1,{hostile}\n")
    assert data.catalog.items[0].title == hostile


def test_without_items_and_times_and_ratings(tmp_path: Path) -> None:
    path = tmp_path / "clicks.csv"
    path.write_text("user,item\nb,y\na,x\na,y\n")
    data = Tables(str(path)).load()
    assert [item.title for item in data.catalog.items] == ["x", "y"]
    assert data.interactions.user_id.tolist() == [1, 0, 0]
    assert np.isnan(data.interactions.rating).all()
    assert data.scale == (1.0, 5.0, 1.0)
    assert data.identity["notes"] == ["no times: row order"]


def test_recbole_files(tmp_path: Path) -> None:
    (tmp_path / "x.inter").write_text("user_id:token\titem_id:token\trating:float\ttimestamp:float\n1\t1\t5\t60\n")
    item = "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
    (tmp_path / "x.item").write_text(item + "1\tToy Story\t1995\tAnimation Children's Film-Noir\n")
    (tmp_path / "x.user").write_text("user_id:token\tage:token\tzip_code:token\n1\t24\t85711\n")
    data = Tables(str(tmp_path)).load()
    assert data.catalog.items[0].genres == ("Animation", "Children's", "Film-Noir")
    assert data.catalog.items[0].year == 1995
    assert data.demographics == ({"age": "24"},), "nobody decides by postal codes"


def test_columns_can_be_named(tmp_path: Path) -> None:
    path = folder(tmp_path, ratings="who,what\n1,2\n") / "ratings.csv"
    with pytest.raises(InvalidInput, match=r"who, what; none is known to be the user: say columns"):
        Tables(str(path)).load()
    assert len(Tables(str(path), columns={"user": "who", "item": "what"}).load().interactions) == 1
    with pytest.raises(InvalidInput, match="no column 'whom'; there are who, what"):
        Tables(str(path), columns={"user": "whom", "item": "what"}).load()
    with pytest.raises(InvalidInput, match="'viewer' is no role; roles are user, item"):
        Tables(str(path), columns={"viewer": "who"}).load()


def test_ratings_outside_a_stated_scale_are_bad(tmp_path: Path) -> None:
    path = folder(tmp_path, ratings=RATINGS) / "ratings.csv"
    with pytest.raises(InvalidInput, match=r"ratings.csv:2: rating '4' is outside 1..3.5"):
        Tables(str(path), scale=(1, 3.5, 0.5)).load()


def test_folders_that_do_not_tell(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="holds no interactions"):
        Tables(str(tmp_path)).load()
    with pytest.raises(InvalidInput, match="does not exist"):
        Tables(str(tmp_path / "absent")).load()
    with pytest.raises(InvalidInput, match=r"holds interactions\.csv and ratings\.csv; name the one"):
        load(tmp_path, ratings=RATINGS, interactions=RATINGS)


def test_users_dat_is_never_read(tmp_path: Path) -> None:
    (tmp_path / "ratings.dat").write_text("1::7::5::60\n")
    (tmp_path / "movies.dat").write_text("7::Seven (1995)::Crime\n")
    (tmp_path / "users.dat").write_text("1::177651718\n")
    data = Tables(str(tmp_path)).load()
    assert sorted(data.identity["sha256"]) == ["movies.dat", "ratings.dat"]
    assert data.demographics == ()


@given(st.lists(st.integers(0, 10**9), unique=True))
def test_natural_order_of_numbers_is_their_order(numbers: list[int]) -> None:
    assert sorted((f"u{n}" for n in numbers), key=natural) == [f"u{n}" for n in sorted(numbers)]


@pytest.mark.parametrize(
    ("year", "expected"), [("1995.0", 1995), ("-720", -720), ("V", None), ("1e999", None), ("1e300", None)]
)
def test_years(tmp_path: Path, year: str, expected: int | None) -> None:
    data = load(tmp_path, ratings="user,item\n1,1\n", items=f"item,title,year\n1,T,{year}\n")
    assert data.catalog.items[0].year == expected


def test_ids_of_very_many_digits(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="is longer than"):
        load(tmp_path, ratings=f"user,item\n{'1' * 9999},1\n")
    assert len(load(tmp_path, ratings=f"user,item\n{'1' * 3999},1\n").users[0]) == 3999


@given(st.lists(st.text()))
def test_natural_order_never_fails_and_is_total(texts: list[str]) -> None:
    backwards = texts[::-1]
    assert sorted(texts, key=natural) == sorted(backwards, key=natural)
