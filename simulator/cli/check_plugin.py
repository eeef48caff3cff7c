"""``check-plugin``: does a recommender keep its contract?"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from agents.errors import GateFailed

if TYPE_CHECKING:
    from simulator.recommenders.base import Progress
    from simulator.recommenders.conformance import Check


def command(
    recommender: Annotated[
        str, typer.Argument(help="MODULE:CLASS, NAME or '{kind: MODULE:CLASS, ...}'", show_default=False)
    ],
    as_json: Annotated[bool, typer.Option("--json", help="print one line of JSON")] = False,
) -> None:
    """Run the conformance kit on a recommender, anyone's; exit 6 if a rule is broken."""
    from simulator.components import build, read_spec
    from simulator.recommenders.conformance import conformance

    spec = read_spec(recommender, "check-plugin")
    build("recommenders", dict(spec))  # say what is wrong before anything takes time
    with _bar() as progress:
        checks = list(conformance(lambda: build("recommenders", dict(spec)), progress))
    broken = [check for check in checks if not check.passed]
    if as_json:
        rules = [{"rule": check.rule, "passed": check.passed, "problem": check.problem} for check in checks]
        typer.echo(json.dumps({"recommender": spec["kind"], "passed": not broken, "rules": rules}))
    else:
        _show(checks)
    if broken:
        raise GateFailed(f"{spec['kind']} breaks {len(broken)} of {len(checks)} rules of a recommender")


def _show(checks: "list[Check]") -> None:
    """Print a line per rule, and what a broken one asks for."""
    from simulator.recommenders.conformance import RULES

    asked = {rule.__name__: (rule.__doc__ or "").strip() for rule in RULES}
    for check in checks:
        typer.echo(
            f"{'passed ' if check.passed else 'BROKEN '} {check.rule}{': ' * bool(check.problem)}{check.problem}"
        )
        if not check.passed and check.rule in asked:
            typer.echo(f"        {asked[check.rule]}")


@contextmanager
def _bar() -> "Iterator[Progress]":
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("making worlds", total=1.0)
        yield lambda share, rule: progress.update(task, completed=share, description=rule)
