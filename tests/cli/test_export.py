"""Exports through the command line, each read back: by pandas, by our own loaders, by those the layouts come from."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import Result

from agents.errors import GateFailed, InvalidInput
from analysis.cli import export
from analysis.export import movielens, open_bandit, recbole
from analysis.export.exporting import formats
from simulator.data.base import Dataset
from simulator.data.ml_100k import MovieLens100K
from simulator.data.tables import Tables
from tests.cli.augmenting import augmented, refused, rewritten, rows
from tests.command_line import called, tasteloop

FORMATS = ("parquet", "huggingface", "csv", "jsonl", "recbole", "movielens", "open-bandit", "croissant")
SHARED = ("interactions", "users", "items", "exposures")


def exported(*words: object) -> Result:
    return called(export.command, *words)


@pytest.fixture(scope="module")
def made(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the export of the dataset in a format, made when first asked for."""
    folder = tmp_path_factory.mktemp("exports")

    def of(kind: str) -> Path:
        out = folder / kind
        if not out.exists():
            done = exported(dataset, "--format", kind, "--out", out)
            assert done.exit_code == 0, done.exception
        return out

    return of


def test_the_formats_are_those_that_are_documented() -> None:
    assert set(formats()) == set(FORMATS)


@pytest.mark.parametrize("kind", FORMATS)
def test_an_export_has_licence_provenance_and_checksums(dataset: Path, made: Callable[[str], Path], kind: str) -> None:
    out = made(kind)
    sums = dict(reversed(line.split("  ")) for line in (out / "SHA256SUMS").read_text().splitlines())
    files = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if path.is_file()}
    assert sums == {
        name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items() if name != "SHA256SUMS"
    }
    about = json.loads((out / "dataset.json").read_text())
    assert about["runs"] == json.loads((dataset / "dataset.json").read_text())["runs"]
    assert "none needed: invented" in (out / "LICENCE.txt").read_text()


@pytest.mark.parametrize("kind", FORMATS)
def test_the_evaluation_split_stays_here(dataset: Path, tmp_path: Path, kind: str) -> None:
    marked = Path(shutil.copytree(dataset, tmp_path / "marked"))
    rewritten(marked / "held_out.parquet", lambda f: f.assign(rating=4.0, time=f["time"] + 1e8 + 0.123))
    about = json.loads((marked / "dataset.json").read_text())
    about["checksums"]["held_out.parquet"] = hashlib.sha256((marked / "held_out.parquet").read_bytes()).hexdigest()
    (marked / "dataset.json").write_text(json.dumps(about))
    done = exported(marked, "--format", kind, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.exception
    latest = f"{rows(marked, 'held_out')['time'].max():.3f}".encode()
    assert not [path for path in (tmp_path / "out").rglob("*") if "held_out" in path.name]
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file() and latest in path.read_bytes()]


def test_the_command_tells_what_it_wrote(dataset: Path, tmp_path: Path) -> None:
    done = tasteloop("export", dataset, "--format", "csv", "--out", tmp_path / "out", "--json")
    told = json.loads(done.stdout)
    assert told["rows"] == len(rows(dataset))
    assert set(told["files"]) | {"SHA256SUMS"} == {path.name for path in (tmp_path / "out").iterdir()}


@pytest.mark.parametrize("table", SHARED)
def test_parquet_holds_the_tables_as_they_are(dataset: Path, made: Callable[[str], Path], table: str) -> None:
    pd.testing.assert_frame_equal(rows(made("parquet"), table), rows(dataset, table))


@pytest.mark.parametrize("table", SHARED)
def test_huggingface_holds_a_configuration_a_table(dataset: Path, made: Callable[[str], Path], table: str) -> None:
    from huggingface_hub import DatasetCard

    card = DatasetCard.load(made("huggingface") / "README.md")
    (config,) = (one for one in card.data.to_dict()["configs"] if one["config_name"] == table)
    (path,) = made("huggingface").glob(config["data_files"][0]["path"])
    pd.testing.assert_frame_equal(pd.read_parquet(path), rows(dataset, table))


