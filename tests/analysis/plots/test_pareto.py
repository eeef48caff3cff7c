import matplotlib
import numpy as np
import pytest
from matplotlib.text import Annotation

from analysis.plots.labels import name_points
from analysis.plots.pareto import Pareto, tidy
from analysis.plots.style import RC, panels


def judged(name: str, ndcg: float, arp: float, ild: float, behind: tuple[str, ...] = ()) -> dict[str, object]:
    def around(value: float) -> dict[str, float]:
        return {"mean": value, "low": value - 0.01, "high": value + 0.01}

    return {
        "recommender": name,
        "data": "films",
        "users": 50,
        "fits": [{}, {}],
        "intervals": {"ndcg@10": around(ndcg), "arp": around(arp), "intra_list_diversity": around(ild)},
        "dominated_by": {"arp": list(behind), "intra_list_diversity": []},
    }


ROWS = [
    judged("best", 0.2, 0.3, 0.5),
    judged("quiet", 0.1, 0.1, 0.9),
    judged("worse", 0.1, 0.4, 0.4, ("best",)),
    judged("near", 0.19, 0.31, float("nan")),
]
NAMES = {str(row["recommender"]): str(row["recommender"]) for row in ROWS}


def test_the_front_is_told_from_what_is_behind_it() -> None:
    frame = tidy(ROWS, NAMES, "leave one out")
    arp = frame[frame["across"] == "arp"].set_index("arm")
    assert arp["front"].to_dict() == {"best": True, "quiet": True, "worse": False, "near": False}
    diverse = frame[frame["across"] == "intra_list_diversity"]
    assert diverse["arm"].tolist() == ["best", "quiet", "worse"], "what has no diversity is left out"
    words = Pareto().findings(frame)
    assert "on the front best; quiet; shown to be behind: worse (by best)." in words
    assert "near (by" not in words
    caption = Pareto().caption(frame)
    assert "50 users; mean of 2 fit(s)" in caption
    assert "Protocol: leave one out" in caption


def test_names_cover_neither_points_nor_each_other() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.random((2, 10)).tolist()
    with matplotlib.rc_context(RC):
        figure, (ax,) = panels(1, height=3.2, width=4.5)
        ax.plot(x, y, "o")
        name_points(ax, x, y, [f"recommender {place}" for place in range(10)], ["black"] * 10)
        figure.draw_without_rendering()
        boxes = [matplotlib.text.Text.get_window_extent(one) for one in ax.texts if isinstance(one, Annotation)]
        points = ax.transData.transform(np.column_stack([x, y]))
    assert len(boxes) == 10
    for place, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[place + 1 :])
        assert not any(box.contains(*point) for point in points)


@pytest.mark.parametrize("sets", [1, 2])
def test_it_can_be_drawn_for_several_data_sets(sets: int) -> None:
    rows = [{**row, "data": f"films {place}"} for place in range(sets) for row in ROWS]
    with matplotlib.rc_context(RC):
        figure = Pareto().draw(tidy(rows, NAMES, "temporal"))
        figure.draw_without_rendering()
    assert len(figure.axes) == 2 * sets
