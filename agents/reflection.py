"""Looking back: now and then a user who talks draws a conclusion from its visits, and remembers that."""

from collections.abc import Generator

from agents.asking.text import remembered
from agents.behaviors.base import Talked
from agents.llm.base import Answer, Prompt
from agents.schema import Persona
from agents.template import load
from agents.untrusted import clean

TEMPLATE = "reflect"
TOKENS = 60
"""An answer may have."""
CAP = 240
"""Characters of it that are looked at."""


def ask(persona: Persona, memory: str, decision: int, now: float) -> Generator[Prompt, Answer, Talked]:
    """Hold the conversation; its content is the insight, or None where no usable one came."""
    answer = yield Prompt(
        kind="text",
        purpose="reflect",
        messages=load(TEMPLATE).messages(persona=persona.narrative, memory=remembered(memory)),
        user_id=persona.user_id,
        decision=decision,
        now=now,
        max_tokens=TOKENS,
    )
    insight = clean(answer.text, CAP) if answer.status == "ok" else ""
    note = "failed" if answer.status != "ok" else "ok" if insight else "empty"
    return Talked(insight or None, answer.call_id, (note,))
