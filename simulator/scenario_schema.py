"""What a scenario file may hold, as a JSON Schema for editors, made from the code."""

import inspect
import re
from typing import Any

from simulator.components import FAMILIES, find, names, schema
from simulator.scenario import Scenario, duration

PLACES = {
    ("Scenario", "behavior"): "behaviors",
    ("UsersSection", "persona"): "personas",
    ("Scenario", "data"): "data",
    ("Scenario", "recommender"): "recommenders",
    ("RecommenderSection", "levers"): "levers",
    ("Scenario", "llm"): "llm",
    ("SocialSection", "graph"): "graphs",
    ("Scenario", "interventions"): "interventions",
}
"""(Section, key) -> the family of the components that may stand there."""
SECTIONS = {"data": "DataSection", "recommenders": "RecommenderSection"}


def explain(cls: type[Any]) -> tuple[str, dict[str, str]]:
    """Return the first line of a component's docstring, and the meaning of each parameter (``name: meaning``).

    Parameters that a base class declares may be explained there.
    """
    meanings: dict[str, str] = {}
    for c in reversed(cls.__mro__[:-1]):
        meanings |= _meanings(inspect.cleandoc(c.__doc__ or "").splitlines()[1:])
    return inspect.cleandoc(cls.__doc__ or "").partition("\n")[0], meanings


def _meanings(lines: list[str]) -> dict[str, str]:
    meanings: dict[str, str] = {}
    name = ""
    for line in lines:
        match = re.match(r"`*(\w+)`*: +(.+)", line)
        if match:
            name, meanings[match[1]] = match[1], match[2]
        elif name and line.startswith(" "):
            meanings[name] += f" {line.strip()}"
        else:
            name = ""
    return meanings


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 7) of scenario files, every installed component with its parameters."""
    whole = _draft7(Scenario.model_json_schema())
    definitions = whole.setdefault("definitions", {})
    sections = {"Scenario": whole, **definitions}
    for (section, key), family in PLACES.items():
        sections[section]["properties"][key] = _place(sections[section]["properties"][key], family)
    for family in FAMILIES:
        definitions[family] = _family(family, definitions.pop(SECTIONS.get(family, ""), {}))
    whole["properties"]["extends"] = {
        "type": "string",
        "default": "",
        "description": "another scenario file to lay this one on (a path relative to this file)",
    }
    whole["required"] = []
    whole["description"] = "A Tasteloop scenario; `required` holds for the file with those it extends."
    return {"$schema": "http://json-schema.org/draft-07/schema#", **whole}


def _draft7(value: Any) -> Any:
    """Rename $defs, and let keys beside a $ref count by moving it into allOf."""
    if isinstance(value, list):
        return [_draft7(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    out = {("definitions" if k == "$defs" else k): _draft7(v) for k, v in value.items()}
    if isinstance(out.get("title"), str):
        del out["title"]
    if "pattern" in out and isinstance(out.get("default"), float):
        out["default"] = duration(out["default"])
    if "x-family" in out:
        out["$ref"] = f"#/definitions/{out.pop('x-family')}"
    if "$ref" in out:
        out["$ref"] = out["$ref"].replace("#/$defs/", "#/definitions/")
        if len(out) > 1:
            out["allOf"] = [{"$ref": out.pop("$ref")}]
    return out


def _place(old: dict[str, Any], family: str) -> dict[str, Any]:
    """Return the schema of a key that holds components of a family."""
    reference = {"$ref": f"#/definitions/{family}"}
    rest = {key: value for key, value in old.items() if key in ("description", "default")}
    if family == "recommenders":
        del rest["default"]  # the file, or its study's arms, must name one
    if family in ("levers", "interventions"):
        return {"type": "array", "items": reference, **rest}
    if family == "llm":
        return {"type": "object", "additionalProperties": reference, **rest}
    return {"allOf": [reference], **rest}


def _family(family: str, section: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a family's specs: each kind's own parameters beside the section's keys."""
    shared = {key: value for key, value in section.get("properties", {}).items() if key != "kind"}
    kinds = [(kind, find(family, kind)) for kind in names(family)]
    known = [{"const": kind, "description": explain(cls)[0]} for kind, cls in kinds]
    other = {"type": "string", "pattern": "[:.]", "description": "kind:variant or package.module:Class"}
    return {
        "type": "object",
        "description": section.get("description", f"One of the {family}."),
        "properties": {"kind": {"anyOf": [*known, other]}, **shared},
        **({"allOf": [_when(kind, cls, shared) for kind, cls in kinds]} if kinds else {}),
    }


def _when(kind: str, cls: type[Any], shared: dict[str, Any]) -> dict[str, Any]:
    about, meanings = explain(cls)
    own = {k: v | ({"description": meanings[k]} if k in meanings else {}) for k, v in parameters(cls).items()}
    required = [key for key, value in own.items() if "default" not in value and key != "variant"]
    pattern = f"^{re.escape(kind)}(:.*)?$"
    return {
        "if": {"properties": {"kind": {"type": "string", "pattern": pattern}}, "required": ["kind"]},
        "then": {
            "description": about,
            "properties": {"kind": {}, **{key: {} for key in shared}, **own},
            "required": required,
            "additionalProperties": False,
        },
    }


def parameters(cls: type[Any]) -> dict[str, dict[str, Any]]:
    """Return the draft-7 schema of each of a component's parameters."""
    return dict(_draft7(schema(cls))["properties"])
