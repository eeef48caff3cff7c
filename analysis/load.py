"""Load run and study folders into tidy frames."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from ruamel.yaml import YAML

from agents.errors import InvalidInput
from agents.schema import Bools, Ints
from simulator.log import TABLES
from simulator.scenario import MeasuresSection, minutes

METRICS = "metrics.parquet"
VARIANTS = "variants.parquet"
BESIDE_IDEAL = "beside_ideal.parquet"
"""Figures of a cell beside that of its study's ideal arm."""
WHOLE = "run"
"""The ``period`` of figures over the whole run."""


@dataclass(frozen=True)
class Exposure:
    """How often every item, and every position of the page (row 0 empty), was shown and watched, over the whole run."""

    items: pd.DataFrame
    positions: pd.DataFrame

    @staticmethod
    def of(parts: Iterable[pa.Table], n_items: int) -> "Exposure":
        """Return the exposure in tables with item_id, position and action; columns ``shown`` and ``watched``."""
        items, positions = np.zeros((n_items, 2), dtype=np.int64), np.zeros((1, 2), dtype=np.int64)
        for part in parts:
            watched = says(part["action"], "watch")
            item, position = (part[name].to_numpy() for name in ("item_id", "position"))
            items += _times(item, watched, n_items)
            size = max(len(positions), int(position.max(initial=0)) + 1)
            positions = np.pad(positions, ((0, size - len(positions)), (0, 0))) + _times(position, watched, size)
        return Exposure(*(pd.DataFrame(counts, columns=["shown", "watched"]) for counts in (items, positions)))


def _times(codes: Ints, watched: Bools, n: int) -> Ints:
    """Return per code how often it was shown and how often watched."""
    return np.stack([np.bincount(codes, minlength=n), np.bincount(codes[watched], minlength=n)], axis=1)


