"""Ask for a decision as JSON: positions and ratings, whether to go, and why; one repair if it does not fit."""

import json
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from agents.asking.text import listing, remembered
from agents.llm.base import Answer, Message, Prompt
from agents.schema import ExitReason, Item, Persona
from agents.template import load
from agents.untrusted import clean

TEMPLATE = "choose_structured"
REASON_CAP = 200
ANSWER_CAP = 1000
_DECODER = json.JSONDecoder()
LEAVE = {
    "stay": ExitReason.STAYED,
    "satisfied": ExitReason.SATISFIED,
    "tired": ExitReason.TIRED,
    "bored": ExitReason.BORED,
}


@dataclass(frozen=True, slots=True)
class Said:
    """What the model said; ``watched`` maps place in the slate (from 0) to rating."""

    watched: dict[int, float]
    leave: ExitReason
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """The last usable answer, or None; ``notes`` says how each answer parsed."""

    said: Said | None
    call_id: str
    notes: tuple[str, ...]


def ask(
    persona: Persona,
    memory: str,
    items: Sequence[Item],
    levels: tuple[float, ...],
    mood: str,
    decision: int,
    now: float = 0.0,
) -> Generator[Prompt, Answer, Outcome]:
    """Hold the conversation: a question and, where the answer does not fit, one repair."""
    messages = load(TEMPLATE).messages(
        persona=persona.narrative,
        memory=remembered(memory),
        slate=listing(_numbers(len(items)), items),
        scale=_span(levels),
        mood=mood,
    )
    notes: list[str] = []
    for attempt in range(2):
        answer = yield Prompt(
            kind="structured",
            purpose="repair" if attempt else "choose",
            messages=messages,
            user_id=persona.user_id,
            decision=decision,
            now=now,
            attempt=attempt,
            schema=schema(len(items), levels),
        )
        found = parse(answer, len(items), levels)
        notes.append("ok" if isinstance(found, Said) else found)
        if isinstance(found, Said) or found == "failed":
            break
        ask_again = load("repair_structured").messages(problem=found.replace("_", " "), count=len(items))
        messages = (*messages, Message("assistant", clean(answer.text, ANSWER_CAP)), *ask_again)
    return Outcome(found if isinstance(found, Said) else None, answer.call_id, tuple(notes))


@lru_cache(maxsize=256)
def _numbers(count: int) -> list[str]:
    return [str(place + 1) for place in range(count)]


@lru_cache(maxsize=256)
def _span(levels: tuple[float, ...]) -> str:
    return f"{levels[0]:g} to {levels[-1]:g}"


@lru_cache(maxsize=256)
def schema(count: int, levels: tuple[float, ...]) -> str:
    """Return the JSON schema of an answer about ``count`` items."""
    given = [int(level) if float(level).is_integer() else level for level in levels]
    watch = {
        "type": "object",
        "properties": {"position": {"type": "integer", "enum": list(range(1, count + 1))}, "rating": {"enum": given}},
        "required": ["position", "rating"],
        "additionalProperties": False,
    }
    whole = {
        "type": "object",
        "properties": {
            "watch": {"type": "array", "maxItems": count, "items": watch},
            "leave": {"enum": list(LEAVE)},
            "reason": {"type": "string", "maxLength": REASON_CAP},
        },
        "required": ["watch", "leave", "reason"],
        "additionalProperties": False,
    }
    return json.dumps(whole, separators=(",", ":"))


def parse(answer: Answer, count: int, levels: Sequence[float]) -> Said | str:
    """Return what was said, or the kind of flaw. Never guesses: a position off the slate is a flaw."""
    if answer.status != "ok":
        return "failed"
    if answer.finish_reason == "length":
        return "truncated"
    try:
        body = _DECODER.decode(answer.text)
    except (ValueError, RecursionError):
        return "not_json"
    if not _has_shape(body):
        return "wrong_shape"
    watched: dict[int, float] = {}
    for entry in body["watch"]:
        if not _is_taking(entry):
            return "wrong_shape"
        place = entry["position"] - 1
        if not 0 <= place < count:
            return "out_of_slate"
        if place in watched:
            return "repeated_position"
        if entry["rating"] not in levels:
            return "off_scale"
        watched[place] = float(entry["rating"])
    return Said(watched, LEAVE[body["leave"]], clean(body["reason"], REASON_CAP))


def _has_shape(body: Any) -> bool:
    return (
        isinstance(body, dict)
        and isinstance(body.get("watch"), list)
        and isinstance(body.get("leave"), str)
        and body["leave"] in LEAVE
        and isinstance(body.get("reason"), str)
    )


def _is_taking(entry: Any) -> bool:
    """Tell whether an entry says what is watched, by a whole number, and how it is rated."""
    if not isinstance(entry, dict):
        return False
    position, rating = entry.get("position"), entry.get("rating")
    return isinstance(position, int) and not isinstance(position, bool) and isinstance(rating, int | float)
