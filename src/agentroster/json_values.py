"""Reads JSON that nobody has checked: what is not of the expected kind is empty."""

from collections.abc import Mapping
from typing import Any, TypeGuard


def is_object(value: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether a value is a JSON object."""
    # What a JSON parser makes is a dict, and asking for the abstract class costs ten times as much.
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Whether a value is a JSON array."""
    return isinstance(value, list)


def as_object(value: object) -> Mapping[str, Any]:
    """Return a JSON object; for anything else an empty one."""
    return value if is_object(value) else {}


def as_list(value: object) -> list[Any]:
    """Return a JSON array; for anything else an empty one."""
    return value if is_list(value) else []
