"""Reads fields of a request with their path, so that a refusal names the one that is wrong.

Codes are OpenAI's: `missing_required_parameter`, `invalid_type`, `invalid_value`, `unsupported_value`.
"""

from collections.abc import Collection, Mapping
from typing import Any, cast

from agentroster.errors import FieldInvalid


def wrong_type(path: str, wanted: str) -> FieldInvalid:
    """Return the refusal of a value that is not `wanted`, such as `a text`."""
    return FieldInvalid(path, f"must be {wanted}.", code="invalid_type")


def missing(path: str, wanted: str) -> FieldInvalid:
    """Return the refusal of a request that leaves out a field."""
    return FieldInvalid(path, f"is missing: it must be {wanted}.", code="missing_required_parameter")


def object_at(value: object, path: str) -> Mapping[str, Any]:
    """Return an object. Raises FieldInvalid."""
    if not isinstance(value, Mapping):
        raise wrong_type(path, "an object")
    return cast("Mapping[str, Any]", value)


def objects_at(value: object, path: str, what: str) -> list[Mapping[str, Any]]:
    """Return a list of objects. Raises FieldInvalid; `what` names one of them."""
    if value is None:
        raise missing(path, f"a list of {what}s")
    if not isinstance(value, list):
        raise wrong_type(path, f"a list of {what}s")
    return [object_at(entry, f"{path}[{index}]") for index, entry in enumerate(cast("list[object]", value))]


def content_at(value: object, path: str, what: str, *, needed: bool) -> str | list[Mapping[str, Any]]:
    """Return a text or a list of objects, each a `what`; an empty text for none.

    Raises FieldInvalid, also for none and for an empty list where it is needed.
    """
    if value is None and not needed:
        return ""
    wanted = f"a text or a list of {what}s"
    if value is None:
        raise missing(path, wanted)
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise wrong_type(path, wanted)
    if needed and not value:
        raise FieldInvalid(path, f"must have at least one {what}.")
    return objects_at(cast("object", value), path, what)


def text_at(fields: Mapping[str, Any], name: str, path: str, *, needed: bool = False, filled: bool = False) -> str:
    """Return a text, empty for none. Raises FieldInvalid when it is needed and missing, or must not be empty and is."""
    value, path = fields.get(name), f"{path}.{name}"
    if value is None:
        if needed:
            raise missing(path, "a text")
        return ""
    if not isinstance(value, str):
        raise wrong_type(path, "a text")
    if filled and not value:
        raise FieldInvalid(path, "must not be empty.")
    return value


def choice_at(value: object, path: str, known: Collection[str]) -> str:
    """Return one of the known texts. Raises FieldInvalid, listing them."""
    if value is None:
        raise missing(path, f"one of {', '.join(sorted(known))}")
    if not isinstance(value, str):
        raise wrong_type(path, "a text")
    if value not in known:
        raise FieldInvalid(path, f"must be one of {', '.join(sorted(known))}.")
    return value
