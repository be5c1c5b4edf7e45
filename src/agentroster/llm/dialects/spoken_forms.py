"""How templates write tool calls in words: one reader for each notation, from its text to names and raw arguments.

A reader returns None for what is not its notation. Whether a name is known, and arguments are good, is asked later.
"""

import ast
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

from agentroster.json_values import as_list, is_list, is_object

Schemas: TypeAlias = Mapping[str, Mapping[str, Any]]
"""The parameters of each known tool."""

Said: TypeAlias = list[tuple[str, object]]
"""Names and arguments, the latter as they were written or already read."""

Reader: TypeAlias = Callable[[str, Schemas], Said | None]

_NAME_KEYS = ("name", "tool_name", "function_name", "recipient_name", "tool", "function", "action")
_ARGUMENT_KEYS = ("arguments", "parameters", "args", "input", "tool_input", "params", "action_input")
_OTHER_KEYS = frozenset({"type", "id", "tool_call_id", "index"})
_MAX_CODE = 20_000

_BAR = "[|\uff5c]"
_LOW = "[_\u2581]"
_KIMI = re.compile(
    r"<\|tool_call_begin\|>\s*([\w.:\-]+?)\s*<\|tool_call_argument_begin\|>(.*?)(?=<\|tool_call_end\|>|<\|tool_call_begin\|>|\Z)",
    re.DOTALL,
)
_DEEPSEEK_CALL = re.compile(f"<{_BAR}tool{_LOW}call{_LOW}begin{_BAR}>")
_DEEPSEEK = re.compile(
    rf"\s*(?:function\s*<{_BAR}tool{_LOW}sep{_BAR}>)?\s*([\w.\-]+)\s*(?:<{_BAR}tool{_LOW}sep{_BAR}>)?(.*?)"
    rf"(?:<{_BAR}tool{_LOW}calls?{_LOW}end{_BAR}>|\Z)",
    re.DOTALL,
)
_INVOKE = re.compile(
    r"<(?:\w+:|\uff5cDSML\uff5c)?invoke\s+name=[\"']?([^\"'>\s]+)[\"']?\s*>(.*?)(?:</(?:\w+:|\uff5cDSML\uff5c)?invoke>|\Z)",
    re.DOTALL,
)
_PARAMETER = re.compile(
    r"<(?:\w+:|\uff5cDSML\uff5c)?parameter\s+name=[\"']?([^\"'>\s]+)[\"']?(?:\s+string=[\"']?(true|false)[\"']?)?\s*>(.*?)"
    r"</(?:\w+:|\uff5cDSML\uff5c)?parameter>",
    re.DOTALL,
)
_FUNCTION = re.compile(r"<function=([^>\s]+)>(.*?)(?:</function>|\Z)", re.DOTALL)
_FUNCTION_PARAMETER = re.compile(r"<parameter=([^>\s]+)>(.*?)(?:</parameter>|(?=<parameter=)|\Z)", re.DOTALL)
_PAIRS = re.compile(r"\s*([\w.\-]+)\s*((?:<arg_key>.*?</arg_key>\s*<arg_value>.*?</arg_value>\s*)*)", re.DOTALL)
_PAIR = re.compile(r"<arg_key>(.*?)</arg_key>\s*<arg_value>(.*?)</arg_value>", re.DOTALL)
_MISTRAL = re.compile(r"\s*([A-Za-z_][\w.\-]*)\s*(?:\[CALL_ID\]\w+)?\s*(?:\[ARGS\])?\s*(\{.*)", re.DOTALL)
_HARMONY = re.compile(
    r"to=([\w.\-]+)(?:\s*<\|channel\|>\s*\w+)?(?:\s*(?:<\|constrain\|>)?\s*json)?\s*<\|message\|>(.*?)(?=<\||\Z)",
    re.DOTALL,
)
_GEMMA_CALL = re.compile(r"call:([\w.\-]+)\{(.*?)\}(?=\s*(?:<|call:|\Z))", re.DOTALL)
_GEMMA_VALUE = re.compile(
    r"\s*([\w\-]+)\s*:\s*(?:<escape>(.*?)<escape>|<\|\"\|>(.*?)<\|\"\|>|([^,<]*))\s*(?:,|\Z)", re.DOTALL
)
_CHILD = re.compile(r"<([A-Za-z_][\w\-]*)>(.*?)</\1>", re.DOTALL)
_MINIMAX_MARK = "]<]minimax[>["
_LITERALS = {"true": True, "false": False, "null": None}


