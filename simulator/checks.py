"""Everything that is wrong with a scenario's data, found at once."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from agents.errors import InvalidInput, MissingResource
from agents.redaction import redacted
from simulator.components import InvalidSpec, build, known
from simulator.course import untimely
from simulator.problems import Problem, Where, problems, unknown
from simulator.recommenders.base import Recommender
from simulator.recommenders.talking import Talking
from simulator.scenario import Component, DataSection, RecommenderSection, Scenario
from simulator.truth import NO_USERS, Minds, reveal

KEEP: Mapping[Where, frozenset[str]] = {
    ("data",): frozenset(DataSection.model_fields) - {"kind"},
    ("recommender",): frozenset(RecommenderSection.model_fields) - {"kind"},
}
"""Keys of a section that are the platform's, and stay when the component's kind changes."""


def check(data: Any) -> list[Problem]:
    """Return every problem of one scenario without arms: shape, components, names that must exist."""
    found = [*_shape(data), *_secrets(data, ())]
    if isinstance(data, dict):
        wrong = {p.where for p in found}
        for family, where, spec in components(data):
            found += [p for p in _component(family, where, spec) if p.where not in wrong]
        found += _talking(data.get("behavior"), ("behavior",), data.get("llm"), "behaviors")
        found += _talking(data.get("recommender"), ("recommender",), data.get("llm"), "recommenders")
        found += _narrating(data.get("users"), data.get("llm"))
        if not any(p.where[:1] == ("recommender",) for p in found):
            found += _levers(data.get("recommender"))
        found += _talking(data.get("interventions"), ("interventions",), data.get("llm"), "recommenders")
        found += _untold(data)
        if not found:
            found += untimely(Scenario.model_validate(data))
    return found


def components(data: Mapping[str, Any]) -> Iterator[tuple[str, Where, dict[str, Any]]]:
    """Yield family, place and spec of each component written in a scenario, the platform's keys left out."""
    users = data.get("users")
    llm = data.get("llm")
    recommender = data.get("recommender")
    levers = recommender.get("levers") if isinstance(recommender, dict) else None
    social, given = data.get("social"), data.get("interventions")
    places: list[tuple[str, Where, Any]] = [
        ("data", ("data",), data.get("data")),
        ("personas", ("users", "persona"), users.get("persona") if isinstance(users, dict) else None),
        ("behaviors", ("behavior",), data.get("behavior")),
        ("recommenders", ("recommender",), recommender),
        ("graphs", ("social", "graph"), social.get("graph") if isinstance(social, dict) else None),
        *(("llm", ("llm", name), spec) for name, spec in (llm.items() if isinstance(llm, dict) else ())),
        *(
            ("levers", ("recommender", "levers", n), s)
            for n, s in enumerate(levers if isinstance(levers, list) else ())
        ),
        *(("interventions", ("interventions", n), s) for n, s in enumerate(given if isinstance(given, list) else ())),
    ]
    for family, where, spec in places:
        if isinstance(spec, dict) and isinstance(spec.get("kind"), str):
            yield family, where, {key: value for key, value in spec.items() if key not in KEEP.get(where, ())}


def _shape(data: Any) -> list[Problem]:
    if not isinstance(data, dict):
        return [Problem((), "a scenario is a mapping of keys; run_sim.py init NAME.yaml writes one to start from")]
    try:
        Scenario.model_validate(data)
    except ValidationError as error:
        return problems(error, data, lambda where: _known(data, where))
    if data.get("recommender", {}).get("kind") or data.get("study"):
        return []
    return [Problem(("recommender", "kind"), "'kind' is required")]


def _known(data: Any, where: Where) -> Iterable[str]:
    """Return the keys allowed in the section at a place."""
    model: Any = Scenario
    for step in where:
        field = model.model_fields.get(str(step)) if isinstance(model, type) and issubclass(model, BaseModel) else None
        kinds = [field.annotation, *get_args(field.annotation)] if field else [model]
        model = next((k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)), Component)
    return tuple(model.model_fields)


