"""Errors that come inside an answer with status 200, in every spelling, and the reason that an error gives."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from agentroster.json_values import as_list, as_object, is_list, is_object
from agentroster.llm.dialects.rule import Rule
from agentroster.messages import say

_MAX_REASON = 300
_MAX_DEPTH = 4
ERROR_FINISHES = frozenset(
    {
        "error", "network_error", "insufficient_system_resource", "server_error", "internal_error", "model_error",
        "upstream_error", "timeout", "failed", "abort", "aborted", "malformed_function_call",
    }
)  # fmt: skip
_NAMES = {
    401: ("authentication", "unauthenticated", "invalid_api_key", "unauthorized"),
    403: ("permission", "forbidden"),
    404: ("not_found",),
    429: ("rate_limit", "ratelimit", "too_many_requests", "resource_exhausted", "quota", "throttl"),
    503: ("overloaded", "unavailable", "network_error", "insufficient_system_resource", "loading"),
    504: ("timeout", "deadline"),
    400: ("invalid_request", "bad_request", "badrequest", "invalid_argument", "context_length", "malformed_function"),
}
_REASONS = (
    "error", "error_message", "message", "detail", "errors", "msg", "base_resp", "status_msg", "reason",
    "error_description", "description",
)  # fmt: skip
# What only another request mends, whatever the status says.
_ABOUT_THE_REQUEST = re.compile(
    r"\b(?:image|vision|audio|video|multi-?modal)\w*(?: \w+){0,2} (?:is |are )?(?:not supported|unsupported)|"
    r"(?:not|n't) support (?:\w+ ){0,2}(?:image|vision|audio|video|multi-?modal)|missing data required for image|"
    r"exceeds? the (?:\w+ ){0,2}context (?:length|size|window)|(?:input|prompt) is too long",
    re.IGNORECASE,
)
# MiniMax, base_resp.status_code.
_BASE_RESP = {1002: 429, 1004: 401, 1008: 429, 1039: 429, 2013: 400}

RULES = (
    Rule(
        name="an error in a stream",
        seen="status 200, then `error` as object, text or list, `event: error`, `object: error`, `type: error`, "
        "`detail`, `errors`, `base_resp`, `choices[0].error`, or a finish reason that names a failure",
        done="text that came before is kept; the answer ends as an error with the code that was sent (429 stays 429), "
        "never as a successful, cut answer",
        source="OmniRoute#8210, octo-agent#910; vLLM serving_chat.py; MiniMax and DeepSeek API references",
    ),
    Rule(
        name="where the reason stands",
        seen="`error.message`, `error` as text, `message`, `detail` (text, or a list with `loc` and `msg`), "
        "`errors[]`, `message.detail`, `base_resp.status_msg`, plain text, the title of an HTML page",
        done="quoted to the person in at most 300 characters, with secrets masked",
        source="FastAPI, Spring, Google, MiniMax error bodies",
    ),
    Rule(
        name="a refusal that calls itself a failure",
        seen="status 500 or 501 with words about the request: no pictures or sound, too long for the context",
        done="400, so that no client sends the same again; other failures keep their status",
        source="llama-server (build 11549, tried), Ollama",
    ),
)


@dataclass(frozen=True, slots=True)
class Fault:
    """An error inside an answer: the HTTP status it means, and the object that says why."""

    status: int
    body: object


def find_fault(value: object, event: str = "") -> Fault | None:
    """Return the error that a value of an answer is or holds, or None."""
    if is_list(value):
        items = as_list(value)
        return next((fault for item in items if (fault := find_fault(item))), None)
    if not is_object(value):
        return None
    fields = as_object(value)
    if event.lower() == "error" or _says_error(fields):
        return Fault(_status(fields), fields)
    return _fault_of_choice(fields)


def _says_error(fields: Mapping[str, object]) -> bool:
    if any(fields.get(name) for name in ("error", "error_message", "error_type")):
        return True
    if "error" in (fields.get("object"), fields.get("type")) or fields.get("status") in {"error", "failed"}:
        return True
    answer = fields.get("base_resp")
    if is_object(answer) and as_object(answer).get("status_code") not in {0, None}:
        return True
    return not fields.keys() & {"choices", "usage"} and _reports_error(fields)


def _reports_error(fields: Mapping[str, object]) -> bool:
    """Whether an object that is no answer reports an error."""
    if fields.get("detail") or fields.get("errors"):
        return True
    message = fields.get("message") or fields.get("msg")
    if isinstance(message, str) and "error" in str(fields.get("type") or fields.get("object") or "").lower():
        return True
    # A message that is no chat message, beside a code: what gateways of many kinds send.
    is_chat = is_object(message) and ("content" in message or "role" in message)
    return bool(message and not is_chat and fields.keys() & {"code", "status", "status_code", "statusCode", "success"})


def _fault_of_choice(fields: Mapping[str, object]) -> Fault | None:
    choices = fields.get("choices")
    first = as_list(choices)[0] if is_list(choices) and choices else None
    if not is_object(first):
        return None
    choice = as_object(first)
    finish = choice.get("finish_reason") or choice.get("native_finish_reason")
    if choice.get("error"):
        return Fault(_status({"error": choice["error"]}), {"error": choice["error"]})
    name = str(choice.get("finish_reason") or "").lower().rpartition(" ")[2]
    if name in ERROR_FINISHES:
        return Fault(_status({"code": name}), {"error": say("llm.ended_with", finish=finish)})
    return None


def _status(fields: Mapping[str, object]) -> int:
    """Return the status that an error means: its number, else its name, else 502."""
    texts: list[str] = []
    for key, value in _codes(fields, 0):
        number = int(value) if isinstance(value, str) and re.fullmatch(r"\d{3}", value) else value
        if key == "base_resp":
            return _BASE_RESP.get(cast("int", value), 502)
        if isinstance(number, int) and not isinstance(number, bool) and 400 <= number <= 599:  # noqa: PLR2004
            return number
        if isinstance(value, str):
            texts.append(value.lower())
    for status, names in _NAMES.items():
        if any(name in text for text in texts for name in names):
            return status
    return 502


def _codes(fields: Mapping[str, object], depth: int) -> Iterator[tuple[str, object]]:
    answer = fields.get("base_resp")
    if is_object(answer):
        yield "base_resp", as_object(answer).get("status_code")
    for key in ("code", "status_code", "statusCode", "http_status", "error_code", "status", "type", "error_type"):
        if isinstance(fields.get(key), int | str):
            yield key, fields[key]
    for key in ("error", "errors", "metadata", "detail"):
        inner = fields.get(key)
        inner = as_list(inner)[0] if is_list(inner) and inner else inner
        if is_object(inner) and depth < _MAX_DEPTH:
            yield from _codes(as_object(inner), depth + 1)


def is_about_the_request(status: int, reason: str) -> bool:
    """Whether a status of the server's own failures comes with words about what it was asked."""
    return status in {500, 501} and _ABOUT_THE_REQUEST.search(reason) is not None