def kimi(text: str, schemas: Schemas) -> Said | None:
    """Read Kimi K2: a name with a counter, then JSON, between marks."""
    found = _KIMI.findall(text)
    return [(name, arguments.strip()) for name, arguments in found] or None


def deepseek(text: str, schemas: Schemas) -> Said | None:
    """Read DeepSeek V3, R1 and V3.1: a name and JSON, perhaps in a fence, between marks with wide bars."""
    _, *calls = _DEEPSEEK_CALL.split(text)
    found = [match for call in calls if (match := _DEEPSEEK.match(call))]
    return [(match[1], _without_fence(match[2])) for match in found] or None


def invoke(text: str, schemas: Schemas) -> Said | None:
    """Read MiniMax M2, DeepSeek V3.2 and others: `<invoke name=...>` with a tag for each parameter."""
    said: Said = []
    for name, inner in _INVOKE.findall(text.replace(_MINIMAX_MARK, "")):
        schema = _schema(name, schemas)
        values = {
            key: value.strip("\n") if is_text == "true" else _typed(value, schema.get(key, {}))
            for key, is_text, value in _PARAMETER.findall(inner)
        }
        values = values or {key: _typed(value, schema.get(key, {})) for key, value in _CHILD.findall(inner)}
        said.append((name, values if values or not inner.strip() else inner.strip()))
    return said or None


def function_tag(text: str, schemas: Schemas) -> Said | None:
    """Read Qwen3-Coder, Seed-OSS, Functionary, Llama 3.1: `<function=name>` with parameter tags, or with JSON."""
    said: Said = []
    for name, inner in _FUNCTION.findall(text):
        schema = _schema(name, schemas)
        values = {key: _typed(value, schema.get(key, {})) for key, value in _FUNCTION_PARAMETER.findall(inner)}
        said.append((name, values if values or not inner.strip() else inner.strip()))
    return said or None


def pairs(text: str, schemas: Schemas) -> Said | None:
    """Read GLM: a name, then key and value in tags; a known name alone is a call without arguments."""
    match = _PAIRS.fullmatch(text)
    if match is None or (not match[2] and match[1] not in schemas):
        return None
    schema = _schema(match[1], schemas)
    return [
        (match[1], {key.strip(): _typed(value, schema.get(key.strip(), {})) for key, value in _PAIR.findall(match[2])})
    ]


def mistral(text: str, schemas: Schemas) -> Said | None:
    """Read Mistral since v11: a name, then JSON, each call after a mark of its own."""
    said: Said = []
    for call in text.split("[TOOL_CALLS]"):
        if not call.strip():
            continue
        match = _MISTRAL.fullmatch(call)
        if match is None:
            return None
        said.append((match[1], match[2].strip()))
    return said or None


def harmony(text: str, schemas: Schemas) -> Said | None:
    """Read gpt-oss: a recipient in the header of a message, JSON in its body."""
    return [(name, body.strip()) for name, body in _HARMONY.findall(text)] or None


def gemma_call(text: str, schemas: Schemas) -> Said | None:
    """Read FunctionGemma: `call:name{key:<escape>value<escape>}`."""
    said: Said = []
    for name, inner in _GEMMA_CALL.findall(text):
        schema = _schema(name, schemas)
        found = _GEMMA_VALUE.findall(inner)
        values = {key: _typed(old or new or bare, schema.get(key, {})) for key, old, new, bare in found}
        said.append((name, values))
    return said or None


def named_body(text: str, schemas: Schemas) -> Said | None:
    """Read Functionary v3.2: a name on a line of its own, JSON below."""
    name, _, body = text.removeprefix(">>>").partition("\n")
    return [(name.strip(), body.strip())] if name.strip() in schemas and body.strip().startswith("{") else None


def json_calls(text: str, schemas: Schemas) -> Said | None:
    """Read objects with a name and arguments, one or many, alone or in a list."""
    bare = _without_fence(text.removeprefix("functools")).strip()
    values = _json_values(bare) or _python_values(bare)
    said: Said = []
    for value in values or []:
        found = _from_json(value, schemas)
        if found is None:
            return None
        said += found
    return said or None


def _python_values(text: str) -> list[object] | None:
    if len(text) > _MAX_CODE or text[:1] not in {"{", "["}:
        return None
    try:
        return [ast.literal_eval(text)]
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None


