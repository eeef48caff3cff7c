"""What a behavior is: a page in, a decision out, never the world."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence

from agents.llm.base import Answer, Prompt
from agents.schema import Decision, Decisions, Observation, Pages, Setting


class Behavior(ABC):
    """Decide what users do with the pages they are shown."""

    def prepare(self, setting: Setting) -> None:  # noqa: B027  (an empty default is the point)
        """Learn, once and before time starts, what the behavior learns from training history."""

    @abstractmethod
    def decide(self, pages: Pages) -> Decisions:
        """Answer a batch of pages; a row's answer never depends on the other rows."""

    def members(self) -> Sequence[tuple["Behavior", float]]:
        """Return the behaviors users are assigned to, with their shares; itself unless mixed."""
        return ((self, 1.0),)

    def assumptions(self) -> dict[str, float | str]:
        """Return the fitted and declared figures the report prints for this behavior."""
        return {}


class TalkingBehavior(Behavior):
    """A behavior that asks a language model, one question at a time.

    ``decide`` is its answer without a model (the fallback). ``talk`` yields prompts and is sent
    answers; it returns the decision. It must not touch anything but its arguments, so that a
    conversation can be suspended for as long as an answer takes.
    """

    model: str
    """Name of the entry of the scenario's ``llm`` section that it asks."""

    @abstractmethod
    def talk(self, observation: Observation, memory: str) -> Generator[Prompt, Answer, Decision]:
        """Hold the conversation that ends in one decision; ``memory`` is the recalled text."""

    def calibration(self) -> Generator[Prompt, Answer, None]:
        """Hold the conversations, one after another, that calibrate the model before time starts."""
        return
        yield
