"""JSON Schema (draft 2020-12) at a bounded cost.

A schema is a skill's own; what is held against it comes from a model, a client or a service. Whatever they send, a
check ends within seconds, keeps the event loop for milliseconds and fetches nothing (only to put one huge value into
words takes longer, up to half a second for 20 MB). Python's `re` knows no deadline and keeps the
interpreter to itself while it searches, in every thread; so patterns are searched by `regex`, which has one.

Measured against jsonschema-rs 0.61: `^(a|a)*$` takes 0.7 ms there and 2 s here, but there is no deadline: a value of
337 bytes, 16 levels of an ordinary `anyOf`, takes 26 s there, most of it under the interpreter's lock; here 2 s.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, TypeAlias, cast

import regex
from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import SchemaError, ValidationError
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

_MAX_ERRORS, _MAX_ERROR = 20, 300
# Nearly all checks end within the first: only a slow one is worth a thread.
_SECONDS_AT_ONCE, _SECONDS = 0.005, 2.0
_DRAFT = "https://json-schema.org/draft/2020-12/schema"

_Keyword: TypeAlias = Callable[[Any, Any, Any, Any], Iterator[ValidationError] | None]
_deadline: ContextVar[float] = ContextVar("roster_schema_deadline")


@dataclass(frozen=True, slots=True)
class SchemaViolation:
    """What does not fit: where, by which keyword, and in words, which may hold some of what was checked."""

    path: str
    keyword: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class _TooLongError(Exception):
    """A check did not end in time."""


@dataclass(frozen=True)
class Schema:
    """A schema that `refuse_unusable` let pass."""

    schema: Mapping[str, Any]

    @cached_property
    def _validator(self) -> Draft202012Validator:
        # An empty registry: whatever a reference names, nothing is fetched.
        return _Bounded(self.schema, registry=_NOTHING_ELSE)

    def errors(self, value: object, seconds: float = _SECONDS) -> list[SchemaViolation]:
        """Return what does not fit, 20 things at most; a check that cannot end in time is one of them. Blocks."""
        try:
            return self._complaints(value, seconds)
        except _TooLongError:
            return [SchemaViolation("", "time", "this takes too long to check: make it shorter or simpler")]

    async def check(self, value: object) -> list[SchemaViolation]:
        """Return what `errors` does, without blocking the event loop."""
        try:
            return self._complaints(value, _SECONDS_AT_ONCE)
        except _TooLongError:
            return await asyncio.to_thread(self.errors, value)

    def _complaints(self, value: object, seconds: float) -> list[SchemaViolation]:
        token = _deadline.set(time.monotonic() + seconds)
        try:
            errors = self._validator.iter_errors(cast("Any", value))  # pyright: ignore[reportUnknownMemberType] - jsonschema's own annotation is partial
            return sorted(map(_complaint, islice(errors, _MAX_ERRORS)), key=str)
        except RecursionError:
            return [SchemaViolation("", "depth", "this is nested too deeply")]
        except ArithmeticError:
            return [SchemaViolation("", "number", "this has a number that cannot be checked")]
        finally:
            _deadline.reset(token)


def refuse_unusable(schema: Mapping[str, Any]) -> None:
    """Raise ValueError, saying why, for what is no schema, or one whose checks could not be bounded."""
    try:
        Draft202012Validator.check_schema(schema)
        problem = next(_problems(schema), None)
    except SchemaError as error:
        raise ValueError(f"not a JSON Schema: {_short(error.message)}") from error
    except RecursionError as error:
        raise ValueError("not a JSON Schema: nested without end") from error
    if problem is not None:
        raise ValueError(problem)


def _problems(root: Mapping[str, Any]) -> Iterator[str]:
    if root.get("$schema", _DRAFT).rstrip("#") != _DRAFT:
        yield f"$schema: only {_DRAFT} is known"
    resource: Resource[Any] = Resource(root, DRAFT202012)
    resolver = _NOTHING_ELSE.resolver_with_root(resource)
    waiting: list[Any] = [root]
    seen: set[int] = set()
    keywords: set[str] = set()
    while waiting:
        part = waiting.pop()
        if not isinstance(part, dict) or id(cast("object", part)) in seen:
            continue
        part = cast("dict[str, Any]", part)
        seen.add(id(part))
        keywords |= part.keys()
        if part is not root and "$id" in part:
            yield "$id: only the outermost schema may have one"
        yield from _bad_patterns(part)
        for keyword in part.keys() & {"$ref", "$dynamicRef"}:
            try:
                waiting.append(_within(resolver, part[keyword]))
            except (LookupError, Unresolvable):
                yield f"{keyword}: {_short(part[keyword])!r} is no part of this schema, and nothing is fetched"
        waiting += DRAFT202012.subresources_of(part)
    # jsonschema finds out what was evaluated with `re`, which knows no deadline.
    if {"patternProperties", "unevaluatedProperties"} <= keywords:
        yield "patternProperties and unevaluatedProperties cannot be used together here"


def _within(resolver: Any, reference: str) -> Any:
    if not reference.startswith("#"):
        raise LookupError(reference)
    return resolver.lookup(reference).contents


def _bad_patterns(schema: Mapping[str, Any]) -> Iterator[str]:
    patterns = [schema["pattern"]] if "pattern" in schema else []
    for pattern in [*patterns, *schema.get("patternProperties", ())]:
        try:
            regex.compile(pattern)
        except regex.error as error:
            yield f"pattern: {_short(pattern)!r} is no regular expression: {error}"


def _complaint(error: ValidationError) -> SchemaViolation:
    path = ".".join(map(str, error.absolute_path))
    return SchemaViolation(_short(path), str(error.validator), _short(error.message))


def _short(text: str) -> str:
    return text if len(text) <= _MAX_ERROR else f"{text[:_MAX_ERROR]}..."


# --- keywords that look at the clock


def _seconds_left() -> float:
    left = _deadline.get() - time.monotonic()
    if left <= 0:
        raise _TooLongError
    return left


def _watched(keyword: _Keyword) -> _Keyword:
    def check(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        _seconds_left()
        yield from keyword(validator, value, instance, schema) or ()

    return check


def _matches(pattern: str, text: str) -> bool:
    try:
        return regex.search(pattern, text, timeout=_seconds_left(), concurrent=True) is not None
    except TimeoutError as error:
        raise _TooLongError from error


def _pattern(_validator: Any, pattern: str, instance: object, _schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _matches(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(
    validator: Any, patterns: Mapping[str, Any], instance: object, _schema: Any
) -> Iterator[ValidationError]:
    for name, value in _members(instance):
        for pattern, schema in patterns.items():
            if _matches(pattern, name):
                yield from validator.descend(value, schema, path=name, schema_path=pattern)


def _additional_properties(
    validator: Any, additional: Any, instance: object, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for name, value in _members(instance):
        if name in known or any(_matches(pattern, name) for pattern in patterns):
            continue
        if additional is False:
            yield ValidationError(f"Additional properties are not allowed ({name!r} was unexpected)")
        else:
            yield from validator.descend(value, additional, path=name)


def _unique_items(_validator: Any, unique: bool, instance: object, _schema: Any) -> Iterator[ValidationError]:  # noqa: FBT001 - the form of a keyword
    seen: set[object] = set()
    for item in cast("list[object]", instance) if unique and isinstance(instance, list) else ():
        form = _hashable(item)
        if form in seen:
            yield ValidationError("the items are not all different")
            return
        seen.add(form)


def _hashable(value: object) -> object:
    """Return a form that is equal for equal JSON values: 1 is 1.0, but not true."""
    _seconds_left()
    if isinstance(value, dict):
        members = cast("dict[str, object]", value).items()
        return "object", frozenset((name, _hashable(inner)) for name, inner in members)
    if isinstance(value, list):
        return "array", tuple(map(_hashable, cast("list[object]", value)))
    return type(value) is bool, value


def _members(instance: object) -> Iterator[tuple[str, object]]:
    yield from cast("dict[str, object]", instance).items() if isinstance(instance, dict) else ()


_NOTHING_ELSE: Registry[Any] = Registry()
_OWN: dict[str, _Keyword] = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
}
_ALL = {**cast("dict[str, _Keyword]", Draft202012Validator.VALIDATORS), **_OWN}
_Bounded: Any = cast("Any", validators).extend(
    Draft202012Validator, {name: _watched(keyword) for name, keyword in _ALL.items()}
)
