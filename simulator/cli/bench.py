"""``bench``: measure how fast this machine does what is promised, each figure beside what it is compared with."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agents.errors import InvalidInput, MissingResource

if TYPE_CHECKING:
    from rich.console import Console

BENCHMARKS = Path(__file__).resolve().parents[2] / "tests" / "benchmarks"

Measure = Callable[[Callable[[str], None]], dict[str, Any]]
"""What a benchmark's file defines as ``measure``: called with a way to say what it does, returns its figures."""


def command(
    name: Annotated[str, typer.Argument(help="a file of tests/benchmarks", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="print one line of JSON")] = False,
) -> None:
    """Measure speed on this machine; a benchmark takes minutes and compares within one run."""
    from rich.console import Console

    measure = benchmark(name)
    with spoken(Console(stderr=True), name) as progress:
        figures = measure(progress)
    if as_json:
        from simulator.manifest import plain

        typer.echo(json.dumps(plain({"bench": name, **figures, "machine": machine()})))
    else:
        screen = Console()
        show(name, figures, screen if screen.is_terminal else Console(width=150))


def benchmark(name: str) -> Measure:
    """Return a benchmark's ``measure``; raise MissingResource without a checkout, InvalidInput for no such file."""
    import importlib

    if not BENCHMARKS.is_dir():
        raise MissingResource(f"benchmarks are part of the checkout, and there is no folder {BENCHMARKS}; clone it")
    known = sorted(path.stem for path in BENCHMARKS.glob("[a-z]*.py"))
    if name not in known:
        raise InvalidInput(f"there is no benchmark {name!r}; there are: {', '.join(known)}")
    measure: Measure = importlib.import_module(f"tests.benchmarks.{name}").measure
    return measure


@contextmanager
def spoken(console: "Console", name: str) -> Iterator[Callable[[str], None]]:
    """Yield a way to say what is being measured: on a terminal in one changing line, else a line each."""
    if not console.is_terminal:
        yield lambda what: console.print(f"{name}: {what}", style="dim", highlight=False)
        return
    with console.status(name) as status:
        yield lambda what: status.update(f"{name}: {what}")


def show(name: str, figures: Mapping[str, Any], console: "Console") -> None:
    """Print single figures as one table, each list of rows as one more, and the machine under them."""
    single = {key: value for key, value in flat(figures) if not _is_rows(value)}
    if single:
        console.print(_table(name, [{"figure": key, "value": value} for key, value in single.items()]))
    for key, rows in figures.items():
        if _is_rows(rows):
            console.print(_table(key, rows))
    console.print(", ".join(f"{key} {_text(value)}" for key, value in machine().items()), highlight=False)


def flat(figures: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the figures of nested mappings under dotted names.

    >>> dict(flat({"a": 1, "b": {"c": 2}}))
    {'a': 1, 'b.c': 2}
    """
    for key, value in figures.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, Mapping) for row in value)


def _table(title: str, rows: list[Mapping[str, Any]]) -> Any:
    from rich.table import Table

    columns = list(dict.fromkeys(key for row in rows for key in row))
    table = Table(title=title)
    for column in columns:
        number = all(isinstance(row.get(column), int | float | None) for row in rows)
        table.add_column(column, justify="right" if number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_text(row.get(column)) for column in columns))
    return table


def _text(value: Any) -> str:
    """Write a figure with as many digits as it can have meaning.

    >>> [_text(value) for value in (1234567, 1234.567, 0.12345, None, True)]
    ['1,234,567', '1,235', '0.1235', '', 'True']
    """
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "" if value is None else str(value)


def machine() -> dict[str, Any]:
    """Return what the figures were measured on; nothing in it names the machine or its owner."""
    import os
    import platform

    import numpy as np

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": _processor(Path("/proc/cpuinfo")) or platform.machine(),
        "memory_gib": round(memory, 1),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def _processor(path: Path) -> str:
    """Return the processor's name as Linux gives it, or nothing."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