@dataclass(frozen=True)
class Run:
    """One run as frames, one per table of simulator.log, each read when first asked for."""

    folder: Path
    manifest: dict[str, Any]

    def table(
        self, name: str, columns: Sequence[str] | None = None, users: Collection[int] | None = None
    ) -> pd.DataFrame:
        """Return a table in log order, empty where the run wrote no row.

        ``columns`` and ``users`` leave out all other columns and the rows of all other users.
        """
        read = [part if users is None else _of_users(part, users) for part in self.segments(name, columns)]
        if not read:
            return pd.DataFrame(columns=list(columns or TABLES[name].__annotations__))
        frame: pd.DataFrame = pa.concat_tables(read).unify_dictionaries().to_pandas()
        return frame.reset_index(drop=True)

    def segments(self, name: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield a table segment by segment in log order, text as dictionaries: one segment is in memory at a time."""
        kinds = TABLES[name].__annotations__
        text = [column for column in columns or kinds if kinds[column] is str]
        for path in sorted((self.folder / "log").glob(f"{name}-*.parquet")):
            with pq.ParquetFile(path, read_dictionary=text) as file:
                yield file.read(columns=columns and list(columns), use_threads=False)

    def earliest(self, name: str) -> list[float]:
        """Return per segment of a table its earliest ``now``, as the file says it; time 0 where it does not."""
        found = []
        for path in sorted((self.folder / "log").glob(f"{name}-*.parquet")):
            about = pq.read_metadata(path)
            place = about.schema.names.index("now")
            told = [about.row_group(n).column(place).statistics for n in range(about.num_row_groups)]
            found.append(min((float(s.min) if s and s.has_min_max else 0.0 for s in told), default=0.0))
        return found

    @cached_property
    def every(self) -> float:
        """Return the minutes of a period of figures over time: as they were measured, else as the scenario asks."""
        measured = self.folder / METRICS
        if measured.is_file() and "period" in pq.read_schema(measured).names:
            periods = pd.read_parquet(measured, columns=["period"])["period"]
            over_time = periods[periods != WHOLE]
            if len(over_time):
                return minutes(over_time.iloc[0])
        return MeasuresSection.model_validate(self.scenario.get("measures", {})).every

    @cached_property
    def scenario(self) -> dict[str, Any]:
        """Return the scenario it played, with every default; empty where the folder does not hold it."""
        path = self.folder / "scenario.resolved.yaml"
        return dict(YAML(typ="safe", pure=True).load(path)) if path.is_file() else {}

    @cached_property
    def impressions(self) -> pd.DataFrame:
        """Return every item shown (simulator.log.Impression)."""
        return self.table("impressions")

    @cached_property
    def exposure(self) -> Exposure:
        """Return how often items and positions were shown and watched, without the impressions themselves."""
        n_items = sum(len(part) for part in self.segments("items", ["item_id"]))
        return Exposure.of(self.segments("impressions", ["item_id", "position", "action"]), n_items)

    @cached_property
    def sessions(self) -> pd.DataFrame:
        """Return every finished visit (simulator.log.Session)."""
        return self.table("sessions")

    @cached_property
    def users(self) -> pd.DataFrame:
        """Return the simulated users (simulator.log.User)."""
        return self.table("users")

    @cached_property
    def items(self) -> pd.DataFrame:
        """Return the catalog (simulator.log.CatalogItem), row i is item_id i."""
        return self.table("items")

    @cached_property
    def history(self) -> pd.DataFrame:
        """Return the interactions the platform knew at time 0 (simulator.log.Taken)."""
        return self.table("history")

    @cached_property
    def llm_calls(self) -> pd.DataFrame:
        """Return every question to a language model (simulator.log.LlmCall)."""
        return self.table("llm_calls")

    @cached_property
    def refits(self) -> pd.DataFrame:
        """Return every training of the recommender (simulator.log.Refit)."""
        return self.table("refits")

    @cached_property
    def updates(self) -> pd.DataFrame:
        """Return what the recommender took in between trainings (simulator.log.Update)."""
        return self.table("updates")

    @cached_property
    def semantic_ids(self) -> tuple[int, Ints, Ints] | None:
        """Return the number of the last refit, its (items, digits) codes and how many each digit offers.

        The codes of an item without an ID are -1. None where the recommender, or one it wraps, has no IDs.
        """
        fits = sorted((self.folder / "checkpoints").glob("fit-*.npz"))
        if not fits:
            return None
        with np.load(fits[-1], allow_pickle=False) as stored:
            inner = next((name.removesuffix("codes") for name in stored.files if f".{name}".endswith(".codes")), None)
            if inner is None or f"{inner}offered" not in stored.files:
                return None
            codes, offered = (stored[f"{inner}{part}"].astype(np.int64) for part in ("codes", "offered"))
        return int(fits[-1].stem.removeprefix("fit-")), codes, offered

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """Return the measured figures, those beside the ideal arm last; raise InvalidInput if it was never measured."""
        path = self.folder / METRICS
        if not path.is_file():
            raise InvalidInput(f"{self.folder} has no {METRICS}; write it with: python run_sim.py report {self.folder}")
        beside = self.folder / BESIDE_IDEAL
        return pd.concat(map(pd.read_parquet, [path, *([beside] if beside.is_file() else [])]), ignore_index=True)


def _of_users(table: pa.Table, users: Collection[int]) -> pa.Table:
    return table.filter(pc.is_in(table["user_id"], pa.array(sorted(users), pa.int64())))


def says(column: pa.ChunkedArray, word: str) -> Bools:
    """Return per row whether a column of text, read as a dictionary, holds a word."""
    parts = [pc.equal(part.dictionary, word).to_numpy(False)[part.indices.to_numpy()] for part in column.chunks]
    return np.concatenate([np.empty(0, dtype=np.bool_), *parts])


def load(folder: Path) -> Run:
    """Open a run folder; raise InvalidInput if it is none."""
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        raise InvalidInput(f"{folder} is not a run folder: it has no manifest.json")
    return Run(folder, mapping(manifest))


def mapping(path: Path) -> dict[str, Any]:
    """Return the content of a JSON file that holds a mapping."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path} is damaged: {error}; restore it or run again") from error
    if not isinstance(content, dict):
        raise InvalidInput(f"{path} is damaged: it holds no JSON mapping; restore it or run again")
    return content


@dataclass(frozen=True)
class Cell:
    """One run of a study: which arm, which seed."""

    arm: str
    seed: int
    run: Run


