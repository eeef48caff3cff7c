"""Ask how much likelier a persona makes each title, as the next of a list that begins with its favorites.

score = (log p(title | persona, memory) - log p(title | nobody)) / tokens of the title. The second
term takes out what a title is worth to the model whoever watches it: its fame and its length. It
is asked for in fixed groups of neighbors in the catalog, so that every user shares its answers.
"""

from collections.abc import Generator, Sequence

from agents.asking.scored import Scored, flaw
from agents.asking.text import remembered, spoken
from agents.llm.base import Answer, Message, Prompt
from agents.memory import tokens
from agents.schema import Item, Persona
from agents.template import load

GROUP = 16
"""Neighboring items whose titles are scored together for nobody in particular."""
TEMPLATE = "choose_likelihood"


def ask(
    persona: Persona, memory: str, items: Sequence[Item], catalog: Sequence[Item], decision: int, now: float = 0.0
) -> Generator[Prompt, Answer, Scored]:
    """Hold the conversation: the persona's question, then one per group not yet known to the recorder."""
    liked = "\n".join(f"- {spoken(catalog[item])}" for item in persona.favorites)
    about = load(TEMPLATE).messages(persona=persona.narrative, memory=remembered(memory), liked=liked)
    answer = yield _prompt("choose", about, items, persona.user_id, decision, now)
    notes = [flaw(answer, len(items))]
    if notes[0] != "ok":
        return Scored(None, answer.call_id, tuple(notes))
    base: dict[int, float] = {}
    anybody = load(TEMPLATE).messages(persona="", memory="", liked="")
    for group in sorted({item.item_id // GROUP for item in items}):
        neighbors = catalog[group * GROUP : (group + 1) * GROUP]
        plain = yield _prompt("choose-nobody", anybody, neighbors, -1, -1, now)
        notes.append(flaw(plain, len(neighbors)))
        if notes[-1] != "ok":
            return Scored(None, answer.call_id, tuple(notes))
        base |= zip((item.item_id for item in neighbors), plain.logprobs, strict=True)
    lengths = answer.lengths or tuple(tokens(spoken(item)) for item in items)
    gains = (own - base[item.item_id] for own, item in zip(answer.logprobs, items, strict=True))
    values = tuple(gain / max(length, 1) for gain, length in zip(gains, lengths, strict=True))
    return Scored(values, answer.call_id, tuple(notes))


def _prompt(
    purpose: str, messages: tuple[Message, ...], items: Sequence[Item], user_id: int, decision: int, now: float
) -> Prompt:
    return Prompt(
        kind="likelihood",
        purpose=purpose,
        messages=messages,
        user_id=user_id,
        decision=decision,
        now=now,
        continuations=tuple(f" {spoken(item)}" for item in items),
    )