def test_the_card_says_what_is_synthetic_and_whose_licence_it_is(dataset: Path, made: Callable[[str], Path]) -> None:
    from huggingface_hub import DatasetCard

    card = DatasetCard.load(made("huggingface") / "README.md")
    assert card.data.license == "other"
    assert (made("huggingface") / card.data.license_link).is_file()
    assert f"{rows(dataset)['is_synthetic'].sum():,} of simulated users" in card.text
    assert all(run["run"] in card.text for run in json.loads((dataset / "dataset.json").read_text())["runs"])


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    lists = [name for name in frame if name == "genres" and not isinstance(frame[name].iloc[0], str)]
    joined = {name: frame[name].map("|".join) for name in lists}
    plain = frame.assign(**joined)
    numbers = plain.select_dtypes(["number"]).columns
    return plain.astype(dict.fromkeys(numbers, np.float64)).astype(object).where(plain.notna(), None)


@pytest.mark.parametrize("table", SHARED)
def test_csv_reads_back(dataset: Path, made: Callable[[str], Path], table: str) -> None:
    read = pd.read_csv(made("csv") / f"{table}.csv")
    pd.testing.assert_frame_equal(_plain(read), _plain(rows(dataset, table)), check_dtype=False)


@pytest.mark.parametrize("table", SHARED)
def test_json_lines_read_back(dataset: Path, made: Callable[[str], Path], table: str) -> None:
    lines = (made("jsonl") / f"{table}.jsonl").read_text().splitlines()
    read = pd.DataFrame([json.loads(line) for line in lines])
    pd.testing.assert_frame_equal(_plain(read), _plain(rows(dataset, table)), check_dtype=False)


def taken(data: Dataset) -> set[tuple[str, str, float, float]]:
    """Return (user, item, rating, Unix second to the millisecond) of what one of our loaders read."""
    log = data.interactions
    seconds = np.round(data.epoch + 60 * log.time, 3)
    names = ([data.users[user] for user in log.user_id], [data.catalog.names[item] for item in log.item_id])
    return set(zip(*names, log.rating.tolist(), seconds.tolist(), strict=True))


def stored(dataset: Path, whole_seconds: bool = False) -> set[tuple[str, str, float, float]]:
    every = rows(dataset)
    seconds = np.floor(every["time"]) if whole_seconds else np.round(every["time"], 3)
    return set(zip(every["user"], every["item"], every["rating"], seconds, strict=True))


@pytest.mark.parametrize("kind", ["recbole", "movielens", "csv"])
def test_our_own_loader_reads_it_back(dataset: Path, made: Callable[[str], Path], kind: str) -> None:
    read, items = Tables(str(made(kind))).load(), rows(dataset, "items")
    assert taken(read) == stored(dataset, whole_seconds=kind == "movielens")
    assert [item.title for item in read.catalog.items] == list(items["title"])
    assert [item.genres for item in read.catalog.items] == [tuple(genres) for genres in items["genres"]]
    assert [item.year for item in read.catalog.items] == list(items["year"])


def test_recbole_files_have_the_published_headers(made: Callable[[str], Path]) -> None:
    files = {path.suffix: path.read_text().splitlines() for path in made("recbole").glob("recbole.*")}
    assert set(files) == {".inter", ".item", ".user"}
    published = {".inter": recbole.INTER, ".item": recbole.ITEM, ".user": recbole.USER}
    for suffix, header in published.items():
        ours = files[suffix][0].split("\t")
        assert tuple(ours[: len(header)]) == header
        assert all(name.rpartition(":")[2] in ("token", "token_seq", "float", "float_seq") for name in ours)
        assert {line.count("\t") for line in files[suffix]} == {len(ours) - 1}


def test_the_recbole_headers_are_those_of_its_own_data_set() -> None:
    entry = MovieLens100K.ENTRY
    if not entry.ready():
        pytest.skip("ml-100k is not fetched: python run_sim.py data fetch ml-100k")
    heads = {kind: entry.path(f"ml-100k.{kind}").read_text().split("\n", 1)[0] for kind in ("inter", "item", "user")}
    assert tuple(heads["inter"].split("\t")) == recbole.INTER
    assert tuple(heads["item"].split("\t")) == recbole.ITEM
    assert heads["user"].startswith(recbole.USER[0] + "\t")


def test_recbole_rows_say_what_they_are(dataset: Path, made: Callable[[str], Path]) -> None:
    read = pd.read_csv(made("recbole") / "recbole.inter", sep="\t")
    assert list(read["is_synthetic:token"]) == list(rows(dataset)["is_synthetic"])
    assert read["source_run:token"].notna().sum() == rows(dataset)["is_synthetic"].sum()