@dataclass(frozen=True)
class Study:
    """Runs that are read together; a single run is a study of one arm.

    ``arms`` are in the order of the scenario file, the baseline first; ``cells`` by seed, then arm. Of a grid they
    are those of one ``point``; ``elsewhere`` are the same arms at its other points.
    """

    folder: Path
    name: str
    baseline: str
    arms: tuple[str, ...]
    cells: tuple[Cell, ...]
    point: Mapping[str, Any] = field(default_factory=dict)
    elsewhere: tuple["Study", ...] = ()
    hypotheses: tuple[Mapping[str, Any], ...] = ()
    """As declared (simulator.scenario.Hypothesis)."""

    @property
    def everywhere(self) -> tuple["Study", ...]:
        """Return the study at every point of its grid, this one first."""
        return (self, *self.elsewhere)

    @property
    def where(self) -> str:
        """Return the point of the grid in words, empty without a grid."""
        return point_in_words(self.point)

    @property
    def every(self) -> float:
        """Return the minutes of a period of figures over time."""
        return self.cells[0].run.every

    @property
    def seeds(self) -> tuple[int, ...]:
        """Return the seeds, ascending."""
        return tuple(sorted({cell.seed for cell in self.cells}))

    def of(self, arm: str) -> tuple[Cell, ...]:
        """Return the cells of one arm, by seed."""
        return tuple(sorted((cell for cell in self.cells if cell.arm == arm), key=lambda cell: cell.seed))

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """Return every measured figure with its ``arm`` and ``seed``, cell after cell."""
        frames = [cell.run.metrics.assign(arm=cell.arm, seed=cell.seed) for cell in self.cells]
        return pd.concat(frames, ignore_index=True)


def point_in_words(point: Mapping[str, Any]) -> str:
    """Return the values of a grid's keys, of components their own.

    >>> point_in_words({"behavior": {"kind": "llm", "decide": "likeness"}, "choice.rho": 0})
    'behavior llm likeness, rho 0'
    """
    spelled = {key: value.values() if isinstance(value, Mapping) else (value,) for key, value in point.items()}
    return ", ".join(" ".join((key.rpartition(".")[2], *map(str, values))) for key, values in spelled.items())


def load_study(folder: Path) -> Study:
    """Open a study folder with all its cells finished, or a run folder as a study of one arm.

    Of a study with a grid the first point is returned, and the others with it. Raise InvalidInput where it is neither,
    or where a cell is missing or not finished.
    """
    if not (folder / "study.json").is_file():
        return _alone(load(folder))
    content = mapping(folder / "study.json")
    baseline = content["baseline"]
    arms = (baseline, *(arm for arm in content["arms"] if arm != baseline))
    cells: dict[int, list[Cell]] = {place: [] for place in range(len(content["points"]))}
    for row in content["cells"]:
        cells[row["point"]].append(_cell(folder, row))
    first, *elsewhere = (
        Study(folder, content["name"], baseline, arms, tuple(cells[place]), point)
        for place, point in enumerate(content["points"])
    )
    return replace(first, elsewhere=tuple(elsewhere), hypotheses=tuple(content["hypotheses"]))


def gather(folders: Sequence[Path]) -> Study:
    """Return one study folder, or single runs as the cells of one, the first run's arm the baseline.

    Runs are arms by the arm they were played as, by their recommender outside a study, or by their
    folder where that leaves two of one seed. Raise InvalidInput where the folders do not fit together.
    """
    if len(folders) == 1 or any((folder / "study.json").is_file() for folder in folders):
        if len(folders) > 1:
            raise InvalidInput("compare takes one study folder, or several run folders, not both")
        return load_study(folders[0])
    runs = [finished(load(folder)) for folder in folders]
    names = [run.manifest.get("arm") or run.manifest["recommender"]["kind"] for run in runs]
    if len({(name, run.manifest["seed"]) for name, run in zip(names, runs, strict=True)}) < len(runs):
        names = [run.folder.name for run in runs]
    cells = tuple(Cell(name, run.manifest["seed"], run) for name, run in zip(names, runs, strict=True))
    if len(set(names)) > 1 and len({(cell.arm, cell.seed) for cell in cells}) < len(cells):
        raise InvalidInput("the same run was given twice")
    return Study(folders[0].parent, "several runs", names[0], tuple(dict.fromkeys(names)), cells)


def _alone(run: Run) -> Study:
    arm = run.manifest.get("arm") or run.manifest["name"]
    return Study(run.folder, run.manifest["name"], arm, (arm,), (Cell(arm, run.manifest["seed"], finished(run)),))


def _cell(folder: Path, row: dict[str, Any]) -> Cell:
    place = folder / row["folder"]
    if not (place / "manifest.json").is_file():
        raise InvalidInput(
            f"{folder}: cell {row['arm']} seed {row['seed']} has not run yet; "
            f"continue with: python run_sim.py resume {folder}"
        )
    return Cell(row["arm"], row["seed"], finished(load(place)))


def finished(run: Run) -> Run:
    """Return the run; raise InvalidInput if it did not finish."""
    if run.manifest["status"] != "finished":
        raise InvalidInput(
            f"{run.folder} is {run.manifest['status']}, not finished; "
            f"continue with: python run_sim.py resume {run.folder}"
        )
    return run
