"""``doctor``: is everything here that a run needs?"""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from agents.errors import InvalidInput, MissingResource, TasteloopError

HERE = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at; what is not ``needed`` may be missing."""

    name: str
    state: str
    remedy: str = ""
    needed: bool = True

    @property
    def ok(self) -> bool:
        """Tell whether it is there."""
        return not self.remedy


def command(
    scenario: Annotated[Path | None, typer.Argument(help="check what this scenario needs, too")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one line of JSON")] = False,
) -> None:
    """Check this machine: Python, packages, data, models, endpoint, folders, browser; exit 3 if a needed one lacks."""
    checks = [*_machine(), *_caches(), *_endpoint(), *(_scenario(scenario) if scenario else ())]
    lacking = [check for check in checks if check.needed and not check.ok]
    if as_json:
        rows = [{"name": c.name, "ok": c.ok, "needed": c.needed, "state": c.state, "remedy": c.remedy} for c in checks]
        typer.echo(json.dumps({"ok": not lacking, "checks": rows}))
    else:
        for check in checks:
            typer.echo(f"{_sign(check)} {check.name}: {check.state}{'; ' if check.remedy else ''}{check.remedy}")
    if lacking:
        raise typer.Exit(MissingResource.exit_code)


def _sign(check: Check) -> str:
    return "ok     " if check.ok else "MISSING" if check.needed else "absent "


def _machine() -> Iterator[Check]:
    import platform
    import shutil
    import sys

    import agents

    good = sys.version_info >= (3, 11)
    yield Check("python", platform.python_version(), "" if good else "Tasteloop needs 3.11 or later")
    own = Path(agents.__file__).resolve().parent.parent == HERE
    yield Check(
        "packages of this checkout", str(HERE), "" if own else f"another 'agents' is imported: {agents.__file__}"
    )
    yield from _packages()
    yield _writable("current folder", Path.cwd())
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")
    remedy = "" if found else "only the test of the report needs it: apt-get install chromium"
    yield Check("chromium", found or "not installed", remedy, needed=False)


def _packages() -> Iterator[Check]:
    import re
    import tomllib
    from importlib.metadata import PackageNotFoundError, version

    wanted = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    for requirement in wanted:
        name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
        try:
            yield Check(name, version(name))
        except PackageNotFoundError:
            yield Check(name, "not installed", f"pip install -c constraints.txt '{requirement}'")


def _writable(name: str, folder: Path) -> Check:
    import tempfile

    try:
        with tempfile.TemporaryFile(dir=folder):
            return Check(name, f"{folder} is writable")
    except OSError as error:
        return Check(name, f"{folder}: {error.strerror}", "choose a folder you may write to")


def _caches() -> Iterator[Check]:
    from agents.cache import home
    from agents.models import MODELS
    from simulator.components import find, names

    place = next(folder for folder in (home(), *home().parents) if folder.is_dir())
    yield _writable("cache", place)
    entries = [entry for kind in names("data") if (entry := getattr(find("data", kind), "ENTRY", None))]
    for thing, fetched, command in (
        *((e.name, e.ready(), "data") for e in entries),
        *((m.name, m.is_fetched, "models") for m in MODELS),
    ):
        remedy = "" if fetched else f"python run_sim.py {command} fetch {thing}"
        yield Check(f"{command} {thing}", "fetched" if fetched else "not fetched", remedy, needed=False)


def _endpoint() -> Iterator[Check]:
    import os
    import socket
    from urllib.parse import urlsplit

    url = os.environ.get("OPENAI_BASE_URL", "")
    if not url:
        yield Check("endpoint", "OPENAI_BASE_URL is not set", "only hosted language models need it", needed=False)
        return
    parts = urlsplit(url)
    place = f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"
    try:
        with socket.create_connection((parts.hostname or "", parts.port or (80 if parts.scheme == "http" else 443)), 5):
            yield Check("endpoint", f"{place} answers")
    except OSError as error:
        yield Check("endpoint", f"{place}: {error}", "start the server, or correct OPENAI_BASE_URL")


def _scenario(path: Path) -> Iterator[Check]:
    from simulator.scenario_file import expand, read

    scenarios = [part.scenario for part in expand(read(path))]
    data = {json.dumps(s.data.spec(), sort_keys=True): s.data.spec() for s in scenarios}
    for spec in data.values():
        yield _tried(f"data {spec['kind']}", partial(_loaded, spec))
    models = {
        json.dumps([name, m.spec()], sort_keys=True): (name, m.spec()) for s in scenarios for name, m in s.llm.items()
    }
    for name, spec in models.values():
        yield _tried(f"llm.{name} ({spec['kind']})", partial(_opened, spec))


def _loaded(spec: dict[str, Any]) -> None:
    from simulator.components import build

    build("data", spec).load()


def _opened(spec: dict[str, Any]) -> None:
    from simulator.components import build

    async def open_and_close() -> None:
        model = build("llm", spec)
        try:
            await model.open()
        finally:
            await model.close()

    asyncio.run(open_and_close())


def _tried(name: str, attempt: Callable[[], object]) -> Check:
    try:
        attempt()
    except InvalidInput:
        raise
    except TasteloopError as error:
        return Check(name, "cannot be used", str(error))
    return Check(name, "ready")
