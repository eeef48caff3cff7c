"""The simulated users as the report shows them: who they are, what they were shown, what they chose."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from analysis.load import Run, Study
from analysis.metrics.periods import MINUTES_A_DAY
from analysis.plots.frames import grouped

MOST_LISTED = 200
MOST_TOLD = 54
"""Stories told, arms times users: the report stays under three megabytes."""
MOST_VISITS = 6
MINUTES_AN_HOUR = 60
PAGE = ["user_id", "session_id", "page"]
TRAITS = ("activity", "conformity", "diversity", "mainstreaminess", "rating_mean", "rating_sd", "attention")


@dataclass(frozen=True, slots=True)
class Shown:
    """One item on a page and what became of it."""

    position: int
    title: str
    genres: str
    action: str
    rating: float


@dataclass(frozen=True, slots=True)
class Visit:
    """One session: when, what was on its pages, how it ended."""

    when: str
    exit_reason: str
    satisfaction: float
    pages: tuple[tuple[Shown, ...], ...]


@dataclass(frozen=True, slots=True)
class Agent:
    """One simulated user, with its visits in each arm (the first seed's runs)."""

    user_id: int
    name: str
    behavior: str
    narrative: str
    traits: dict[str, float]
    visits: dict[str, tuple[Visit, ...]]
    n_visits: dict[str, int]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table of users; shares and satisfaction by arm, NaN for who did not come."""

    user_id: int
    name: str
    behavior: str
    traits: dict[str, float]
    watched: dict[str, float]
    satisfaction: dict[str, float]


def first_runs(study: Study) -> dict[str, Run]:
    """Return each arm's run of the first seed."""
    return {arm: study.of(arm)[0].run for arm in study.arms}


def rows(study: Study) -> list[Row]:
    """Return up to 200 users in the order of their ids, as the first seed's runs have them."""
    runs = first_runs(study)
    listed = runs[study.baseline].users.head(MOST_LISTED)
    ids = listed["user_id"].tolist()
    shown = {arm: run.table("impressions", ["user_id", "action"], ids) for arm, run in runs.items()}
    visits = {arm: run.table("sessions", ["user_id", "satisfaction"], ids) for arm, run in runs.items()}
    watched = {arm: of["action"].eq("watch").groupby(of["user_id"]).mean() for arm, of in shown.items()}
    mood = {arm: of.groupby("user_id")["satisfaction"].mean() for arm, of in visits.items()}
    nan = float("nan")
    return [
        Row(
            int(user["user_id"]),
            str(user["name"]),
            str(user["behavior"]),
            {trait: float(user[trait]) for trait in TRAITS},
            {arm: float(values.get(user["user_id"], nan)) for arm, values in watched.items()},
            {arm: float(values.get(user["user_id"], nan)) for arm, values in mood.items()},
        )
        for user in listed.to_dict("records")
    ]


def agents(study: Study) -> list[Agent]:
    """Return up to 18 users with their story, every behavior among them, spread evenly over the ids."""
    runs = first_runs(study)
    users = runs[study.baseline].users
    few = chosen(users, len(runs))
    stories = {arm: _stories(run, few) for arm, run in runs.items()}
    told = []
    for user in users[users["user_id"].isin(few)].to_dict("records"):
        user_id = int(user["user_id"])
        visits = {arm: of.get(user_id, ()) for arm, of in stories.items()}
        told.append(
            Agent(
                user_id,
                str(user["name"]),
                str(user["behavior"]),
                str(user["narrative"]),
                {trait: float(user[trait]) for trait in TRAITS},
                {arm: of[:MOST_VISITS] for arm, of in visits.items()},
                {arm: len(of) for arm, of in visits.items()},
            )
        )
    return told


def chosen(users: pd.DataFrame, n_arms: int) -> list[int]:
    """Return ids of the users whose story is told: an equal number per behavior, evenly spaced, fewer of many arms."""
    groups = [of["user_id"].tolist() for _, of in users.groupby(users["behavior"].astype(str), sort=True)]
    each = max(1, MOST_TOLD // max(n_arms, 3) // max(len(groups), 1))
    return sorted(user for ids in groups for user in ids[:: max(1, -(-len(ids) // each))][:each])


def _stories(run: Run, users: Sequence[int]) -> dict[int, tuple[Visit, ...]]:
    items = run.items.set_index("item_id")[["title", "genres"]].astype(str)
    shown = run.table("impressions", [*PAGE, "position", "item_id", "action", "rating"], users)
    shown = shown.join(items, on="item_id")
    pages = {key: _page(page) for key, page in grouped(shown.sort_values(PAGE), PAGE)}
    by_session: dict[tuple[int, int], list[tuple[Shown, ...]]] = {}
    for (user, session, _), page in pages.items():
        by_session.setdefault((user, session), []).append(page)
    stories: dict[int, list[Visit]] = {}
    for visit in run.table("sessions", users=users).sort_values("start").to_dict("records"):
        user, session = int(visit["user_id"]), int(visit["session_id"])
        told = Visit(clock(float(visit["start"])), str(visit["exit_reason"]).replace("_", " "),
                     float(visit["satisfaction"]), tuple(by_session.get((user, session), ())))  # fmt: skip
        stories.setdefault(user, []).append(told)
    return {user: tuple(visits) for user, visits in stories.items()}


def _page(page: pd.DataFrame) -> tuple[Shown, ...]:
    return tuple(
        Shown(
            int(row["position"]),
            str(row["title"]),
            str(row["genres"]).replace("|", ", "),
            str(row["action"]),
            float(row["rating"]),
        )
        for row in page.sort_values("position").to_dict("records")
    )


def clock(minutes: float) -> str:
    """Return simulated minutes as day and time of day.

    >>> clock(1440 + 90.5)
    'day 1, 01:30'
    """
    day, rest = divmod(int(minutes), MINUTES_A_DAY)
    return f"day {day}, {rest // MINUTES_AN_HOUR:02d}:{rest % MINUTES_AN_HOUR:02d}"
