import matplotlib
import pandas as pd
import pytest

from analysis.plots.forest import Forest
from analysis.plots.style import RC


@pytest.mark.parametrize("ends", [(-5, 5), (-20, 40), (-90, 90), (-100, 900), (-100, 5_000), (-900, 40_000)])
def test_differences_of_any_size_have_an_axis_that_can_be_read(ends: tuple[float, float]) -> None:
    rows = [
        {"figure": f"Mean popularity shown (ARP), as of {end}", "arm": "a", "percent": end, "low": end, "high": end}
        for end in ends
    ]
    with matplotlib.rc_context(RC):
        figure = Forest().draw(pd.DataFrame(rows))
        figure.draw_without_rendering()
        (ax,) = figure.axes
        low, high = ax.get_xlim()
        labels = [
            text for place, text in zip(ax.get_xticks(), ax.get_xticklabels(), strict=True) if low <= place <= high
        ]
        boxes = [text.get_window_extent() for text in labels]
    assert len(boxes) >= 3
    assert not any(one.overlaps(other) for at, one in enumerate(boxes) for other in boxes[:at])