def test_what_recbole_cannot_hold_is_named(dataset: Path, tmp_path: Path) -> None:
    odd = Path(shutil.copytree(dataset, tmp_path / "odd"))
    rewritten(odd / "items.parquet", lambda f: f.assign(title='"Quoted"\tand tabbed', item=f["item"]))
    about = json.loads((odd / "dataset.json").read_text())
    for name in about["checksums"]:
        about["checksums"][name] = hashlib.sha256((odd / name).read_bytes()).hexdigest()
    (odd / "dataset.json").write_text(json.dumps(about))
    assert exported(odd, "--format", "recbole", "--out", tmp_path / "titles").exit_code == 0
    assert "'Quoted' and tabbed" in (tmp_path / "titles" / "titles.item").read_text()
    for table in ("interactions", "items", "exposures", "held_out"):
        rewritten(odd / f"{table}.parquet", lambda f: f.assign(item=f["item"] + "\tx"))
        about["checksums"][f"{table}.parquet"] = hashlib.sha256((odd / f"{table}.parquet").read_bytes()).hexdigest()
    (odd / "dataset.json").write_text(json.dumps(about))
    assert "\\tx" in refused(exported(odd, "--format", "recbole", "--out", tmp_path / "ids"), InvalidInput)
    assert not (tmp_path / "ids").exists()


def test_movielens_files_have_the_published_headers(dataset: Path, made: Callable[[str], Path]) -> None:
    heads = {name: pd.read_csv(made("movielens") / f"{name}.csv") for name in ("ratings", "movies", "provenance")}
    assert tuple(heads["ratings"].columns) == movielens.RATINGS
    assert tuple(heads["movies"].columns) == movielens.MOVIES
    assert (heads["provenance"][["userId", "movieId"]] == heads["ratings"][["userId", "movieId"]]).all(axis=None)
    assert list(heads["provenance"]["is_synthetic"]) == list(rows(dataset)["is_synthetic"])


def test_open_bandit_logs_read_as_the_pipeline_reads_them(dataset: Path, made: Callable[[str], Path]) -> None:
    shown = rows(dataset, "exposures")
    shown = shown[shown["propensity"].notna()].reset_index(drop=True)
    assert [path.name for path in made("open-bandit").iterdir() if path.is_dir()] == ["random"]
    place = made("open-bandit") / "random" / "all"
    log = pd.read_csv(place / "all.csv", index_col=0)
    context = pd.read_csv(place / "item_context.csv", index_col=0)
    assert tuple(log.columns[: len(open_bandit.LOG)]) == open_bandit.LOG
    assert tuple(context.columns) == open_bandit.CONTEXT
    assert list(log.columns[log.columns.str.contains("user_feature")]) == list(open_bandit.FEATURES)
    names = pd.read_csv(made("open-bandit") / "items.csv", index_col=0)["item"]
    assert list(names.iloc[log["item_id"]]) == list(shown["item"])
    assert list(log["user_feature_0"]) == list(shown["user"])
    assert (log["click"].to_numpy() == shown["is_taken"].to_numpy()).all()
    assert 0 < log["click"].mean() < 1
    assert (log["propensity_score"].to_numpy() == shown["propensity"].to_numpy()).all()
    assert (log["position"].to_numpy() == shown["position"].to_numpy()).all()
    assert log["timestamp"].is_monotonic_increasing
    seconds = pd.to_datetime(log["timestamp"], format="ISO8601").map(pd.Timestamp.timestamp)
    assert np.abs(seconds.to_numpy() - shown["time"].to_numpy()).max() < 1e-5


def test_open_bandit_needs_propensities(twins: tuple[Path, Path], tmp_path: Path) -> None:
    augmented(twins[1], "--out", tmp_path / "popular")
    said = refused(exported(tmp_path / "popular", "--format", "open-bandit", "--out", tmp_path / "out"), InvalidInput)
    assert "probability" in said
    assert not (tmp_path / "out").exists()


