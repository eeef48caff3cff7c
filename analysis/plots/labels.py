"""Write names beside points so that they cover neither each other nor a point."""

from collections.abc import Sequence
from itertools import pairwise, product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox

from agents.schema import Floats
from analysis.plots.style import FAINT

RINGS = (6, 14, 24, 36)
"""Distances from the point to the name that are tried, in points; beyond the first a thin line leads to it."""
SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))
"""Directions in which a name may lie from its point."""
STEP = 4
"""Pixels between the points by which lines are kept off."""
PLACES = tuple(product(RINGS, SIDES))
ALIGNED = ({1: "left", 0: "center", -1: "right"}, {1: "bottom", 0: "center", -1: "top"})


def name_points(ax: Axes, x: Sequence[float], y: Sequence[float], names: Sequence[str], colors: Sequence[str]) -> None:
    """Name every point, each at the first place around it that costs least; the axes' limits must be final.

    Names keep off points, other names and, where there is room, the lines of the axes.
    """
    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    points, inside, taken = ax.transData.transform(np.column_stack([x, y])), ax.get_window_extent(), list[Bbox]()
    drawn = np.concatenate([points[:0], *(_along(ax.transData.transform(line.get_xydata())) for line in ax.lines)])
    for at in np.argsort(-points[:, 1], kind="stable").tolist():
        size = _size(ax, names[at])
        boxes = [_box(points[at], size, ring, side, figure.dpi / 72) for ring, side in PLACES]
        costs = [
            _cost(box, taken, points, drawn, inside) + 0.12 * RINGS.index(ring)
            for box, (ring, _) in zip(boxes, PLACES, strict=True)
        ]
        best = int(np.argmin(costs))
        taken.append(boxes[best])
        _write(ax, (x[at], y[at]), names[at], colors[at], *PLACES[best])


def _size(ax: Axes, name: str) -> Floats:
    """Return width and height of a name, in pixels."""
    written = ax.text(0, 0, name)
    box = written.get_window_extent()
    written.remove()
    return np.array([box.width, box.height])


def _offset(ring: int, side: tuple[int, int]) -> Floats:
    return np.asarray(ring * np.array(side) / np.hypot(*side))


def _box(point: Floats, size: Floats, ring: int, side: tuple[int, int], scale: float) -> Bbox:
    """Return the pixels a name takes at one place."""
    low = point + _offset(ring, side) * scale - size * (1 - np.array(side)) / 2
    return Bbox(np.array([low, low + size]))


def _along(ends: Floats) -> Floats:
    """Return pixels along a line, one every few."""
    parts = [ends[:0]]
    for one, other in pairwise(ends):
        steps = np.linspace(0, 1, 1 + int(np.hypot(*(other - one)) / STEP), endpoint=False)
        parts.append(one + steps[:, None] * (other - one))
    return np.concatenate(parts)


def _cost(box: Bbox, taken: Sequence[Bbox], points: Floats, drawn: Floats, inside: Bbox) -> float:
    """Return how much of other names and lines a name would cover, with points and what is outside weighing more."""
    area = box.width * box.height
    outside = area - _shared(box, inside)
    covered = sum(_shared(box, other) for other in taken) + 3 * outside
    return covered / area + 2 * _inside(points, box) + _inside(drawn, box) * STEP / box.width


def _inside(points: Floats, box: Bbox) -> int:
    return int(((points > np.array(box.min) - 3) & (points < np.array(box.max) + 3)).all(axis=1).sum())


def _shared(one: Bbox, other: Bbox) -> float:
    part = Bbox.intersection(one, other)
    return 0.0 if part is None else part.width * part.height


def _write(ax: Axes, point: tuple[float, float], name: str, color: str, ring: int, side: tuple[int, int]) -> None:
    leader = {"arrowstyle": "-", "color": FAINT, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 2}
    horizontal, vertical = (aligned[way] for aligned, way in zip(ALIGNED, side, strict=True))
    written = ax.annotate(
        name,
        point,
        tuple(_offset(ring, side)),
        textcoords="offset points",
        color=color,
        ha=horizontal,
        va=vertical,
        arrowprops=leader if ring > RINGS[0] else None,
    )
    written.set_path_effects([withStroke(linewidth=2, foreground="white")])
    written.set_in_layout(False)
