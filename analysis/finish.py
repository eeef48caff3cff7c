"""From a finished run or study to its metrics, figures and report."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from agents.errors import MissingResource
from analysis.load import BESIDE_IDEAL, METRICS, VARIANTS, Cell, Study, load, load_study
from analysis.metrics.ideal import beside, ideal_cells
from analysis.metrics.record import Record
from analysis.metrics.suite import measure
from analysis.metrics.variants import Depths, variants
from analysis.plots.save import draw_all
from analysis.report.write import write_report

Progress = Callable[[float, str], None]
"""Called with the share done and a word on what comes next."""


def finish(
    folder: Path,
    progress: Progress = lambda _share, _word: None,
    *,
    anew: bool = True,
    every: float | None = None,
) -> Path:
    """Measure, draw and report a finished run or study folder; return the path of the report.

    Whatever is there already is written anew; without ``anew``, cells that were measured are not measured again.
    ``every`` are the minutes of a period, if not those it was measured by before or its scenario asks for. Raise
    InvalidInput for a folder that is neither run nor study, or not finished, MissingResource where nothing can be
    written.
    """
    study = load_study(folder)
    all_cells = [cell for there in study.everywhere for cell in there.cells]
    cells = [cell for cell in all_cells if anew or not (cell.run.folder / METRICS).is_file()]
    measure_cells(cells, lambda share, word: progress(0.5 * share, word), every)
    measure_ideal(study)
    if study.folder != study.cells[0].run.folder:
        _write(everywhere(study), study.folder / METRICS)
    drawn = draw_all(study, folder / "plots", progress=lambda share, word: progress(0.5 + 0.4 * share, word))
    progress(0.9, "report")
    return write_report(study, drawn)


def measured(study: Study) -> Study:
    """Return the study after measuring the cells that never were."""
    every = [cell for there in study.everywhere for cell in there.cells]
    measure_cells([cell for cell in every if not (cell.run.folder / METRICS).is_file()])
    measure_ideal(study)
    return study


def everywhere(study: Study) -> pd.DataFrame:
    """Return the figures of a study at every point of its grid, a column for each of the grid's keys."""
    return pd.concat([there.metrics.assign(**there.point) for there in study.everywhere], ignore_index=True)


def measure_cells(
    cells: Sequence[Cell], progress: Progress = lambda _share, _word: None, every: float | None = None
) -> None:
    """Write the measurements of every cell."""
    for place, cell in enumerate(cells):
        progress(place / len(cells), f"metrics of {cell.arm} s{cell.seed}")
        measure_run(cell.run.folder, every)


def measure_ideal(study: Study) -> None:
    """Write ``beside_ideal.parquet`` of the cells of a study with an ideal arm, where it is missing or outdated."""
    if not (study.folder / "study.json").is_file():
        return
    for there in study.everywhere:
        for ideal in ideal_cells(there):
            cells = [cell for cell in there.cells if cell.seed == ideal.seed and _stale(cell, ideal)]
            for cell, frame in beside(ideal, cells):
                _write(frame, cell.run.folder / BESIDE_IDEAL)


def _stale(cell: Cell, ideal: Cell) -> bool:
    """Tell whether a cell's figures beside the ideal one are missing, or older than what either measured."""
    path = cell.run.folder / BESIDE_IDEAL
    newest = max((one.run.folder / METRICS).stat().st_mtime_ns for one in (cell, ideal))
    return not path.is_file() or path.stat().st_mtime_ns < newest


def measure_run(folder: Path, every: float | None = None) -> None:
    """Write ``variants.parquet`` and, last, ``metrics.parquet`` of a finished run, reading what was shown once."""
    record = Record(load(folder), every)
    depths = Depths(record)
    figures = measure(record, depths.add)
    _write(variants(depths), folder / VARIANTS)
    _write(figures, folder / METRICS)


def _write(frame: pd.DataFrame, path: Path) -> None:
    temporary = path.with_suffix(".part")
    try:
        frame.to_parquet(temporary, index=False)
        temporary.replace(path)
    except OSError as error:
        raise MissingResource(f"cannot write {path}: {error.strerror}; make the folder writable") from error
