"""What stands between a run and a backend, in its order."""

from agents.llm.base import LanguageModel
from agents.llm.journal import Journal
from agents.llm.wrappers.limited import Limited
from agents.llm.wrappers.recorded import Recorded


def assemble(backend: LanguageModel, journal: Journal, *, concurrency: int = 64, replay: bool = False) -> LanguageModel:
    """Return the backend as a run uses it: recorded, then limited and retried, then asked.

    With ``replay`` only the journal answers. A recorded answer takes no slot.
    """
    return Recorded(Limited(backend, concurrency=concurrency), journal, replay=replay)
