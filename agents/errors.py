"""The errors a user of Tasteloop can meet, each with its documented exit code."""

from typing import ClassVar


class TasteloopError(Exception):
    """Say in one message what was wrong, where, and what would be right."""

    exit_code: ClassVar[int] = 1


class InvalidInput(TasteloopError):
    """A scenario, an option or a data file is wrong."""

    exit_code = 2


class MissingResource(TasteloopError):
    """The environment lacks something: a key, an extra, data, a model, an endpoint."""

    exit_code = 3


class Degraded(TasteloopError):
    """The run finished, but more answers than allowed came from the fallback."""

    exit_code = 4


class BudgetExhausted(TasteloopError):
    """A budget was reached; the run can be resumed."""

    exit_code = 5


class GateFailed(TasteloopError):
    """A declared gate did not hold."""

    exit_code = 6


class Interrupted(TasteloopError):
    """A signal stopped the run; it can be resumed."""

    exit_code = 130


class Terminated(Interrupted):
    """SIGTERM stopped the run; it can be resumed."""

    exit_code = 143
