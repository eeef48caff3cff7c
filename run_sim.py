"""Run Tasteloop from its checkout: ``python run_sim.py --help``."""

import ast
import importlib
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
if sys.path[0] != str(HERE):  # the checkout's packages have common names: they go before any installed ones
    sys.path.insert(0, str(HERE))

for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # small matrices: threads that wait for each other cost more than they bring

import typer  # noqa: E402
from typer.core import TyperGroup  # noqa: E402

from agents.errors import TasteloopError  # noqa: E402
from agents.redaction import redacted  # noqa: E402

FOLDERS = ("simulator/cli", "analysis/cli")


class Commands(TyperGroup):
    """The commands are the files of the two folders; one is imported only when it is called."""

    def list_commands(self, _ctx: Any) -> list[str]:
        """Return the command names in alphabetical order."""
        return sorted(_files())

    def get_command(self, _ctx: Any, name: str) -> Any:
        """Import the command's file and return the command."""
        path = _files().get(name)
        return _load(path) if path is not None else None

    def format_commands(self, _ctx: Any, formatter: Any) -> None:
        """List the commands with the first line of their help, without importing them."""
        rows = [(name, _summary(path)) for name, path in sorted(_files().items())]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


app = typer.Typer(
    cls=Commands,
    name="tasteloop",
    rich_markup_mode=None,
    add_completion=False,
    context_settings={"max_content_width": 110},
)


@app.callback()
def tasteloop() -> None:
    """Simulate how users and recommender systems shape each other.

    run_sim.py SCENARIO.yaml runs a scenario, or its study where the file has one.
    Any command takes --debug (tracebacks).
    """


def main() -> None:
    """Run the command line; every expected error is one message and its documented exit code."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    debug = len(arguments) < len(sys.argv) - 1
    try:
        app(_implied(arguments), prog_name="run_sim.py")
    except TasteloopError as error:
        _fail(f"error: {error}", error.exit_code, debug)
    except KeyboardInterrupt:
        _fail("interrupted", 130, debug)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read our output has gone
    except Exception as error:
        _fail(f"bug: {type(error).__name__}: {error}\nrun again with --debug for the traceback", 1, debug)


def _implied(arguments: list[str]) -> list[str]:
    """Let a scenario file alone mean ``run``, or ``study`` where it has one."""
    if not arguments or not arguments[0].endswith((".yaml", ".yml")):
        return arguments
    from simulator.scenario_file import has_study

    return ["study" if has_study(Path(arguments[0])) else "run", *arguments]


def _files() -> dict[str, Path]:
    return {path.stem.replace("_", "-"): path for path in _python_files() if _exposed(path)}


def _python_files() -> Iterator[Path]:
    for folder in FOLDERS:
        yield from (HERE / folder).glob("[a-z]*.py")


def _exposed(path: Path) -> ast.FunctionDef | ast.Assign | None:
    """Return the definition of the file's ``command`` or ``app``."""
    for node in ast.parse(path.read_bytes()).body:
        if isinstance(node, ast.FunctionDef) and node.name == "command":
            return node
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "app" for t in node.targets):
            return node
    return None


def _summary(path: Path) -> str:
    """Return the first line of a command's help; of a file of sub-commands, of the file's."""
    tree = ast.parse(path.read_bytes())
    node = _exposed(path)
    text = ast.get_docstring(node if isinstance(node, ast.FunctionDef) else tree) or ""
    return text.partition("\n")[0].rstrip(".")


def _load(path: Path) -> Any:
    module = importlib.import_module(".".join(path.relative_to(HERE).with_suffix("").parts))
    group = getattr(module, "app", None)
    if group is None:
        group = typer.Typer(rich_markup_mode=None, add_completion=False)
        group.command()(module.command)
    return typer.main.get_command(group)


def _fail(message: str, code: int, debug: bool) -> None:
    if debug:
        print(redacted(traceback.format_exc()), file=sys.stderr)
    print(redacted(message), file=sys.stderr)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
