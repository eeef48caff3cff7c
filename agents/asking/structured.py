"""Ask for a decision as JSON: positions and ratings, whether to go, and why; one repair if it does not fit.

What a user cannot do is neither offered nor accepted.
"""

import json
import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from agents.asking.text import listing, recommended, remembered
from agents.llm.base import Answer, Message, Prompt
from agents.schema import USUAL, ExitReason, Feedback, Item, Persona
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
Able = frozenset[str]
"""What a user can do (``agents.schema.ABILITIES``)."""
_USUAL: Able = frozenset(USUAL)
_MOST = ": most people pass over most of what they are shown"


@dataclass(frozen=True, slots=True)
class Said:
    """What the model said; ``watched`` maps place in the slate (from 0) to rating, NaN for users who do not rate."""

    watched: dict[int, float]
    leave: ExitReason
    reason: str
    feedback: dict[int, Feedback] = field(default_factory=dict)
    """By place, of users who like or dislike."""


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
    *,
    able: Able = _USUAL,
    friends: Sequence[Sequence[str]] = (),
) -> Generator[Prompt, Answer, Outcome]:
    """Hold the conversation: a question and, where the answer does not fit, one repair."""
    numbers = _numbers(len(items))
    messages = load(TEMPLATE).messages(
        persona=persona.narrative,
        memory=remembered(memory),
        slate=listing(numbers, items),
        tips=recommended(numbers, items, friends),
        habit=_MOST if "skip" in able else "",
        answer=offered(levels, able),
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
            schema=schema(len(items), levels, able),
        )
        found = parse(answer, len(items), levels, able)
        notes.append("ok" if isinstance(found, Said) else found)
        if isinstance(found, Said) or found == "failed":
            break
        ask_again = load("repair_structured").messages(problem=found.replace("_", " "), count=len(items))
        messages = (*messages, Message("assistant", clean(answer.text, ANSWER_CAP)), *ask_again)
    return Outcome(found if isinstance(found, Said) else None, answer.call_id, tuple(notes))


@lru_cache(maxsize=256)
def _numbers(count: int) -> list[str]:
    return [str(place + 1) for place in range(count)]


def _votes(able: Able) -> list[str]:
    """Return the words of feedback, none where there is nothing to choose."""
    words = [word for word in ("like", "dislike") if word in able]
    return [*words, "none"] if words else []


def _leaving(able: Able) -> list[str]:
    """Return the words for how a page may end, none where the user has no say."""
    return [word for word in LEAVE if word != "stay" or "next_page" in able] if "leave" in able else []


@lru_cache(maxsize=256)
def offered(levels: tuple[float, ...], able: Able) -> str:
    """Return what an answer may hold, in words, a line each."""
    each = ['its "position" in the list']
    if "rate" in able:
        each.append(f'the "rating" you give it afterwards ({levels[0]:g} to {levels[-1]:g})')
    if _votes(able):
        each.append(f'your "feedback": {_either(_votes(able))}')
    listed = " and ".join([", ".join(each[:-1]), each[-1]]) if len(each) > 1 else each[0]
    lines = []
    if "watch" in able and "skip" in able:
        lines.append(f'"watch": the titles you watch, each with {listed}; an empty list if you watch nothing.')
    elif "watch" in able:
        lines.append(f'"watch": every title of the page, because all of them play, each with {listed}.')
    going = _leaving(able)
    if going:
        stay, why = '"stay" to see the next page, or ' * (going[0] == "stay"), going[going[0] == "stay" :]
        lines.append(f'"leave": {stay}why you go: {_either(why)}.')
    return "\n".join([*lines, '"reason": one short sentence.'])


def _either(words: Sequence[str]) -> str:
    quoted = [f'"{word}"' for word in words]
    return " or ".join([", ".join(quoted[:-1]), quoted[-1]]) if len(quoted) > 1 else quoted[0]


@lru_cache(maxsize=256)
def schema(count: int, levels: tuple[float, ...], able: Able = _USUAL) -> str:
    """Return the JSON schema of an answer about ``count`` items."""
    given = [int(level) if float(level).is_integer() else level for level in levels]
    each: dict[str, Any] = {"position": {"type": "integer", "enum": list(range(1, count + 1))}}
    if "rate" in able:
        each["rating"] = {"enum": given}
    if _votes(able):
        each["feedback"] = {"enum": _votes(able)}
    whole: dict[str, Any] = {}
    if "watch" in able:
        least = {} if "skip" in able else {"minItems": count}
        whole["watch"] = {"type": "array", **least, "maxItems": count, "items": _object(each)}
    if _leaving(able):
        whole["leave"] = {"enum": _leaving(able)}
    whole["reason"] = {"type": "string", "maxLength": REASON_CAP}
    return json.dumps(_object(whole), separators=(",", ":"))


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def parse(answer: Answer, count: int, levels: Sequence[float], able: Able = _USUAL) -> Said | str:
    """Return what was said, or the kind of flaw. Never guesses: a position off the slate is a flaw."""
    if answer.status != "ok":
        return "failed"
    if answer.finish_reason == "length":
        return "truncated"
    try:
        body = _DECODER.decode(answer.text)
    except (ValueError, RecursionError):
        return "not_json"
    if not _has_shape(body, able):
        return "wrong_shape"
    watched: dict[int, float] = {}
    feedback: dict[int, Feedback] = {}
    for entry in body.get("watch", ()):
        if not _is_taking(entry, able):
            return "wrong_shape"
        place = entry["position"] - 1
        if not 0 <= place < count:
            return "out_of_slate"
        if place in watched:
            return "repeated_position"
        if "rate" in able and entry["rating"] not in levels:
            return "off_scale"
        watched[place] = float(entry["rating"]) if "rate" in able else math.nan
        feedback[place] = Feedback[entry["feedback"].upper()] if _votes(able) else Feedback.NONE
    if "watch" in able and "skip" not in able and len(watched) < count:
        return "incomplete"
    leave = LEAVE[body["leave"]] if _leaving(able) else ExitReason.STAYED
    return Said(watched, leave, clean(body["reason"], REASON_CAP), feedback)


def _has_shape(body: Any, able: Able) -> bool:
    return (
        isinstance(body, dict)
        and (isinstance(body.get("watch"), list) if "watch" in able else "watch" not in body)
        and (not _leaving(able) or (isinstance(body.get("leave"), str) and body["leave"] in _leaving(able)))
        and isinstance(body.get("reason"), str)
    )


def _is_taking(entry: Any, able: Able) -> bool:
    """Tell whether an entry says what is watched, by a whole number, and what the user has to say of it."""
    if not isinstance(entry, dict):
        return False
    position, rating = entry.get("position"), entry.get("rating")
    return (
        isinstance(position, int)
        and not isinstance(position, bool)
        and ("rate" not in able or isinstance(rating, int | float))
        and (not _votes(able) or entry.get("feedback") in _votes(able))
    )
