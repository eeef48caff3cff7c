"""Draw figures and put each beside its data: PNG, SVG, CSV, and captions.json for all."""

import importlib
import json
import os
import pkgutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

import analysis.plots
from agents.errors import InvalidInput, MissingResource
from analysis.interventions import spells
from analysis.load import Study
from analysis.plots.base import Drawing, Plot
from analysis.plots.marks import mark
from analysis.plots.style import COLUMN, RC

BASE = Plot.__module__
DPI = 200
Progress = Callable[[float, str], None]
"""Called with the share done and a word on what comes next."""
Finish = Callable[[Figure], str]
"""Called with each figure before it is saved; returns what its caption must say besides."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A figure as saved, with the words that go with it; file names are relative to the folder of figures."""

    name: str
    title: str
    section: str
    caption: str
    alt: str
    svg: str
    png: str
    data: str
    wide: bool
    """Whether it takes the width of a page rather than of a column."""


def plots() -> dict[str, Plot]:
    """Return every figure by name: the modules of the folder that hold a Plot, in alphabetical order."""
    found: dict[str, Plot] = {}
    for module in pkgutil.iter_modules(analysis.plots.__path__):
        here = vars(importlib.import_module(f"analysis.plots.{module.name}"))
        for thing in here.values():
            if isinstance(thing, type) and issubclass(thing, Plot) and thing.__module__ == here["__name__"] != BASE:
                found[module.name] = thing()
    return found


def draw_all(
    study: Study, out: Path, names: Sequence[str] = (), progress: Progress = lambda _s, _w: None
) -> list[Drawn]:
    """Draw the named figures (all by default) into a folder; figures without data are left out.

    Raise InvalidInput for an unknown name, MissingResource where the folder cannot be written.
    """
    known = plots()
    for name in names:
        if name not in known:
            raise InvalidInput(f"--figure {name}: there is no such figure; there are: {', '.join(known)}")
    chosen = {name: plot for name, plot in known.items() if name in names or not names}
    figures = ((name, plot, plot.tidy(study)) for name, plot in chosen.items())
    return save_all(figures, len(chosen), out, progress, partial(mark, study=study, spells=spells(study)))


def save_all(
    figures: Iterable[tuple[str, Drawing, pd.DataFrame]],
    count: int,
    out: Path,
    progress: Progress = lambda _s, _w: None,
    finish: Finish = lambda _: "",
) -> list[Drawn]:
    """Draw (name, drawing, frame) into a folder, with captions.json; those with an empty frame are left out."""
    drawn = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        for place, (name, plot, frame) in enumerate(figures):
            progress(place / count, plot.title)
            if len(frame):
                drawn.append(_save(name, plot, frame, out, finish))
        _put(
            out / "captions.json", lambda path: path.write_text(json.dumps([asdict(d) for d in drawn], indent=1) + "\n")
        )
    except OSError as error:
        raise MissingResource(f"cannot write figures to {out}: {error.strerror}; give a writable folder") from error
    return drawn


def _save(name: str, plot: Drawing, frame: pd.DataFrame, out: Path, finish: Finish) -> Drawn:
    with matplotlib.rc_context(RC):
        figure = plot.draw(frame)
        added = finish(figure)
        caption = plot.caption(frame) + added
        described = {"Title": plot.title, "Description": caption}
        wide = bool(figure.get_figwidth() > COLUMN)
        _put(out / f"{name}.png", lambda path: figure.savefig(path, format="png", dpi=DPI, metadata=described))
        figure.set_layout_engine(None)  # keeps the layout found for the PNG; finding it is half the time
        undated = {**described, "Date": None}
        _put(out / f"{name}.svg", lambda path: figure.savefig(path, format="svg", metadata=undated))
    _put(out / f"{name}.csv", lambda path: frame.to_csv(path, index=False, float_format="%.10g"))
    return Drawn(
        name,
        plot.title,
        plot.section,
        caption,
        plot.alt(frame) + added,
        f"{name}.svg",
        f"{name}.png",
        f"{name}.csv",
        wide,
    )


def _put(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file beside its place, then move it there."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        write(Path(name))
        Path(name).chmod(0o644)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
