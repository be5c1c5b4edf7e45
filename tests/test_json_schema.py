"""JSON Schema: whatever value is held against a schema, the check ends and nobody waits."""

import asyncio
from typing import Any

import pytest

from agentroster.json_schema import Schema, refuse_unusable

CHOICES: dict[str, object] = {str(n): {"anyOf": [{"$ref": f"#/$defs/{n + 1}"}] * 2} for n in range(40)}


# Nothing is wrong with it, but each level of a value that fits neither group is looked at twice as often.
GROUPS: dict[str, object] = {
    "$defs": {
        "query": {
            "anyOf": [
                {"type": "string"},
                *(
                    {"properties": {"by": {"const": by}, "of": {"items": {"$ref": "#/$defs/query"}}}, "type": "object"}
                    for by in ("and", "or")
                ),
            ]
        }
    },
    "$ref": "#/$defs/query",
}


TOO_LONG = "takes too long to check"


def groups(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = {"by": "xor", "of": [value]}
    return value


@pytest.mark.parametrize(
    ("schema", "value", "complaint"),
    [
        ({"pattern": "^(a|a)*$"}, "a" * 60 + "!", TOO_LONG),
        ({"patternProperties": {"^(a|a)*$": {}}}, {"a" * 60 + "!": 1}, TOO_LONG),
        ({"patternProperties": {"^(a|a)*$": {}}, "additionalProperties": False}, {"a" * 60 + "!": 1}, TOO_LONG),
        ({"$defs": {**CHOICES, "40": {"type": "string"}}, "$ref": "#/$defs/0"}, 1, TOO_LONG),
        (GROUPS, groups(40), TOO_LONG),
        ({"$ref": "#"}, 1, "nested too deeply"),
        ({"multipleOf": 0.01}, 10**400, "cannot be checked"),
        ({"uniqueItems": True}, [one for n in range(20_000) for one in (n, str(n), [n])], ""),
        ({"uniqueItems": True}, [[0] * 3_000_000], TOO_LONG),
        ({"uniqueItems": True}, [1, True, "1", [1], [True], {"a": 1}, {"a": True}], ""),
        ({"uniqueItems": True}, [{"a": [1]}, {"a": [1.0]}], "not all different"),
        ({"items": {"type": "string"}}, [0] * 100_000, "0: 0 is not of type 'string'"),
        ({"patternProperties": {"^n": {"type": "integer"}}, "additionalProperties": {"type": "string"}},
         {"name": 1, "x": "y"}, ""),
        ({"patternProperties": {"^n": {"type": "integer"}}, "additionalProperties": False}, {"x": 1}, "'x' was"),
        ({"properties": {"a": {}}, "additionalProperties": {"type": "string"}}, {"a": 1, "b": 2}, "b: 2 is not"),
    ],
)  # fmt: skip
def test_no_value_keeps_a_schema_busy(schema: dict[str, Any], value: object, complaint: str) -> None:
    refuse_unusable(schema)
    found = Schema(schema).errors(value, 0.3 if complaint == TOO_LONG else 60)
    assert bool(found) is bool(complaint), found
    assert complaint in "".join(map(str, found))
    assert len(found) <= 20


def test_a_slow_check_leaves_the_event_loop_alone() -> None:
    async def run() -> list[str]:
        order: list[str] = []

        async def check() -> None:
            found = await Schema({"pattern": "^(a|a)*$"}).check("a" * 60 + "!")
            order.append(found[0].keyword)

        async def tick() -> None:
            await asyncio.sleep(0.02)
            order.append("tick")

        await asyncio.gather(check(), tick())
        return order

    assert asyncio.run(run()) == ["tick", "time"]
