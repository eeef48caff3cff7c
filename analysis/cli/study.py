"""Run every arm and seed of a scenario's study and compare them."""

from typing import Any

from analysis.options import scenario_options


@scenario_options
def command(**asked: Any) -> None:
    """Run a study (arms x seeds) and report it; finished cells are skipped; the last line is the folder."""
    from analysis.execute import start

    start(study=True, **asked)
