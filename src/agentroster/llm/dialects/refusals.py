"""What a refused request teaches: one table from the words of the refusal to another way of asking.

Only before any piece of an answer has come, and only for what leaves the meaning of the request as it is.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, cast

from agentroster.json_values import is_list, is_object
from agentroster.llm.dialects.habits import Habits, SystemRole
from agentroster.llm.dialects.rule import Rule

MAX_TRIES = 6
_MAX_DEPTH = 6
STATUSES = frozenset({400, 404, 405, 406, 409, 415, 422, 500, 501})

Change: TypeAlias = Callable[[Habits, Mapping[str, Any], str], Habits | None]
"""From what was asked, with which body, and what the refusal said, to another way of asking, or None."""

_OPTIONAL = (
    "temperature", "top_p", "stop", "seed", "presence_penalty", "frequency_penalty", "reasoning_effort",
    "stream_options", "parallel_tool_calls", "tool_choice",
)  # fmt: skip
_TURN_FIELDS = ("reasoning_content", "reasoning_details", "reasoning", "extra_content", "provider_specific_fields")
_UNSUPPORTED = re.compile(
    r"unsupported|not supported|not support|n't support|unknown|unrecogni[sz]ed|unexpected|extra inputs|"
    r"extra_forbidden|not permitted|not allowed|forbidden|deprecated|only the default|removed|not available|"
    r"not implemented|cannot be used|incompatible|instead|invalid (?:parameter|param|argument|field|key)\b|"
    r"additional propert|not accept|no such|disabled|not valid for|"
    r"must be (?:set to )?(?:true|false|omitted|unset|auto|none|empty)|only supports?\b|not recogni[sz]ed",
    re.IGNORECASE,
)
_VALUE = re.compile(
    r"must be (?:an? )?(?:between|less|greater|at most|at least|below|above|positive|[<>]|in the range)|out of range|"
    r"too (?:large|high|low|small|big|many|long)|at most|at least|exceed|maximum (?:value|context|number)|minimum|"
    r"less than|greater than|between \d|context length|[\u2264\u2265]",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal(Rule):
    """A kind of refusal; `change` is what to ask instead."""

    change: Change


def another_way(habits: Habits, body: Mapping[str, Any], status: int, refusal: bytes | object) -> Habits | None:
    """Return habits with which to ask once more, or None when the refusal stands."""
    if status not in STATUSES:
        return None
    text = _words(refusal)
    for kind in REFUSALS:
        changed = kind.change(habits, body, text)
        if changed is not None and changed != habits:
            return changed
    return None


def _words(refusal: bytes | object) -> str:
    """Return all texts of a refusal, with names of fields between them; escapes would hide where a word begins."""
    value: object = refusal
    if isinstance(refusal, bytes):
        text = refusal.decode("utf-8", "replace")
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return text
    return "\n".join(_texts(value, 0))


def _texts(value: object, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    if depth < _MAX_DEPTH and is_list(value):
        for item in value:
            yield from _texts(item, depth + 1)
    if depth < _MAX_DEPTH and is_object(value):
        for name, item in value.items():
            yield str(name)
            yield from _texts(item, depth + 1)


def _names(text: str, name: str) -> bool:
    """Whether a text names a field, in the spellings of all languages that servers are written in."""
    words = name.split("_")
    camel = words[0] + "".join(word.capitalize() for word in words[1:])
    spelled = "|".join((r"[_\- ]".join(map(re.escape, words)), re.escape(camel)))
    return (
        re.search(rf"(?<![A-Za-z0-9_])(?:{spelled})(?![A-Za-z0-9_])", text, re.IGNORECASE if len(words) > 1 else 0)
        is not None
    )


def _refuses(text: str, name: str) -> bool:
    return _names(text, name) and (_UNSUPPORTED.search(text) is not None or _VALUE.search(text) is None)


def _limit(habits: Habits, body: Mapping[str, Any], text: str) -> Habits | None:
    sent = habits.limit
    if not sent or sent not in body or not _refuses(text, sent):
        return None
    refused = habits.limits_refused | {sent}
    other = "max_completion_tokens" if sent == "max_tokens" else "max_tokens"
    return replace(habits, limit="" if other in refused else other, limits_refused=refused)


def _optional(habits: Habits, body: Mapping[str, Any], text: str) -> Habits | None:
    found = {name for name in _OPTIONAL if name in body and _refuses(text, name)}
    return replace(habits, left_out=habits.left_out | found) if found else None


def _format(habits: Habits, body: Mapping[str, Any], text: str) -> Habits | None:
    wanted = cast("Mapping[str, Any]", body.get("response_format") or {})
    if not wanted:
        return None
    if (
        habits.is_strict
        and wanted.get("json_schema", {}).get("strict")
        and re.search(r"strict|additionalProperties", text)
    ):
        return replace(habits, is_strict=False)
    named = any(
        _refuses(text, name) for name in ("response_format", "json_schema", "json_object", "guided_json", "format")
    )
    return replace(habits, format_step=habits.format_step + 1) if named else None


def _stream(habits: Habits, body: Mapping[str, Any], text: str) -> Habits | None:
    if body.get("stream"):
        never = r"stream(?:ing)?\b[^.]{0,60}(?:not (?:yet )?(?:supported|available|implemented|allowed)|unsupported|must be false|disabled)"
        also = r"(?:not|n't) (?:yet )?support[^.]{0,30}stream(?:ing)?\b(?!_options)|unsupported[^.]{0,30}\bstream\b(?!_options)|cannot use \w+ with stream\b"
        return replace(habits, stream=False) if re.search(f"{never}|{also}", text, re.IGNORECASE) else None
    only = (
        r"stream(?:ing)?\b[^.]{0,40}(?:required|must be true|must be set to true|must be enabled|mandatory)|"
        r"must have \W?stream\W{0,3}=\W{0,3}true|not[^.]{0,30}when \W?stream\W{0,3}=\W{0,3}false|for non-?stream|"
        r"only (?:supports? |accepts? |in |allows? )?(?:the )?stream|non-?stream\w*[^.]{0,40}(?:not|unsupported)|"
        r"(?:set|use|enable) \W?stream"
    )
    return replace(habits, stream=True) if re.search(only, text, re.IGNORECASE) else None


def _one_call(habits: Habits, body: Mapping[str, Any], text: str) -> Habits | None:
    said = r"single tool[- ]call|one tool[- ]call|(?:parallel|multiple) (?:tool|function)[- ]calls?|only one (?:tool|function)"
    several = any(len(message.get("tool_calls") or ()) > 1 for message in body["messages"])
    return replace(habits, one_call=True) if several and re.search(said, text, re.IGNORECASE) else None


def _alternates(habits: Habits, body: Mapping[str, Any], text: str) -> Habits | None:
    said = (
        r"roles? must alternate|alternat\w+[^.]{0,40}(?:user|role)|consecutive[^.]{0,40}(?:role|message|user|assistant)"
    )
    return replace(habits, alternates=True) if re.search(said, text, re.IGNORECASE) else None


def _answers_tools(habits: Habits, body: Mapping[str, Any], text: str) -> Habits | None:
    said = r"unexpected role .{0,3}user.{0,5} after role .{0,3}tool"
    return replace(habits, answers_tools=True) if re.search(said, text, re.IGNORECASE) else None


def _system(habits: Habits, body: Mapping[str, Any], text: str) -> Habits | None:
    if not re.search(r"\brole|messages?\b", text, re.IGNORECASE) or not re.search(
        rf"\b{habits.system_role}\b", text, re.IGNORECASE
    ):
        return None
    said = r"not support|unsupported|invalid|unknown|unexpected|does not exist|not allowed|only|must be|not one of|not recogni[sz]ed"
    after: dict[SystemRole, SystemRole] = {"system": "user", "developer": "system"}
    other = after.get(habits.system_role)
    if other is None or not re.search(said, text, re.IGNORECASE):
        return None
    if habits.system_role == "system" and "developer" in text:
        other = "developer"
    return replace(habits, system_role=other)


def _short_ids(habits: Habits, body: Mapping[str, Any], text: str) -> Habits | None:
    said = r"(?:tool|function)[_ ]?call[_ ]?ids?\b.{0,120}(?:length|\b9\b|nine|a-z|alphanumeric)"
    return replace(habits, short_ids=True) if re.search(said, text, re.IGNORECASE | re.DOTALL) else None


def _not_back(habits: Habits, body: Mapping[str, Any], text: str) -> Habits | None:
    sent = {name for message in body["messages"] for name in message} | {
        name for message in body["messages"] for call in message.get("tool_calls") or () for name in call
    }
    found = {name for name in (*_TURN_FIELDS, "name") if name in sent and _refuses(text, name)}
    if "name" in found and not re.search(r"messages?\b", text):
        found.discard("name")
    return replace(habits, not_back=habits.not_back | found) if found else None


def _plain_content(habits: Habits, body: Mapping[str, Any], text: str) -> Habits | None:
    said = r"content\b.{0,120}(?:string|str\b|null|none|empty|required|sequence)|(?:string|str)\b.{0,80}\bcontent\b"
    odd = any(not isinstance(message.get("content"), str) for message in body["messages"])
    return replace(habits, plain_content=True) if odd and re.search(said, text, re.IGNORECASE | re.DOTALL) else None


def _words_only(habits: Habits, body: Mapping[str, Any], text: str) -> Habits | None:
    said = r"enable-auto-tool-choice|tool-call-parser"
    return replace(habits, words_only=True) if "tools" in body and re.search(said, text) else None


def _refusal(name: str, seen: str, done: str, source: str, change: Change) -> Refusal:
    return Refusal(name=name, seen=seen, done=done, source=source, change=change)


REFUSALS: tuple[Refusal, ...] = (
    _refusal("no reader for tool calls", "vLLM started without `--enable-auto-tool-choice`",
             "asked once more with `tool_choice: none`: the template still shows the tools, and calls in words "
             "are read",
             "vLLM docs, tool calling", _words_only),
    _refusal("only streams, or never", "`stream must be true`, `streaming is not supported`",
             "asked the other way; the person's answer has the form that was asked for", "DashScope (QwQ), Bedrock gateways", _stream),
    _refusal("the name of the token limit", "`max_tokens` or `max_completion_tokens` is refused, in any spelling",
             "asked with the other name, then without; a limit that is too high stays refused", "claude-code-proxy#35", _limit),
    _refusal("one call a turn", "a history with two calls in one turn is refused",
             "each call becomes a turn of its own", "Llama 3.1 template (`single tool-calls at once`)", _one_call),
    _refusal("roles that must alternate", "two messages of one role in a row are refused", "they become one message",
             "llama.cpp with the Gemma, Llama 2 and Mistral templates", _alternates),
    _refusal("a question after a tool's result", "`Unexpected role 'user' after role 'tool'`",
             "a short turn of the assistant stands between", "Mistral API", _answers_tools),
    _refusal("ids of tool calls", "an id must be nine letters and digits", "sent in that form", "mistral-common", _short_ids),
    _refusal("strict schemas and forms of answers", "`strict`, `json_schema` or `json_object` is refused",
             "asked without strictness, then for any JSON object, then in words alone", "LM Studio, DeepSeek, Groq", _format),
    _refusal("other parameters", ", ".join(f"`{name}`" for name in _OPTIONAL) + " is refused as unsupported",
             "asked without it; a value out of range stays refused, because the client chose it",
             "gpt-5 and o-series, Anthropic's compatible endpoint, old vLLM (422)", _optional),
    _refusal("fields of earlier turns", ", ".join(f"`{name}`" for name in _TURN_FIELDS) + ", `name` is refused",
             "not sent to this server any more", "Groq, Cerebras, Mistral", _not_back),
    _refusal("content that must be text", "null or a list of text parts is refused", "sent as text", "DeepSeek, old llama.cpp",
             _plain_content),
    _refusal("the role of instructions", "`system` or `developer` is refused",
             "sent as the other one, else at the beginning of the first question", "o1-mini; Gemma templates", _system),
)  # fmt: skip
RULES = REFUSALS
