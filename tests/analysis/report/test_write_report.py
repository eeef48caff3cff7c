import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from analysis.cli import report, show
from analysis.finish import measured
from analysis.headlines import HEADLINES, lines
from analysis.load import load_study
from analysis.plots.save import plots
from analysis.report.write import render
from tests.analysis.fake_study import HOSTILE
from tests.command_line import app

LARGEST = 3 * 1024 * 1024


class Page(HTMLParser):
    """What a parser sees: elements with their attributes, and the text between tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def html(one_seed: Path) -> str:
    return (one_seed / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_it_is_small_and_loads_nothing(html: str, page: Page) -> None:
    assert len(html.encode()) <= LARGEST
    assert not page.of("script")
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert all(image["src"].startswith("data:image/svg+xml;base64,") for image in page.of("img"))
    assert all((link["href"] or "") == "data:," for link in page.of("link"))
    assert not any(re.match(r"(?i)[a-z]+:|//", link["href"] or "") for link in page.of("a"))


def test_the_policy_allows_its_own_style_sheet_and_nothing_else(html: str, page: Page) -> None:
    policy = next(meta["content"] for meta in page.of("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_markup_in_titles_stays_text(one_seed: Path, html: str, page: Page) -> None:
    shown = pd.concat(load_study(one_seed).of(arm)[0].run.impressions for arm in ("random", "generative"))
    assert (shown["item_id"] == 0).any(), "the hostile title is never shown; the test would prove nothing"
    assert HOSTILE not in html
    assert any(HOSTILE in text for text in page.words)


def test_every_section_and_figure_is_there(page: Page) -> None:
    ids = {section["id"] for section in page.of("section") if "id" in section}
    assert ids == {
        "setup", "headline", "popularity", "echo", "outcomes", "fidelity", "agents", "slates", "assumptions", "cost",
        "seeds",
        "provenance", "downloads",
    }  # fmt: skip
    images = page.of("img")
    # its arms differ in more than the visibility lag; nobody is tied to anybody, nothing was expected
    absent = {"lag_bias", "community_network", "specification_curve", "home_advantage"}
    assert len(images) == len(plots().keys() - absent)
    assert all(len(image["alt"] or "") > 40 for image in images)


def test_links_lead_to_files_that_exist(one_seed: Path, page: Page) -> None:
    links = [link["href"] for link in page.of("a")]
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    assert all(link[1:] in ids for link in links if link.startswith("#"))
    files = [link for link in links if not link.startswith("#")]
    assert "metrics.parquet" in files
    assert all((one_seed / link).is_file() for link in files)


def test_numbers_can_be_traced(one_seed: Path, html: str, page: Page) -> None:
    table = lines(load_study(one_seed))
    assert len(table) == len(HEADLINES)
    titles = [cell["title"] for cell in page.of("td") if "title" in cell]
    for line in table:
        assert any(title.startswith(line.definition_id) and "n = " in title for title in titles)
        assert f'id="note-{line.note}"' in html
    frame = pd.read_parquet(one_seed / "metrics.parquet")
    gini = frame.query("metric == 'gini_index' and day == -1 and on == 'shown' and arm == 'popularity'")["value"].item()
    assert f"{gini:.3f}" in html


def test_one_seed_claims_no_interval(html: str) -> None:
    assert "n = 1, no interval" in html
    assert "95 % interval" not in html


def test_what_was_declared_and_spent_is_printed(page: Page) -> None:
    words = " ".join(page.words)
    for text in ("base_rate", "public domain", "Nobody (2026). Invented films.", "unpriced", "smollm2-135m-instruct"):
        assert text in words
    assert "python run_sim.py study FOLDER/study.resolved.yaml" in words


def test_seeds_bring_intervals(four_seeds: Path) -> None:
    html = render(measured(load_study(four_seeds)), drawn=[])
    assert "n = 4 seeds, 95 % intervals over paired seeds" in html
    assert re.search(
        r"spread exposure more unequally \(Gini index of exposure [^)]*95 % interval \+0\.\d+ to \+0\.\d+", html
    )
    assert "cannot be said to have" in html


def test_a_single_run_has_a_report(one_seed: Path) -> None:
    run = one_seed / "cells" / "generative-s7"
    told = json.loads(CliRunner().invoke(app(report.command), [str(run), "--json"]).stdout)
    assert told == {"report": str(run / "report.html"), "bytes": (run / "report.html").stat().st_size}
    assert "One run has nothing to set beside it" in (run / "report.html").read_text(encoding="utf-8")


def test_show_tells_what_a_folder_holds(one_seed: Path) -> None:
    run = one_seed / "cells" / "popularity-s7"
    shown = CliRunner().invoke(app(show.command), [str(run)]).stdout
    for text in ("fake: finished", "07019f3c", "impressions", "gini_index/full-catalog/div-n", "metrics.parquet"):
        assert text in shown
    told = json.loads(CliRunner().invoke(app(show.command), [str(run), "--json"]).stdout)
    assert told["files"]["manifest.json"] == (run / "manifest.json").stat().st_size
    assert "generative-s7" in CliRunner().invoke(app(show.command), [str(one_seed)]).stdout
