"""Run one scenario and measure it."""

from typing import Any

from analysis.options import scenario_options


@scenario_options
def command(**asked: Any) -> None:
    """Run a scenario and measure it; the last line printed is the run folder."""
    from analysis.execute import start

    start(study=False, **asked)
