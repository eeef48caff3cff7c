"""The page of a quality report: one HTML file that needs nothing else and runs nothing."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from agents.errors import MissingResource
from analysis.plots.save import Drawn
from analysis.report.write import HERE, data_uri, environment, policy

NAME = "quality.html"
BESIDE = ("synthetic", "bootstrap", "random", "held_out")
"""The columns of the page; JSON has the other controls too."""


def write_quality(told: Mapping[str, Any], drawn: Sequence[Drawn], out: Path) -> Path:
    """Write ``quality.html`` beside its figures and return its path."""
    css = (HERE / "report.css").read_text(encoding="utf-8")
    path = out / NAME
    temporary = path.with_suffix(".part")
    page = environment().get_template("quality.html.j2")
    text = page.render(
        told=told,
        css=Markup(css),
        policy=policy(css),
        drawn=drawn,
        image=lambda figure: data_uri(out / figure.svg),
        parts=list(dict.fromkeys(row["part"] for row in told["figures"])),
        columns=BESIDE,
        others=[column for column in told["columns"] if column not in BESIDE],
        mean=mean,
        ends=ends,
        span=span,
    )
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise MissingResource(f"cannot write {path}: {error.strerror}; make the folder writable") from error
    return path


def mean(value: Mapping[str, float]) -> str:
    """Write a mean.

    >>> mean({"value": 0.5}), mean({"value": float("nan")})
    ('0.500', '–')
    """
    return "–" if value["value"] != value["value"] else f"{value['value']:.3f}"


def ends(value: Mapping[str, float]) -> str:
    """Write an interval, empty where there is none.

    >>> ends({"low": 0.25, "high": 0.75}), ends({"low": float("nan"), "high": float("nan")})
    ('[0.250, 0.750]', '')
    """
    return f"[{value['low']:.3f}, {value['high']:.3f}]" if value["low"] == value["low"] else ""


def span(bounds: tuple[float, float]) -> str:
    """Write from where to where, empty for everything.

    >>> span((0.9, float("inf"))), span((-float("inf"), 0.1)), span((-0.1, 0.1))
    ('from 0.9', 'up to 0.1', '-0.1 to 0.1')
    """
    low, high = (abs(end) != float("inf") for end in bounds)
    if low and high:
        return f"{bounds[0]:g} to {bounds[1]:g}"
    return f"from {bounds[0]:g}" if low else f"up to {bounds[1]:g}" if high else ""
