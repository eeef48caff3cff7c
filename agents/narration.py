"""Persona texts that a language model writes: the quantities are given, and what it wrote is held against them.

Each quantity falls into one of three bands, as in the template's text, and each band has words of its own: the
text must hold those of the right bands and none of the wrong ones, name the genres liked best and none that is
liked less than average. What needs no telling, seldom chosen genres and favorites, is added as the template has
it, so no title enters the prompt.
"""

import re
from collections.abc import Generator, Mapping

from agents.behaviors.base import Talked
from agents.llm.base import Answer, Message, Prompt
from agents.persona import GENRE_CAP, GRADES, favored, graded
from agents.schema import Persona
from agents.template import load
from agents.untrusted import clean

TEMPLATE = "narrate"
CAP = 600
"""Characters a text may have."""
TOKENS = 256
WORDS = {
    "variety": ("few genres", "several genres", "almost every genre"),
    "mainstream": ("little-known titles", "hits and lesser-known titles", "mostly hits"),
    "activity": ("rarely", "about as often as others", "very often"),
    "ratings": ("often differ", "sometimes differ", "mostly agree"),
}
"""What a text says of each quantity, by band."""
_ABOUT = {
    "variety": "watches {words} (entropy over genres: {value:.1f} bits)",
    "mainstream": "watches {words} (mean popularity rank of what was watched: {value:.0%}, 100% the most popular)",
    "activity": "visits {words} ({value:.1f} times as often as the average user)",
    "ratings": "gives ratings that {words} with those of other people ({value:.0%} agreement)",
}


def ask(persona: Persona, closing: str) -> Generator[Prompt, Answer, Talked]:
    """Hold the conversation: a question and, where the text does not fit, one repair.

    Its content is the whole narrative, ``closing`` behind what the model wrote, or None where no usable text came.
    """
    bands = {name: graded(name, getattr(persona, figure)) for name, (figure, _, _) in GRADES.items()}
    words = [WORDS[name][band] for name, band in bands.items()]
    messages = load(TEMPLATE).messages(
        quantities=_quantities(persona, bands), words=", ".join(f'"{some}"' for some in words), cap=CAP
    )
    notes: list[str] = []
    for attempt in range(2):
        answer = yield Prompt(
            kind="text",
            purpose="repair" if attempt else "narrate",
            messages=messages,
            user_id=persona.user_id,
            attempt=attempt,
            max_tokens=TOKENS,
        )
        if answer.status != "ok":
            return Talked(None, answer.call_id, (*notes, "failed"))
        text = clean(answer.text, 2 * CAP)
        problem = flaw(text, persona)
        notes.append(problem or "ok")
        if not problem:
            return Talked(text + closing, answer.call_id, tuple(notes))
        ask_again = load("repair_narrate").messages(problem=problem)
        messages = (*messages, Message("assistant", text), *ask_again)
    return Talked(None, answer.call_id, tuple(notes))


def flaw(text: str, persona: Persona) -> str:
    """Return what in a text contradicts, or leaves out, what is known of a person; nothing where it fits."""
    if not text:
        return "is empty"
    if len(text) > CAP:
        return f"has more than {CAP} characters"
    said = text.casefold()
    for name, (figure, _, _) in GRADES.items():
        right = WORDS[name][graded(name, getattr(persona, figure))]
        if right not in said:
            return f'does not say "{right}"'
        wrong = [words for words in WORDS[name] if words != right and words in said]
        if wrong:
            return f'says "{wrong[0]}", which is not so'
    for genre in favored(persona.tastes):
        if not _named(genre, said):
            return f"does not name {genre}"
        said = said.replace(genre.casefold(), "")
    unliked = [clean(genre, GENRE_CAP) for genre, weight in persona.tastes.items() if weight < 0]
    return next((f"names {genre}, which this person does not like" for genre in unliked if _named(genre, said)), "")


def _named(genre: str, said: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(genre.casefold())}s?(?!\w)", said) is not None


def _quantities(persona: Persona, bands: Mapping[str, int]) -> str:
    liked = ", ".join(favored(persona.tastes)) or "none above others"
    lines = [f"- genres liked best, the best first: {liked}"]
    for name, (figure, _, _) in GRADES.items():
        lines.append(f"- {_ABOUT[name].format(words=WORDS[name][bands[name]], value=getattr(persona, figure))}")
    return "\n".join(["This person", *lines])