def python_calls(text: str, schemas: Schemas) -> Said | None:
    """Read calls in Python: `[f(a=1), g()]`, one call a line, or inside `print(...)`; nothing is ever evaluated."""
    code = _without_fence(text).strip()
    if not code or len(code) > _MAX_CODE or "(" not in code:
        return None
    try:
        body = ast.parse(code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    said: Said = []
    for statement in body:
        value = statement.value if isinstance(statement, ast.Expr | ast.Assign) else None
        calls = value.elts if isinstance(value, ast.List | ast.Tuple) else [value]
        for call in calls:
            found = _python_call(call, schemas)
            if found is None:
                return None
            said.append(found)
    return said or None


def _python_call(node: object, schemas: Schemas) -> tuple[str, object] | None:
    if not isinstance(node, ast.Call):
        return None
    name = ast.unparse(node.func)
    if name == "print" and len(node.args) == 1 and "print" not in schemas:
        return _python_call(node.args[0], schemas)
    keys = list(_schema(name, schemas))
    if len(node.args) > len(keys) or any(keyword.arg is None for keyword in node.keywords):
        return None
    try:
        given = {key: _literal(value) for key, value in zip(keys, node.args, strict=False)}
        given |= {str(keyword.arg): _literal(keyword.value) for keyword in node.keywords}
    except ValueError:
        return None
    return name, given


def _literal(node: ast.expr) -> object:
    """Return a literal; JSON's own words count too. Raises ValueError for anything that would have to be run."""
    if isinstance(node, ast.Name) and node.id in _LITERALS:
        return _LITERALS[node.id]
    if isinstance(node, ast.List | ast.Tuple):
        return [_literal(item) for item in node.elts]
    if isinstance(node, ast.Dict):
        if any(key is None for key in node.keys):
            raise ValueError
        return {
            str(_literal(cast("ast.expr", key))): _literal(value)
            for key, value in zip(node.keys, node.values, strict=True)
        }
    return ast.literal_eval(node)


def _json_values(text: str) -> list[object] | None:
    decoder = json.JSONDecoder(strict=False)
    values: list[object] = []
    position = 0
    while position < len(text):
        if text[position].isspace() or text[position] in ";,":
            position += 1
            continue
        if text.startswith("<|", position):
            end = text.find("|>", position)
            if end == -1:
                return None
            position = end + 2
            continue
        try:
            value, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            return None
        values.append(value)
        if re.fullmatch(r"[\s}\]]*", text[position:]):
            break  # one brace too many says nothing
    return values


def _from_json(value: object, schemas: Schemas) -> Said | None:
    if is_list(value):
        found = [_from_json(item, schemas) for item in as_list(value)]
        return [call for calls in found if calls for call in calls] if found and all(found) else None
    if not is_object(value):
        return None
    for inner in (value.get("tool_calls"), value.get("function")):
        if is_object(inner) or is_list(inner):
            return _from_json(inner, schemas)
    return _from_object(value, schemas)


def _from_object(fields: Mapping[str, Any], schemas: Schemas) -> Said | None:
    if len(fields) == 1:
        # Apertus: the name is the key.
        name, only = next(iter(fields.items()))
        return [(name, only)] if name in schemas and is_object(only) else None
    name_key = next((key for key in _NAME_KEYS if isinstance(fields.get(key), str)), None)
    argument_key = next((key for key in _ARGUMENT_KEYS if key in fields), None)
    if name_key is None or not fields.keys() <= {name_key, argument_key, *_OTHER_KEYS}:
        return None
    if argument_key is None:
        return None if _schema(str(fields[name_key]), schemas) else [(str(fields[name_key]), {})]
    return [(str(fields[name_key]), fields[argument_key])]


def _schema(name: str, schemas: Schemas) -> Mapping[str, Mapping[str, Any]]:
    """Return the properties of a tool, whatever prefix its name has here."""
    parameters = schemas.get(name) or schemas.get(re.split(r"[.:/]", name)[-1]) or {}
    return cast("Mapping[str, Mapping[str, Any]]", parameters.get("properties") or {})


def _typed(text: str, schema: Mapping[str, Any]) -> object:
    """Return a value from a tag: text where the tool wants text, else the JSON that it is."""
    bare = text.removeprefix("\n").removesuffix("\n")
    kinds: object = schema.get("type")
    wanted = set(cast("Sequence[str]", kinds)) if is_list(kinds) else {kinds}
    if "string" in wanted and not (wanted - {"string", None} and bare.strip() == "null"):
        return bare
    try:
        return cast("object", json.loads(bare.strip()))
    except (ValueError, RecursionError):
        pass
    lowered = bare.strip().lower()
    if lowered in {"true", "false"} and "boolean" in wanted:
        return lowered == "true"
    return bare


def _without_fence(text: str) -> str:
    match = re.fullmatch(r"\s*```[a-zA-Z_]*[ \t]*\n?(.*?)\n?\s*```\s*", text, re.DOTALL)
    return match[1] if match else text
