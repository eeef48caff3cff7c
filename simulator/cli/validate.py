"""``validate``: check scenario files."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from agents.errors import InvalidInput
from simulator.scenario_file import InvalidScenario, read


def command(
    scenarios: Annotated[list[Path], typer.Argument(help="scenario files", show_default=False)],
    sets: Annotated[list[str] | None, typer.Option("--set", help="override a.b=value (repeatable)")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one line of JSON")] = False,
) -> None:
    """Check scenario files, arms and components included, and name every problem with its place."""
    reports = [_report(path, sets or []) for path in scenarios]
    if as_json:
        typer.echo(json.dumps({"valid": all(r["valid"] for r in reports), "files": reports}))
    for report in reports if not as_json else ():
        typer.echo(f"{report['file']}: valid" if report["valid"] else report["text"], err=not report["valid"])
    if not all(report["valid"] for report in reports):
        raise typer.Exit(InvalidInput.exit_code)


def _report(path: Path, sets: list[str]) -> dict[str, Any]:
    try:
        read(path, sets)
    except InvalidScenario as error:
        found = [
            {"path": f.path, "message": f.message, "file": f.mark.file, "line": f.mark.line, "column": f.mark.column}
            for f in error.findings
        ]
        return {"file": str(path), "valid": False, "problems": found, "text": str(error)}
    except InvalidInput as error:
        return {
            "file": str(path),
            "valid": False,
            "problems": [{"path": "", "message": str(error)}],
            "text": str(error),
        }
    return {"file": str(path), "valid": True, "problems": []}
