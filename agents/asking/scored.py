"""What a question about items brings: one score per item, or none and why."""

import math
from dataclasses import dataclass

from agents.llm.base import Answer


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores aligned with the items asked about, or None; ``notes`` says how each answer parsed."""

    values: tuple[float, ...] | None
    call_id: str
    notes: tuple[str, ...]


def flaw(answer: Answer, count: int) -> str:
    """Return what is wrong with log-probabilities, or ``ok``."""
    if answer.status != "ok":
        return "failed"
    if len(answer.logprobs) != count:
        return "wrong_shape"
    return "ok" if all(math.isfinite(value) for value in answer.logprobs) else "not_finite"