def _component(family: str, where: Where, spec: Mapping[str, Any]) -> list[Problem]:
    try:
        build(family, spec)
    except InvalidSpec as error:
        known = KEEP.get(where, frozenset())
        return [_with_section_keys(Problem((*where, *p.where), p.message, p.key), known) for p in error.problems]
    except InvalidInput as error:
        return [Problem(where, str(error))]
    except MissingResource:
        pass  # the environment's matter, not the file's: doctor and run say so
    return []


def _levers(section: Any) -> list[Problem]:
    """Return the levers of a sound section that do not fit its recommender."""
    kind, given = (section.get("kind"), section.get("levers")) if isinstance(section, dict) else (None, None)
    if not (kind and given):
        return []
    where: Where = ("recommender", "levers")
    try:
        own = {key: value for key, value in section.items() if key not in KEEP[("recommender",)]}
        recommender: Recommender = build("recommenders", own)
        for place, spec in enumerate(given):
            where = ("recommender", "levers", place)
            recommender = build("levers", spec).wrap(recommender)
    except InvalidInput as error:
        return [Problem(where, str(error))]
    except MissingResource:
        pass
    return []


def _with_section_keys(problem: Problem, section: frozenset[str]) -> Problem:
    """Where a key is unknown to the component, let the section's keys be candidates too."""
    if not (problem.key and section and problem.message.startswith("unknown key")):
        return problem
    hint = unknown(str(problem.where[-1]), "key", section)
    return Problem(problem.where, hint, key=True) if "did you mean" in hint else problem


def _secrets(data: Any, where: Where) -> list[Problem]:
    if isinstance(data, str) and redacted(data) != data:
        return [Problem(where, "holds a secret; put it into an environment variable and write the variable's name")]
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [problem for step, value in inner for problem in _secrets(value, (*where, step))]


def _talking(spec: Any, where: Where, llm: Any, family: str) -> list[Problem]:
    """Return the language models that components of a family name and the ``llm`` section does not hold."""
    if isinstance(spec, list):
        return [p for n, inner in enumerate(spec) for p in _talking(inner, (*where, n), llm, family)]
    if not isinstance(spec, dict):
        return []
    found = [p for key, inner in spec.items() for p in _talking(inner, (*where, key), llm, family)]
    names = list(llm) if isinstance(llm, dict) else []
    model = _model(family, spec)
    if model is not None and model not in names:
        found.append(Problem((*where, "model"), unknown(model, "language model of the llm section", names)))
    return found


def _narrating(users: Any, llm: Any) -> list[Problem]:
    """Return the narrator, if it is named and the ``llm`` section does not hold it."""
    name, names = users.get("narrator") if isinstance(users, dict) else None, list(llm) if isinstance(llm, dict) else []
    if not isinstance(name, str) or not name or name in names:
        return []
    return [Problem(("users", "narrator"), unknown(name, "language model of the llm section", names))]


def _untold(data: Mapping[str, Any]) -> list[Problem]:
    """Return the problem of a recommender that ranks by what users want, before users who cannot say it."""
    specs = {family: spec for family, _, spec in components(data) if family in ("recommenders", "behaviors")}
    try:
        recommender = build("recommenders", specs["recommenders"])
        reveal(recommender, lambda: Minds([b for b, _ in build("behaviors", specs["behaviors"]).shares()], NO_USERS))
    except InvalidSpec:
        return []
    except InvalidInput as error:
        return [Problem(("recommender", "kind"), str(error))]
    except (KeyError, MissingResource):
        return []
    return []


def _model(family: str, spec: Mapping[str, Any]) -> str | None:
    """Return the entry of ``llm`` that a component's spec names; an empty name asks nobody."""
    try:
        component = known(family, str(spec.get("kind")))
    except InvalidInput:
        return None
    if component is None or not (family == "behaviors" or issubclass(component, Talking)):
        return None
    if "model" not in component.__dataclass_fields__:
        return None
    model = spec.get("model", getattr(component, "model", None))
    return model if isinstance(model, str) and model else None
