"""Find and build components: ``{kind: popularity, half_life: 2d}`` names a module of the family's folder.

There is no registry. A kind is, in this order: a module of the family's folder (hyphens are
underscores; ``name:variant`` passes ``variant``), ``package.module:Class``, or an entry point of the
group ``tasteloop.<family>``. The module's one public, concrete dataclass that subclasses the
family's base class is the component, and its dataclass fields are its parameters.
"""

import dataclasses
import importlib
import importlib.util
import inspect
import pkgutil
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any, NotRequired, Required, Union, get_args, get_origin, get_type_hints

from pydantic import (
    BeforeValidator,
    ConfigDict,
    InstanceOf,
    PlainSerializer,
    Strict,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from agents.errors import InvalidInput
from simulator.problems import Problem, problems, unknown

FAMILIES = {
    "data": ("simulator.data", "DataSource"),
    "recommenders": ("simulator.recommenders", "Recommender"),
    "tokenizers": ("simulator.recommenders.tokenizers", "Tokenizer"),
    "levers": ("simulator.levers", "Lever"),
    "behaviors": ("agents.behaviors", "Behavior"),
    "personas": ("agents.personas", "PersonaSource"),
    "llm": ("agents.llm", "LanguageModel"),
    "graphs": ("simulator.graphs", "Graph"),
    "interventions": ("simulator.interventions", "Intervention"),
    "strategies": ("analysis.augment.strategies", "Strategy"),
}
"""Family -> (its folder, the base class in the folder's ``base.py``)."""


class InvalidSpec(InvalidInput):
    """A component's kind or parameters are wrong; ``problems`` says each with its place."""

    def __init__(self, family: str, kind: str, found: Iterable[Problem]) -> None:
        self.problems = tuple(found)
        lines = [f"{'.'.join(map(str, p.where))}: {p.message}" if p.where else p.message for p in self.problems]
        super().__init__("\n".join(f"{family} '{kind}': {line}" for line in lines))


def find(family: str, kind: str) -> type[Any]:
    """Return the component class for a kind: a module of the folder, ``package.module:Class`` or an entry point.

    A dotted path runs code of the named package: kinds come from files the user chose to run.
    """
    found = known(family, kind)
    if found is None:
        module = kind.partition(":")[0]
        where = f"; or no module {module!r} is found: is its folder on PYTHONPATH?" if ":" in kind else ""
        raise InvalidSpec(family, kind, [Problem(("kind",), unknown(kind, "kind", names(family)) + where)])
    return found


def known(family: str, kind: str) -> type[Any] | None:
    """Return the component class for a kind as ``find`` does, None where there is none."""
    left, _, right = kind.partition(":")
    return _by_folder(family, left) or _by_path(family, left, right) or _by_entry_point(family, kind)


def build(family: str, spec: Mapping[str, Any] | str) -> Any:
    """Return the component a spec describes; raise InvalidSpec naming every bad key or value."""
    kind, given = _split(family, spec)
    component = find(family, kind)
    try:
        values = _parameters(component).validate_python(given)
    except ValidationError as error:
        raise InvalidSpec(family, kind, problems(error, given, lambda _: _fields(component))) from None
    try:
        return component(**values)
    except InvalidSpec:
        raise
    except (InvalidInput, ValueError) as error:
        raise InvalidSpec(family, kind, [Problem((), str(error))]) from None


def read_spec(text: str, option: str) -> dict[str, Any]:
    """Return the component a NAME or an inline YAML mapping describes; raise InvalidInput where it is neither."""
    from ruamel.yaml import YAML  # a tenth of a second that commands which read no such text need not wait
    from ruamel.yaml.error import YAMLError

    example = f"write {option} NAME or {option} '{{kind: NAME, ...}}'"
    try:
        value = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        reason = getattr(error, "problem", None) or "not YAML"
        raise InvalidInput(f"{option} {text!r} cannot be read ({reason}); {example}") from None
    if isinstance(value, Mapping) and isinstance(value.get("kind"), str):
        return dict(value)
    if isinstance(value, str) and value and ": " not in value:
        return {"kind": value}
    raise InvalidInput(f"{option} {text!r} names no component; {example}")


def names(family: str) -> tuple[str, ...]:
    """Return the kinds of the family's folder, in alphabetical order."""
    folder = importlib.import_module(FAMILIES[family][0])
    stems = sorted(module.name for module in pkgutil.iter_modules(folder.__path__))
    return tuple(_spelled(family, stem) for stem in stems if _by_folder(family, stem) is not None)


def describe(family: str, component: Any) -> dict[str, Any]:
    """Return the spec, with every parameter in plain YAML types, that builds an equal component."""
    cls = type(component)
    values = {name: getattr(component, name) for name in _fields(cls)}
    plain: dict[str, Any] = _parameters(cls).dump_python(values, mode="json")
    return {"kind": kind_of(family, cls), **plain}


def kind_of(family: str, cls: type[Any]) -> str:
    """Return the kind under which a component class is found."""
    folder, _, stem = cls.__module__.rpartition(".")
    return _spelled(family, stem) if folder == FAMILIES[family][0] else f"{cls.__module__}:{cls.__qualname__}"


def schema(cls: type[Any]) -> dict[str, Any]:
    """Return the JSON Schema of a component's parameters, their defaults included."""
    described = _parameters(cls).json_schema()
    for name, field in _fields(cls).items():
        default = field.default_factory() if callable(field.default_factory) else field.default
        if default is not dataclasses.MISSING:
            plain = _parameters(cls).dump_python({name: default}, mode="json")
            described["properties"][name]["default"] = plain[name]
    return described


def _split(family: str, spec: Mapping[str, Any] | str) -> tuple[str, dict[str, Any]]:
    """Return the kind and the parameters, the variant among them."""
    given: dict[str, Any] = {"kind": spec} if isinstance(spec, str) else dict(spec)
    kind = given.pop("kind", None)
    if not isinstance(kind, str) or not kind:
        example = "write {kind: NAME, ...}"
        raise InvalidSpec(family, str(kind), [Problem(("kind",), f"{kind!r} names no component; {example}")])
    left, colon, variant = kind.partition(":")
    if colon and _by_folder(family, left) is not None and given.setdefault("variant", variant) != variant:
        raise InvalidSpec(family, kind, [Problem(("variant",), f"{given['variant']!r} contradicts the kind {kind!r}")])
    return kind, given


def _by_folder(family: str, name: str) -> type[Any] | None:
    folder = FAMILIES[family][0]
    stem = name.replace("-", "_")
    if not stem.isidentifier() or importlib.util.find_spec(f"{folder}.{stem}") is None:
        return None
    module = importlib.import_module(f"{folder}.{stem}")
    mine = [c for c in vars(module).values() if _is_component(family, c) and c.__module__ == module.__name__]
    if len(mine) > 1:
        raise InvalidInput(
            f"{module.__name__} holds several components ({', '.join(c.__name__ for c in mine)}); keep one"
        )
    return mine[0] if mine else None


def _by_path(family: str, module: str, name: str) -> type[Any] | None:
    path = f"{module}:{name}"
    if not all(word.isidentifier() for word in (name, *module.split("."))):
        return None
    try:
        if "." not in module and importlib.util.find_spec(module) is None:
            return None
        found: Any = getattr(importlib.import_module(module), name, None)
    except ImportError as error:
        message = f"cannot import {module!r} ({error}); is its folder on PYTHONPATH?"
        raise InvalidSpec(family, path, [Problem(("kind",), message)]) from None
    except Exception as error:  # a stranger's module may do anything when it is imported
        message = f"cannot import {module!r} ({type(error).__name__}: {error})"
        raise InvalidSpec(family, path, [Problem(("kind",), message)]) from None
    if not _is_component(family, found):
        message = f"{path!r} is not a concrete dataclass that subclasses {_base(family).__name__}"
        raise InvalidSpec(family, path, [Problem(("kind",), message)])
    component: type[Any] = found
    return component


def _by_entry_point(family: str, name: str) -> type[Any] | None:
    for point in entry_points(group=f"tasteloop.{family}", name=name):
        return _by_path(family, point.module, point.attr)
    return None


def _base_path(family: str) -> tuple[str, str]:
    folder, name = FAMILIES[family]
    return f"{folder}.base", name


def _base(family: str) -> type[Any]:
    module, name = _base_path(family)
    base: type[Any] = getattr(importlib.import_module(module), name)
    return base


def _is_component(family: str, thing: object) -> bool:
    return (
        inspect.isclass(thing)
        and not thing.__name__.startswith("_")
        and issubclass(thing, _base(family))
        and not inspect.isabstract(thing)
        and "__dataclass_fields__" in vars(thing)
    )


def _spelled(family: str, stem: str) -> str:
    """Data sets keep the hyphens of their own names."""
    return stem.replace("_", "-") if family == "data" else stem


def _fields(cls: type[Any]) -> dict[str, "dataclasses.Field[Any]"]:
    return {field.name: field for field in dataclasses.fields(cls) if field.init}


def _parameters(cls: type[Any]) -> TypeAdapter[Any]:
    """Return the validator of a component's parameters: no unknown key, no coercion of "no" to False."""
    keys = {
        name: (Required if _needed(field) else NotRequired)[_validated(_hint(cls, name))]
        for name, field in _fields(cls).items()
    }
    shape = TypedDict(cls.__name__, keys)  # type: ignore[misc]
    shape.__pydantic_config__ = ConfigDict(extra="forbid", strict=True, arbitrary_types_allowed=True)  # type: ignore[attr-defined]
    return TypeAdapter(shape)


def _hint(cls: type[Any], name: str) -> Any:
    """Return the type of one parameter; the names in annotations of fitted state need not exist at run time."""
    owner = next(c for c in cls.__mro__ if name in inspect.get_annotations(c))
    alone = type(cls.__name__, (), {"__annotations__": {name: owner.__annotations__[name]}})
    return get_type_hints(alone, vars(sys.modules[owner.__module__]), include_extras=True)[name]


def _needed(field: "dataclasses.Field[Any]") -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _validated(hint: Any) -> Any:
    """Return the type to validate a field by: bases become specs to build, YAML lists may be tuples."""
    for family in FAMILIES:
        if inspect.isclass(hint) and (hint.__module__, hint.__name__) == _base_path(family):
            return _spec_of(family, hint)
    origin: Any = get_origin(hint)
    arguments = get_args(hint)
    if origin is Annotated:
        return Annotated[_validated(arguments[0]), *arguments[1:]]
    if origin in (Union, types.UnionType):
        return Union[tuple(_validated(a) for a in arguments)]  # noqa: UP007  (built at run time)
    if origin in (list, dict):
        return origin[tuple(_validated(a) for a in arguments)]
    if origin in (tuple, set, frozenset):
        inner = tuple(a if a is Ellipsis else _validated(a) for a in arguments)
        return Annotated[origin[inner], Strict(False)]
    if inspect.isclass(hint) and issubclass(hint, Enum | Path):
        return Annotated[hint, Strict(False)]
    return hint


def _spec_of(family: str, base: Any) -> Any:
    """Return the type of a field that holds a component: built from its spec, written as its spec."""
    return Annotated[
        base,
        InstanceOf(),  # type: ignore[type-arg]
        BeforeValidator(_builder(family)),
        PlainSerializer(lambda component: describe(family, component)),
        WithJsonSchema({"x-family": family}),
    ]


def _builder(family: str) -> Callable[[Any], Any]:
    def built(value: Any) -> Any:
        if not isinstance(value, Mapping | str):
            return value
        try:
            return build(family, value)
        except InvalidSpec as error:
            inner = [(p.where, p.message, p.key) for p in error.problems]
            raise PydanticCustomError("component", "{text}", {"text": str(error), "problems": inner}) from None

    return built
