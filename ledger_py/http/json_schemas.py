"""JSON Schemas of structs, with the descriptions of their docstrings and the database's limits."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, get_args, get_origin

import msgspec

from ledger_py.http.limits import limits_of

__all__ = ("Json", "component_schemas", "parameters", "reference", "schema_of")

Json = dict[str, Any]

_REFERENCE: Final = "#/components/schemas/{name}"

_ATTRIBUTE: Final = re.compile(r"^    (\w+): (.+(?:\n      .+)*)", re.MULTILINE)


def reference(name: str) -> Json:
    """Refer to a schema among the components of the document."""
    return {"$ref": _REFERENCE.format(name=name)}


def schema_of(type_: Any) -> Json:
    """Make the schema of a type, in which structs are references."""
    (schema,), _ = msgspec.json.schema_components([type_], ref_template=_REFERENCE)
    return schema


def component_schemas(structs: Sequence[type[msgspec.Struct]]) -> dict[str, Json]:
    """Make the schemas of structs and of what they consist of.

    Args:
        structs: The structs, also those that are fields of others, if they are to be described.

    Returns:
        The schemas by the names that `reference` takes.
    """
    references, schemas = msgspec.json.schema_components(structs, ref_template=_REFERENCE)
    for struct, found in zip(structs, references, strict=True):
        _describe(schemas[found["$ref"].rpartition("/")[2]], struct)
    return schemas


def _describe(schema: Json, struct: type[msgspec.Struct]) -> None:
    generic = get_origin(struct) or struct
    schema["description"] = _as_markdown(inspect.getdoc(generic) or "").partition("\n")[0]
    descriptions: dict[str, str] = {}
    for ancestor in reversed(generic.__mro__):
        descriptions.update(_ATTRIBUTE.findall(inspect.cleandoc(ancestor.__doc__ or "")))
    for field in msgspec.structs.fields(struct):
        described = schema["properties"][field.encode_name]
        if field.name in descriptions:
            text = " ".join(descriptions[field.name].split())
            described["description"] = _as_markdown(text)
        if datetime in (field.type, *get_args(field.type)):
            # msgspec leaves it out where the struct does not insist on a time zone.
            _without_null(described)["format"] = "date-time"
        if "$ref" not in described:
            _without_null(described).update(limits_of(generic.__name__, field.name))


def _as_markdown(text: str) -> str:
    return text.replace("``", "`").replace("None", "null")


def parameters(struct: type[msgspec.Struct], place: str) -> list[Json]:
    """Turn the fields of a struct into the parameters of an operation.

    Args:
        struct: The struct that the parameters are decoded by.
        place: Where they are: ``path`` or ``query``.
    """
    schema = component_schemas([struct])[struct.__name__]
    found = []
    for name, field in schema["properties"].items():
        # A parameter that is optional is left out: there is no null in an address.
        schema_of_value = _without_null(field)
        found.append(
            {
                "name": name,
                "in": place,
                "required": name in schema.get("required", ()),
                "description": schema_of_value.pop("description", ""),
                "schema": schema_of_value,
            }
        )
    return found


def _without_null(schema: Json) -> Json:
    for alternative in schema.get("anyOf", ()):
        if alternative != {"type": "null"}:
            alternative_schema: Json = alternative
            return alternative_schema
    return schema
