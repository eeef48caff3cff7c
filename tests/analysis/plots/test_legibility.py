"""No figure writes in letters smaller than the style's smallest."""

from pathlib import Path

import matplotlib
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from analysis.load import load_study
from analysis.plots import quality_panel
from analysis.plots.quality_panel import COLUMNS, GROUPS, QualityPanel
from analysis.plots.save import plots
from analysis.plots.style import RC


def smallest(figure: Figure) -> float:
    """Return the size of the smallest letters in points."""
    figure.draw_without_rendering()
    return min(text.get_fontsize() for text in figure.findobj(Text) if text.get_text() and text.get_visible())


@pytest.mark.parametrize("name", sorted(plots()))
def test_figures_of_studies(name: str, one_seed: Path) -> None:
    plot = plots()[name]
    frame = plot.tidy(load_study(one_seed))
    if len(frame):
        with matplotlib.rc_context(RC):
            assert smallest(plot.draw(frame)) >= RC["font.size"]


def test_the_quality_panel_and_its_titles_lie_side_by_side() -> None:
    value = {column: {"value": 0.5, "low": 0.4, "high": 0.6} for column in COLUMNS}
    told = {"figures": [{"figure": name, "columns": value} for names in GROUPS.values() for name in names]}
    with matplotlib.rc_context(RC):
        figure = QualityPanel("").draw(quality_panel.tidy(told))
        assert smallest(figure) >= RC["font.size"]
        titles = [text for text in figure.findobj(Text) if text.get_text() in GROUPS]
        names = [label for ax in figure.axes for label in ax.get_yticklabels()]
        everything = [text.get_window_extent() for text in (*titles, *names)]
    assert len(titles) == len(GROUPS)
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 for box in everything)
    assert not any(one.overlaps(other) for at, one in enumerate(everything) for other in everything[:at])