def reason_in(body: bytes) -> str:
    """Return why an error happened, as its body says, or an empty text."""
    text = body.decode("utf-8", "replace").lstrip("\ufeff").strip()
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return _plain_reason(text)
    return reason_of(value)


def reason_of(value: object, depth: int = 0) -> str:
    """Return the reason that a JSON value of an error gives, or an empty text."""
    if depth > _MAX_DEPTH:
        return ""
    if isinstance(value, str):
        return _tidy(value)
    if is_list(value):
        found = [text for item in as_list(value)[:3] if (text := reason_of(item, depth + 1))]
        return _tidy("; ".join(found))
    if not is_object(value):
        return ""
    fields = as_object(value)
    if isinstance(fields.get("msg"), str) and isinstance(fields.get("loc"), list | tuple):
        where = ".".join(str(step) for step in as_list(fields["loc"]) if step != "body")
        return _tidy(f"{where}: {fields['msg']}" if where else str(fields["msg"]))
    found = next((text for name in _REASONS if name in fields and (text := reason_of(fields[name], depth + 1))), "")
    raw = as_object(fields.get("metadata")).get("raw")
    # OpenRouter: what the provider behind it said.
    inner = (reason_in(raw.encode()) if isinstance(raw, str) else reason_of(raw, depth + 1)) if raw else ""
    return _tidy(f"{found}: {inner}" if found and inner else found or inner)


def _plain_reason(text: str) -> str:
    if text.startswith("<"):
        title = re.search(r"<title[^>]{0,200}>([^<]{1,200})</title>", text, re.IGNORECASE)
        return _tidy(title[1]) if title else ""
    if text.startswith(("data:", "event:")):
        data = re.search(r"^data:\s*(\{.*)$", text, re.MULTILINE)
        return reason_in(data[1].encode()) if data else ""
    return _tidy(text)


def _tidy(text: str) -> str:
    return " ".join(text[: 4 * _MAX_REASON].split())[:_MAX_REASON]