def test_croissant_says_what_it_is_made_of(dataset: Path, made: Callable[[str], Path]) -> None:
    told: dict[str, Any] = json.loads((made("croissant") / "croissant.json").read_text())
    assert told["conformsTo"] == ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"]
    for file in told["distribution"]:
        assert file["sha256"] == hashlib.sha256((made("croissant") / file["contentUrl"]).read_bytes()).hexdigest()
    for records in told["recordSet"]:
        columns = rows(made("croissant"), records["name"]).columns
        assert [field["source"]["extract"]["column"] for field in records["field"]] == list(columns)
    assert told["rai:hasSyntheticData"] is True
    assert {"rai:dataCollection", "rai:dataBiases", "rai:dataLimitations", "rai:personalSensitiveInformation"} <= set(
        told
    )
    runs = json.loads((dataset / "dataset.json").read_text())["runs"]
    assert [one["@id"].rpartition(":")[2] for one in told["prov:wasGeneratedBy"]] == [run["log_digest"] for run in runs]
    assert told["prov:wasDerivedFrom"]["prov:label"] == "synthetic:tiny"


def test_mlcroissant_finds_nothing_to_object_to_and_reads_the_rows(dataset: Path, made: Callable[[str], Path]) -> None:
    mlcroissant = pytest.importorskip("mlcroissant", reason="mlcroissant is of the dev extra: make install")
    described = mlcroissant.Dataset(jsonld=str(made("croissant") / "croissant.json"))
    assert not described.metadata.ctx.issues.errors
    assert not described.metadata.ctx.issues.warnings
    read = pd.DataFrame(list(described.records("interactions")))
    assert list(read["interactions/item"].str.decode("utf-8")) == list(rows(dataset)["item"])
    assert list(read["interactions/is_synthetic"]) == list(rows(dataset)["is_synthetic"])


def test_the_date_of_a_croissant_file_can_be_fixed(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    exported(dataset, "--format", "croissant", "--out", tmp_path / "out")
    assert json.loads((tmp_path / "out" / "croissant.json").read_text())["datePublished"] == "1970-01-02"


@pytest.fixture
def forbidden(dataset: Path, tmp_path: Path) -> Path:
    """A dataset whose source may not be redistributed."""
    copy, entry = Path(shutil.copytree(dataset, tmp_path / "forbidden")), MovieLens100K.ENTRY
    about = json.loads((copy / "dataset.json").read_text())
    terms = {"name": entry.name, "licence": entry.licence, "licence_text": entry.licence_text}
    about["source"] |= terms | {"redistributable": entry.redistributable, "citation": entry.citation}
    (copy / "dataset.json").write_text(json.dumps(about))
    return copy


@pytest.mark.parametrize("kind", FORMATS)
def test_what_may_not_be_redistributed_is_not_exported(forbidden: Path, tmp_path: Path, kind: str) -> None:
    said = refused(exported(forbidden, "--format", kind, "--out", tmp_path / "out"), InvalidInput)
    assert "ml-100k may not be redistributed without permission" in said
    assert "--permission" in said
    assert not (tmp_path / "out").exists()


def test_the_refusal_exits_with_two(forbidden: Path, tmp_path: Path) -> None:
    tasteloop("export", forbidden, "--format", "csv", "--out", tmp_path / "out", check=2)


def test_a_permission_goes_into_the_licence(forbidden: Path, tmp_path: Path) -> None:
    words = ("--permission", "letter of 1 May 2026")
    assert exported(forbidden, "--format", "csv", "--out", tmp_path / "out", *words).exit_code == 0
    terms = (tmp_path / "out" / "LICENCE.txt").read_text()
    assert "letter of 1 May 2026" in terms
    assert MovieLens100K.ENTRY.licence_text in terms
    assert "Harper" in terms


def test_a_dataset_that_fails_a_gate_is_not_exported(dataset: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(dataset, tmp_path / "copy"))
    rewritten(copy / "interactions.parquet", lambda frame: frame.assign(item="planted"))
    assert "ids_in_catalog" in refused(exported(copy, "--format", "csv", "--out", tmp_path / "out"), GateFailed)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--format", "xml", "--out", "{new}"), "recbole"),
        (("--format", "shared_tables", "--out", "{new}"), "recbole"),
        (("--format", "csv", "--out", "{there}"), "not empty"),
    ],
)
def test_what_is_asked_wrongly_is_named(dataset: Path, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine.txt").write_text("keep")
    given = [word.format(there=tmp_path / "there", new=tmp_path / "new") for word in words]
    assert said in refused(exported(dataset, *given), InvalidInput)
    assert [path.name for path in tmp_path.rglob("*")] == ["there", "mine.txt"]
