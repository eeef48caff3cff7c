"""From a finished run or study to its metrics, figures and report."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from analysis.load import Cell, Run, Study, load_study
from analysis.metrics.suite import measure
from analysis.plots.save import draw_all
from analysis.report.write import write_report

Progress = Callable[[float, str], None]
"""Called with the share done and a word on what comes next."""

METRICS = "metrics.parquet"


def finish(folder: Path, progress: Progress = lambda _share, _word: None) -> Path:
    """Measure, draw and report a finished run or study folder; return the path of the report.

    Whatever is there already is written anew. Raise InvalidInput for a folder that is neither, or
    not finished.
    """
    study = load_study(folder)
    measure_study(study, lambda share, word: progress(0.5 * share, word))
    drawn = draw_all(study, folder / "plots", progress=lambda share, word: progress(0.5 + 0.4 * share, word))
    progress(0.9, "report")
    return write_report(study, drawn)


def measure_study(study: Study, progress: Progress = lambda _share, _word: None) -> None:
    """Write ``metrics.parquet`` of every cell, and of the study with ``arm`` and ``seed`` added."""
    frames = []
    for place, cell in enumerate(study.cells):
        progress(place / len(study.cells), f"metrics of {cell.arm} s{cell.seed}")
        frames.append(_measure_cell(cell))
    if study.folder != study.cells[0].run.folder:
        _write(pd.concat(frames, ignore_index=True), study.folder / METRICS)


def _measure_cell(cell: Cell) -> pd.DataFrame:
    frame = measure(cell.run)
    _write(frame, cell.run.folder / METRICS)
    return frame.assign(arm=cell.arm, seed=cell.seed)


def _write(frame: pd.DataFrame, path: Path) -> None:
    temporary = path.with_suffix(".part")
    frame.to_parquet(temporary, index=False)
    temporary.replace(path)
