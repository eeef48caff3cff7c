"""Run one command's function as an application of its own."""

from collections.abc import Callable

import typer


def app(command: Callable[..., None]) -> typer.Typer:
    alone = typer.Typer()
    alone.command()(command)
    return alone
