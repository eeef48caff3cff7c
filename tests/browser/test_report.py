"""Open the report in a real browser, with no network."""

import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image

from analysis.finish import finish
from tests.analysis.fake_study import HOSTILE, write_study

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
    "--enable-logging=stderr", "--v=0",
)  # fmt: skip
BROWSERS_OWN = (".google.com", ".googleapis.com", ".gvt1.com")
CONSOLE = re.compile(r":CONSOLE[:(]|Refused to|violates the following Content Security Policy")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (Debian: apt-get install chromium)")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finish(write_study(tmp_path_factory.mktemp("browser") / "study", seeds=[7]))


def browse(page: Path, profile: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Open a page with a fresh profile, where no host name resolves and every request is logged."""
    command = [
        CHROMIUM, *QUIET, f"--user-data-dir={profile}", f"--log-net-log={profile / 'net.json'}",
        "--host-resolver-rules=MAP * ~NOTFOUND", *options, page.as_uri(),
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


@pytest.fixture(scope="module")
def opened(report: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    profile = tmp_path_factory.mktemp("profile")
    return browse(report, profile, "--dump-dom"), profile


def test_nothing_is_complained_about(opened: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    complaints = [line for line in opened[0].stderr.splitlines() if CONSOLE.search(line)]
    assert not complaints


def test_the_console_is_really_read(tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text("<!doctype html><script>console.error('seen')</script>")
    stderr = browse(page, tmp_path / "profile", "--dump-dom").stderr
    assert [line for line in stderr.splitlines() if CONSOLE.search(line) and "seen" in line]


def requested(profile: Path) -> list[str]:
    """Return the addresses asked for over a network, without those the browser asks for on its own behalf."""
    urls = set(re.findall(r'"url":"((?:https?|wss?|ftp):[^"]*)"', (profile / "net.json").read_text(encoding="utf-8")))
    return sorted(url for url in urls if not (urlsplit(url).hostname or "").endswith(BROWSERS_OWN))


def test_nothing_is_requested(opened: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    assert requested(opened[1]) == []


def test_requests_are_really_seen(tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text("<!doctype html><img src='http://example.invalid/x.png'>")
    browse(page, tmp_path / "profile", "--dump-dom")
    assert requested(tmp_path / "profile") == ["http://example.invalid/x.png"]


def test_a_hostile_title_is_text(opened: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    dom = opened[0].stdout
    assert "<title>fake – report</title>" in dom
    assert "<script" not in dom
    assert "onclick=alert(1)&gt;Heist" in dom
    assert HOSTILE not in dom


@pytest.mark.parametrize(("width", "height"), [(1280, 2400), (500, 2400)])
def test_it_can_be_seen(report: Path, tmp_path: Path, width: int, height: int) -> None:
    picture = tmp_path / "report.png"
    browse(report, tmp_path / "profile", f"--window-size={width},{height}", f"--screenshot={picture}")
    with Image.open(picture) as image:
        colors = image.convert("RGB").getcolors(maxcolors=2**24)
        assert image.width == width
        assert colors is not None
        blank = max(count for count, _ in colors) / (image.width * image.height)
    assert len(colors) > 200, "the page has next to no color: figures or style are missing"
    assert 0.3 < blank < 0.97, "the page is blank, or its style sheet did not apply"
