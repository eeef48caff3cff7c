"""Open a quality report in a real browser, with no network."""

from pathlib import Path

import pytest

from tests.browser.test_report import CHROMIUM, CONSOLE, browse, requested
from tests.command_line import ROOT, tasteloop

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (Debian: apt-get install chromium)")


def test_the_page_asks_for_nothing_and_nothing_is_complained_about(tmp_path: Path) -> None:
    run, out = tmp_path / "run", tmp_path / "out"
    tasteloop("run", ROOT / "scenarios" / "smoke.yaml", "--out", run, "--json")
    tasteloop("quality", run, "--seeds", 1, "--out", out, "--json")
    opened = browse(out / "quality.html", tmp_path / "profile", "--dump-dom")
    assert not [line for line in opened.stderr.splitlines() if CONSOLE.search(line)]
    assert requested(tmp_path / "profile") == []
    assert "two sample auc" in opened.stdout
