"""One page and a batch of pages: the two forms in which users meet their behaviors."""

from collections.abc import Sequence

import numpy as np

from agents.schema import (
    PAD,
    Action,
    DecidedBy,
    Decision,
    Decisions,
    ExitReason,
    Ints,
    Observation,
    Pages,
)


def stack(observations: Sequence[Observation]) -> Pages:
    """Return observations as columns, short slates padded to the longest."""
    width = max((len(observation.items) for observation in observations), default=0)
    shape = (len(observations), width)
    item_id = np.full(shape, PAD, dtype=np.int64)
    popularity = np.zeros(shape)
    exposures = np.zeros(shape, dtype=np.int64)
    for row, seen in enumerate(observations):
        count = len(seen.items)
        item_id[row, :count] = [item.item_id for item in seen.items]
        popularity[row, :count] = seen.popularity
        exposures[row, :count] = seen.exposures
    return Pages(
        user_id=np.array([seen.user_id for seen in observations], dtype=np.int64),
        now=np.array([seen.now for seen in observations], dtype=np.float64),
        page=np.array([seen.page for seen in observations], dtype=np.int64),
        decision=np.array([seen.decision for seen in observations], dtype=np.int64),
        item_id=item_id,
        popularity=popularity,
        exposures=exposures,
        fatigue=np.array([seen.fatigue for seen in observations], dtype=np.float64),
        satisfaction=np.array([seen.satisfaction for seen in observations], dtype=np.float64),
    )


def take(pages: Pages, rows: Ints) -> Pages:
    """Return some rows of a batch, in the order asked for."""
    return Pages(*(getattr(pages, name)[rows] for name in Pages.__slots__))


def single(decisions: Decisions, row: int, count: int) -> Decision:
    """Return row ``row`` of a batch as one decision about a slate of ``count`` items."""
    return Decision(
        actions=tuple(Action(code) for code in decisions.action[row, :count].tolist()),
        ratings=tuple(decisions.rating[row, :count].tolist()),
        dwell=tuple(decisions.dwell[row, :count].tolist()),
        exit_reason=ExitReason(int(decisions.exit_reason[row])),
        decided_by=DecidedBy(int(decisions.decided_by[row])),
    )
