"""A language model that says what comes next, and what of that the catalog holds."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from agents.asking.likelihood import TEMPLATE
from agents.asking.text import line, spoken
from agents.errors import InvalidInput
from agents.llm.base import Answer, Kind, Prompt
from agents.schema import PAD, Ints, Item
from agents.template import load
from simulator.catalog import Catalog, Interactions
from simulator.recommenders.base import Progress, Recommender, Requests, Slates, State, diagnostics, silent, under
from simulator.recommenders.grounding import Titles, said
from simulator.recommenders.talking import Load, Talking, read, written

TITLE_CAP = 120
"""Characters a title that is said may have."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What one request is asked: the question, and the items that may come of it, in the order it lists them."""

    row: int
    prompt: Prompt
    allowed: Ints


@dataclass
class LlmGenerate(Talking):
    """Let a language model name what a history leads to, and show the items of the catalog that it names.

    What is named in vain (unknown, seen, said twice) is counted and leaves the list short; nothing fills it.

    inner: the recommender whose candidates are listed, and that serves empty histories.
    grounding: candidates lists titles in the prompt and takes no other; nearest takes for each title said the one of
    the catalog most like it; trie searches the likeliest titles of the catalog, so that no other can be said, by
    the model's own probabilities (llm kind transformers).
    candidates: items listed, where candidates are.
    similarity: least likeness of a title said and the one it is taken for, 1 for the same letters (nearest).
    beams: beginnings of titles that are followed at once (trie).
    history: newest entries of a history that are told; without any nothing is asked.
    model: name of the entry of the scenario's llm section that is asked.
    """

    warm: ClassVar[bool] = True  # what cannot continue from a state fits afresh, as it always does

    inner: Recommender
    grounding: Literal["candidates", "nearest", "trie"] = "candidates"
    candidates: Annotated[int, Field(ge=1, le=200)] = 20
    similarity: Annotated[float, Field(gt=0, le=1)] = 0.6
    beams: Annotated[int, Field(ge=1, le=200)] = 20
    history: Annotated[int, Field(ge=1)] = 10
    _titles: Titles = field(init=False, repr=False, compare=False, default_factory=lambda: Titles(()))

    def settle(self, kinds: frozenset[Kind]) -> None:
        """Raise InvalidInput where the model cannot be asked so."""
        needed = "beam" if self.grounding == "trie" else "structured"
        if needed not in kinds:
            raise InvalidInput(
                f"grounding: {self.grounding} needs {needed} answers, and llm {self.model!r} gives "
                f"{', '.join(sorted(kinds))}; trie is for llm kind transformers, the others are for those that write"
            )

    def load(self, size: int) -> Load:
        """Return what one question takes; the trie's beams write nothing that is paid for."""
        listed = self.candidates if self.grounding == "candidates" else 0
        return Load(1, listed + self.history, size)

    def fit(
        self, log: Interactions, catalog: Catalog, *, rng: np.random.Generator, progress: Progress = silent
    ) -> None:
        """Fit the inner recommender and remember the titles."""
        self._know(catalog.items)
        self.inner.fit(log, catalog, rng=rng, progress=progress)

    def _know(self, items: tuple[Item, ...]) -> None:
        self._items = items
        self._titles = Titles(items if self.grounding == "nearest" else ())

    def recommend(self, requests: Requests, k: int) -> Slates:
        """Return what is named, best first; the inner slate where a history is empty."""
        offered = self.inner.recommend(requests, max(k, self.candidates))
        items, score = offered.item_id[:, :k].copy(), offered.score[:, :k].copy()
        asks = [ask for row in range(len(requests)) for ask in self._ask(requests, offered.item_id, row, k)]
        useless = invalid = vain = 0
        for ask, answer in zip(asks, self.asked([ask.prompt for ask in asks]), strict=True):
            items[ask.row], score[ask.row] = PAD, np.nan
            named = self._named(ask, answer)
            if named is None:
                useless += 1
                continue
            known = [(item, value) for item, value in named if item is not None]
            allowed, shown = set(ask.allowed.tolist()), dict[int, float]()
            for item, value in known:
                if item in allowed:
                    shown.setdefault(item, value)
            best = list(shown)[:k]
            items[ask.row, : len(best)], score[ask.row, : len(best)] = best, [shown[item] for item in best]
            invalid, vain = invalid + len(named) - len(known), vain + len(known) - len(shown)
        counts = {"invalid_generated": invalid, "generated_in_vain": vain, "unusable_answers": useless}
        told = diagnostics(items) | {name: float(count) for name, count in counts.items()}
        return Slates(items, score, np.full_like(score, np.nan), told | {"questions": float(len(asks))})

    def _ask(self, requests: Requests, offered: Ints, row: int, k: int) -> Iterator[Ask]:
        """Yield the question about one request, if there is one."""
        told = self.told(requests, row, self.history)
        if not len(told):
            return
        barred = requests.exclude[requests.exclude_starts[row] : requests.exclude_starts[row + 1]]
        allowed = np.setdiff1d(np.arange(len(self._items)), barred)
        if self.grounding == "candidates":
            allowed = offered[row][offered[row] != PAD]
        if not len(allowed):
            return
        asked: dict[str, Any] = {"user_id": int(requests.user_id[row]), "now": float(requests.now[row])}
        if self.grounding == "trie":
            messages = load(TEMPLATE).messages(persona="", memory="", liked=self.titles(told))
            named = tuple(f" {spoken(self._items[item])}\n" for item in allowed.tolist())
            beams = max(k, self.beams)
            yield Ask(row, Prompt("beam", "generate", messages, continuations=named, beams=beams, **asked), allowed)
            return
        count, listed = min(k, len(allowed)), [self._items[item] for item in allowed.tolist()]
        names: tuple[str, ...] = ()
        if self.grounding == "candidates":
            names = tuple(dict.fromkeys(spoken(item) for item in listed))
            count = min(count, len(names))
        offers = "\n".join(f"- {line(item)}" for item in listed) if names else ""
        template = load(f"generate_{self.grounding}")
        messages = template.messages(history=self.lines(told), offers=offers, count=count)
        yield Ask(row, Prompt("structured", "generate", messages, schema=schema(count, names), **asked), allowed)

    def _named(self, ask: Ask, answer: Answer) -> list[tuple[int | None, float]] | None:
        """Return the items an answer names, best first, each with a falling score; None for a title without an item."""
        if self.grounding == "trie":
            found = json.loads(answer.text) if answer.status == "ok" else None
            return None if found is None else [(int(ask.allowed[place]), float(value)) for place, value in found]
        titles = said(answer)
        if titles is None:
            return None
        if self.grounding == "nearest":
            items = [self._titles.nearest(title[:TITLE_CAP], self.similarity) for title in titles]
        else:
            listed = Titles([self._items[item] for item in ask.allowed.tolist()])
            items = [listed.exact(title[:TITLE_CAP]) for title in titles]
        return [(item, -float(place)) for place, item in enumerate(items, start=1)]

    def update(self, events: Interactions) -> None:
        """Pass the events on."""
        self.inner.update(events)

    def state(self) -> State:
        """Return the titles, and the inner state under its prefix."""
        return {"items": written(self._items), **{f"inner.{name}": v for name, v in self.inner.state().items()}}

    def load_state(self, state: State) -> None:
        """Take over the titles, and hand on the inner state."""
        self._know(read(state["items"]))
        self.inner.load_state(under("inner.", state))


def schema(count: int, names: Sequence[str]) -> str:
    """Return the JSON schema of a list of ``count`` titles, of these names where there are any."""
    title = {"type": "string", "enum": names} if names else {"type": "string", "maxLength": TITLE_CAP}
    titles = {"type": "array", "minItems": count, "maxItems": count, "items": title}
    whole = {"type": "object", "properties": {"titles": titles}, "required": ["titles"], "additionalProperties": False}
    return json.dumps(whole, separators=(",", ":"), ensure_ascii=False)
