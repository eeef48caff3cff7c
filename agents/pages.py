"""Batches of pages and what became of them: blocks of columns, taken apart and joined by rows."""

from collections.abc import Sequence
from dataclasses import fields
from functools import cache
from typing import Any, TypeVar, cast

import numpy as np

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
    return type(block)(*(part[rows] if isinstance(part, np.ndarray) else take(part, rows) for part in parts))


def join(blocks: Sequence[Block]) -> Block:
    """Return the rows of all blocks, of which there is at least one, in one."""
    if len(blocks) == 1:
        return blocks[0]
    columns = ([getattr(block, name) for block in blocks] for name in _names(cast(Any, type(blocks[0]))))
    return type(blocks[0])(*(np.concatenate(c) if isinstance(c[0], np.ndarray) else join(c) for c in columns))


@cache
def _names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def observations(pages: Pages, session_id: Ints, items: Sequence[Item]) -> list[Observation]:
    """Return pages one by one, as single users see them."""
    seen = []
    columns = zip(*(column.tolist() for column in (pages.user_id, pages.now, session_id, pages.page)), strict=True)
    for row, (user, now, session, page) in enumerate(columns):
        shown = pages.item_id[row][pages.item_id[row] != PAD].tolist()
        seen.append(
            Observation(
                user_id=user,
                now=now,
                session_id=session,
                page=page,
                decision=int(pages.decision[row]),
                items=tuple(items[item] for item in shown),
                popularity=tuple(pages.popularity[row, : len(shown)].tolist()),
                exposures=tuple(pages.exposures[row, : len(shown)].tolist()),
                fatigue=float(pages.fatigue[row]),
                satisfaction=float(pages.satisfaction[row]),
            )
        )
    return seen
