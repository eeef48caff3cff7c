import json
from dataclasses import replace
from pathlib import Path

import matplotlib
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from agents.errors import InvalidInput, MissingResource
from analysis.cli.plot import command
from analysis.finish import measured
from analysis.load import Study, load_study
from analysis.plots.base import Plot
from analysis.plots.save import draw_all, plots
from analysis.plots.style import RC
from tests.analysis.fake_study import write_run, write_table
from tests.command_line import app

ABSENT = {"lag_bias", "community_network", "specification_curve", "home_advantage"}
"""Figures of studies of lag, of ties, with hypotheses and over user families."""


PARTIAL = {"forest", "cost_over_time", "new_item_survival"}
"""Figures that leave out the baseline, whoever asked no language model, and worlds without new items."""


def complete(folder: Path) -> Study:
    """Return a study that has something to draw for every figure."""
    study = measured(load_study(folder))
    for cell in study.cells:
        count = len(cell.run.users)
        ties = [(user, friend) for user in range(count) for friend in (user + 1, user + 3) if friend < count]
        write_table(cell.run.folder, "ties", pd.DataFrame(ties, columns=["user_id", "friend_id"]))
    said = {"metric": "aplt", "arm": study.arms[1], "against": "", "expect": "more"}
    points = [{"behavior": {"kind": kind}} for kind in ("calibrated", "latent")]
    first, second = (replace(study, point=point) for point in points)
    return replace(first, elsewhere=(second,), hypotheses=(said,))


def test_every_figure_is_saved_with_its_data_and_words(one_seed: Path) -> None:
    drawn = json.loads((one_seed / "plots" / "captions.json").read_text())
    assert [figure["name"] for figure in drawn] == [name for name in plots() if name not in ABSENT]
    assert len(drawn) >= 8
    for figure in drawn:
        frame = pd.read_csv(one_seed / "plots" / figure["data"])
        assert {"arm", "definition_id", "n"} <= set(frame.columns)
        assert ("seed" in frame) != ("seeds" in frame), "one seed a row, or how many are behind it"
        assert frame["definition_id"].iloc[0] in figure["caption"]
        assert "no interval" in figure["caption"]
        assert figure["alt"].startswith(figure["title"])
        with Image.open(one_seed / "plots" / figure["png"]) as image:
            assert image.width >= 600


def test_drawing_again_gives_the_same_bytes(one_seed: Path, tmp_path: Path) -> None:
    names = ["popularity_lift", "topic_entropy_fan", "long_tail"]
    draw_all(load_study(one_seed), tmp_path, names)
    for path in tmp_path.iterdir():
        if path.name != "captions.json":
            assert path.read_bytes() == (one_seed / "plots" / path.name).read_bytes(), path.name


@pytest.mark.parametrize("name", list(plots()))
def test_text_is_large_enough_and_inside_the_figure(name: str, lagged: Path) -> None:
    plot: Plot = plots()[name]
    with matplotlib.rc_context(RC):
        figure = plot.draw(plot.tidy(complete(lagged)))
        figure.draw_without_rendering()
        texts = [text for text in figure.findobj(matplotlib.text.Text) if text.get_visible() and text.get_text()]
        width, height = figure.bbox.width, figure.bbox.height
        for text in texts:
            assert text.get_fontsize() >= 8 or "mathdefault" in text.get_text(), text.get_text()
        for axes in figure.axes:
            for label in (axes.xaxis.label, axes.yaxis.label, axes.title, *figure.texts):
                box = label.get_window_extent()
                inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1
                assert inside or not label.get_text(), f"{label.get_text()!r} leaves the figure"


def test_more_arms_than_styles_and_one_short_run_are_drawn(four_seeds: Path, tmp_path: Path) -> None:
    study = measured(load_study(four_seeds))
    cells = [cell for cell in study.cells if cell.arm == "popularity"] * 3
    arms = tuple(f"arm {place}" for place in range(9))
    many = type(study)(study.folder, "many", arms[0], arms, tuple(
        type(cell)(arm, 7, cell.run) for arm, cell in zip(arms, cells, strict=False)
    ))  # fmt: skip
    alone = measured(load_study(write_run(tmp_path / "run", "random", 3)))
    with matplotlib.rc_context(RC):
        for name, plot in plots().items():
            for study in (many, alone):
                frame = plot.tidy(study)
                if len(frame):
                    assert name in PARTIAL or frame["arm"].nunique() >= len(study.arms)
                    plot.draw(frame).draw_without_rendering()


def test_what_cannot_be_drawn_is_said(one_seed: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"--figure pie: there is no such figure; there are: accuracy_bias"):
        draw_all(load_study(one_seed), tmp_path, ["pie"])
    (tmp_path / "file").write_text("")
    with pytest.raises(MissingResource, match="cannot write figures"):
        draw_all(load_study(one_seed), tmp_path / "file")


def test_command_draws_what_was_asked_for(one_seed: Path, tmp_path: Path) -> None:
    args = [str(one_seed), "--figure", "click_through", "--out", str(tmp_path)]
    result = CliRunner().invoke(app(command), args)
    assert result.stdout.splitlines()[-1] == str(tmp_path / "click_through.png")
    assert {path.name for path in tmp_path.iterdir()} == {
        "captions.json", "click_through.csv", "click_through.png", "click_through.svg",
    }  # fmt: skip
