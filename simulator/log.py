"""The record: one row type per table; a row type IS the table's schema."""

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from agents.llm.base import Answer, Prompt


class Impression(NamedTuple):
    """One item shown at one position of one page."""

    event_id: int
    """Assigned at commit, in canonical order (now, user_id, page, position)."""
    day: int
    now: float
    user_id: int
    session_id: int
    page: int
    position: int
    slate_size: int
    item_id: int
    score: float
    propensity: float
    """Probability of the item at this position where the recommender logs it, else NaN."""
    recommender: str
    model_version: int
    """Number of refits and updates before the version that made the slate."""
    candidate_source: str
    """Where the slate came from: recommender, or search."""
    action: str
    """Lower-case name of an agents.schema.Action: watch, skip, unseen (below where reading stopped)."""
    rating: float
    feedback: str
    """Lower-case name of an agents.schema.Feedback, like or dislike; empty for none."""
    dwell_s: float
    popularity_rank: int
    """Rank of the item by visible popularity at exposure, 1 the most popular, ties by item id."""
    item_age: float
    """Days since the item was let in (time 0 for the initial catalog)."""
    decided_by: str
    call_id: str


class Session(NamedTuple):
    """One visit, written when it ends."""

    session_id: int
    user_id: int
    start: float
    end: float
    pages: int
    exit_reason: str
    satisfaction: float
    fatigue: float
    trust: float
    """In the recommender, 0.5 neutral."""


class LlmCall(NamedTuple):
    """One question to a language model; wall-clock figures live here and nowhere else."""

    call_id: str
    now: float
    user_id: int
    decision: int
    purpose: str
    model: str
    kind: str
    status: str
    parse_status: str
    tokens_in: int
    tokens_cached: int
    tokens_out: int
    latency_s: float
    queue_s: float
    attempts: int
    cached: bool
    cost: float
    """US dollars, NaN when the model is unpriced."""
    error: str


def llm_call(call: "tuple[str, Prompt, Answer]", now: float, user_id: int, decision: int, parse_status: str) -> LlmCall:
    """Return the row of one question to a language model, and of its answer."""
    model, prompt, answer = call
    return LlmCall(
        call_id=answer.call_id,
        now=now,
        user_id=user_id,
        decision=decision,
        purpose=prompt.purpose,
        model=model,
        kind=prompt.kind,
        status=answer.status,
        parse_status=parse_status,
        tokens_in=answer.tokens_in,
        tokens_cached=answer.tokens_cached,
        tokens_out=answer.tokens_out,
        latency_s=answer.latency_s,
        queue_s=answer.queue_s,
        attempts=answer.attempts,
        cached=answer.cached,
        cost=math.nan if answer.cost is None else answer.cost,
        error=answer.error,
    )


class Refit(NamedTuple):
    """One (re)training of the recommender, or its going on under other levers on its lists (an intervention)."""

    now: float
    model_version: int
    recommender: str
    rows: int
    synthetic_rows: int
    warm: bool


class Update(NamedTuple):
    """What the recommender took in between two trainings."""

    now: float
    model_version: int
    recommender: str
    rows: int


class User(NamedTuple):
    """One simulated user: its persona as measured."""

    user_id: int
    name: str
    source: str
    behavior: str
    activity: float
    conformity: float
    diversity: float
    mainstreaminess: float
    rating_mean: float
    rating_sd: float
    attention: float
    narrative: str


class CatalogItem(NamedTuple):
    """One item; ``initial_count`` is its training popularity at time 0."""

    item_id: int
    name: str
    title: str
    genres: str
    """Separated by |."""
    year: int
    """-1 where unknown."""
    initial_count: int


class Taken(NamedTuple):
    """One real interaction the platform knew at time 0; background users have ids >= users.count."""

    user_id: int
    item_id: int
    rating: float
    time: float


class Tie(NamedTuple):
    """Two users who know each other; each pair once, the smaller id first."""

    user_id: int
    friend_id: int


class Tip(NamedTuple):
    """What one user told another of."""

    now: float
    user_id: int
    friend_id: int
    item_id: int


class Search(NamedTuple):
    """What a user asked the platform's search for."""

    now: float
    user_id: int
    session_id: int
    query: str


class Drift(NamedTuple):
    """How far a user's tastes had moved at the end of a visit; written where tastes drift."""

    now: float
    user_id: int
    session_id: int
    distance: float
    """Euclidean, over genres, from the tastes it began with."""


class Memory(NamedTuple):
    """One thing done with the memory of a user who talks: episodes written and forgotten, recall, insights."""

    now: float
    user_id: int
    operation: str
    """Lower-case name of an agents.memory.Operation: reflect, recall, forget, write; in this order within a moment."""
    item_id: int
    """-1 where it is about no single item."""
    text: str
    tokens: int
    """What the text costs in a prompt, as counted against users.memory_tokens."""


class Act(NamedTuple):
    """One thing an intervention did."""

    now: float
    intervention: int
    """Its place in the scenario's list, counted from 0."""
    kind: str
    event: str
    """begin, end, or what the kind calls it (publish); what it changes is seen after ``platform.visibility_lag``."""
    detail: str


TABLES: dict[str, type[tuple[object, ...]]] = {
    "impressions": Impression,
    "sessions": Session,
    "llm_calls": LlmCall,
    "refits": Refit,
    "updates": Update,
    "users": User,
    "items": CatalogItem,
    "history": Taken,
    "ties": Tie,
    "tips": Tip,
    "searches": Search,
    "drift": Drift,
    "memory": Memory,
    "interventions": Act,
}
"""Table name -> row type. In a run folder a table lies in ``log/<table>-*.parquet`` (one or more segments)."""

UNDIGESTED = frozenset({"llm_calls"})
"""Tables with wall-clock figures: ``log_digest`` leaves them out."""
