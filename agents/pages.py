"""Batches of pages and what became of them: blocks of columns, taken apart and joined by rows."""

from collections.abc import Sequence
from dataclasses import fields
from functools import cache
from typing import Any, TypeVar, cast

import numpy as np

from agents.mood import NEUTRAL
from agents.schema import (
    PAD,
    Ints,
    Item,
    Observation,
    Pages,
)

Block = TypeVar("Block")
"""A dataclass whose fields are arrays with one row per page, or such dataclasses."""


def take(block: Block, rows: Ints) -> Block:
    """Return some rows of a block, in the order asked for."""
    parts = (getattr(block, name) for name in _names(cast(Any, type(block))))
    return type(block)(*(_taken(part, rows) for part in parts))


def _taken(part: Any, rows: Ints) -> Any:
    if part is None:
        return None
    return part[rows] if isinstance(part, np.ndarray) else take(part, rows)


def join(blocks: Sequence[Block]) -> Block:
    """Return the rows of all blocks, of which there is at least one, in one."""
    if len(blocks) == 1:
        return blocks[0]
    columns = ([getattr(block, name) for block in blocks] for name in _names(cast(Any, type(blocks[0]))))
    return type(blocks[0])(*(_joined(parts) for parts in columns))


def _joined(parts: Sequence[Any]) -> Any:
    if parts[0] is None:
        return None
    return np.concatenate(parts) if isinstance(parts[0], np.ndarray) else join(parts)


@cache
def _names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def observations(pages: Pages, session_id: Ints, items: Sequence[Item]) -> list[Observation]:
    """Return pages one by one, as single users see them; what friends told is not in them."""
    length = np.count_nonzero(pages.item_id != PAD, axis=1).tolist()
    slates, popularity, exposures = (a.tolist() for a in (pages.item_id, pages.popularity, pages.exposures))
    trusts = np.full(len(length), NEUTRAL) if pages.trust is None else pages.trust
    moods = (pages.fatigue, pages.satisfaction, trusts)
    figures = (pages.user_id, pages.now, session_id, pages.page, pages.decision, *moods)
    columns = zip(*(column.tolist() for column in figures), slates, popularity, exposures, length, strict=True)
    return [
        Observation(
            user_id=user,
            now=now,
            session_id=session,
            page=page,
            decision=decision,
            items=tuple([items[item] for item in slate[:count]]),
            popularity=tuple(counts[:count]),
            exposures=tuple(times[:count]),
            fatigue=fatigue,
            satisfaction=satisfaction,
            trust=trust,
        )
        for user, now, session, page, decision, fatigue, satisfaction, trust, slate, counts, times, count in columns
    ]
