"""Where metrics are measured: which input a run, or the tables of ``score``, cannot give, and why."""

from collections.abc import Mapping

from analysis.metrics.base import Metric
from analysis.metrics.beside_ideal import BesideIdeal
from analysis.metrics.outcomes import Outcomes

NOT_IN_RUNS = {
    "test": "what users took afterwards is what the run's own slates made of them: no ground truth (evaluate has one)",
    "k": "lists of a run have no common cut-off",
    "presented": "runs do not log the order in which a ranker was told of its candidates",
    "declared_items": "a run shows items of its catalog only",
}
"""Input -> why no run has it."""

NOT_IN_SCORE = {
    "current_profiles": "tables do not say what was taken while slates were shown",
    "stated": "tables hold no ratings (opinions of another kind, --opinions, are what leanings are read off)",
    **dict.fromkeys(BesideIdeal.__annotations__.keys() - {"slates"}, "it takes the same users under the ideal arm"),
    **dict.fromkeys(Outcomes.__annotations__, "it takes visits, which tables do not have"),
}
"""Input -> why no tables have it."""

RUNS_NEED = {
    "genres": "genres in the catalog",
    "stated": "ratings, and genres in the catalog",
    "ties": "a social section",
    "digit": "a recommender with semantic IDs",
    "drift": "users.drift",
    **dict.fromkeys(("ideal", "neighbor", "ideal_watched"), "a study with an oracle arm"),
}
"""Input -> what a scenario must have for it."""

SCORE_NEEDS = {
    "test": "--test",
    "genres": "--items",
    "declared_items": "--items",
    "digit": "--items with a column codes",
    "chosen": "--chosen",
    "offered": "--chosen",
    "ties": "--ties",
    "showings": "--raw",
    "presented": "--slates with a column presented",
}
"""Input -> what ``score`` must be given for it."""


def in_runs(metric: Metric) -> str:
    """Return whether runs and studies measure a metric: yes, ``needs`` what, or ``no`` and why.

    >>> from analysis.metrics.discover import metrics
    >>> every = {metric.name: metric for metric in metrics()}
    >>> in_runs(every["gini_index"]), in_runs(every["modularity"]), in_score(every["modularity"])
    ('yes', 'needs a social section', 'needs --ties')
    """
    return _where(metric, NOT_IN_RUNS, RUNS_NEED)


def in_score(metric: Metric) -> str:
    """Return whether ``score`` measures a metric: yes, ``needs`` what, or ``no`` and why."""
    return _where(metric, NOT_IN_SCORE, SCORE_NEEDS)


def _where(metric: Metric, never: Mapping[str, str], needed: Mapping[str, str]) -> str:
    reasons = [never[name] for name in metric.inputs if name in never]
    if reasons:
        return f"no: {reasons[0]}"
    needs = dict.fromkeys(needed[name] for name in metric.inputs if name in needed)
    return f"needs {', '.join(needs)}" if needs else "yes"
