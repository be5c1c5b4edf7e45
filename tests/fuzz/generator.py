"""Requests that are nearly right: each begins with a right one and gets a few things wrong. Repeatable by its seed."""

import copy
import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, cast

_HERE = Path(__file__).parent
OPERATIONS: list[dict[str, Any]] = [
    operation
    for name in ("openai.json", "own.json")
    for operation in json.loads((_HERE / name).read_text(encoding="utf-8"))["operations"]
]
_MODELS = ["agno/demo-agent", "agno/enrich-metadata", "agno/nobody", "plain-model", "gpt-99", "agno/", "agno/*", "*"]
_VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 1.5, 10**18, 10**30, -(10**400), 1e308, "", " ", "x", "0", "true", "/help", "/nothing",
    "/token github x", "/connect github", "x" * 5000, "%s%n{0}{a}", "../../etc/passwd", "\x00", "\n\r\n", "\U0001f600", "\ud800",
    "https://a..b/", "https://xn--/", "http://169.254.169.254/", "data:,", "file:///etc/passwd", [], [[]], [None], {}, {"": {}}, {"a": 1},
    {"type": "text"}, {"type": "text", "text": "x"}, {"role": "user"}, ["x"] * 500, {"$ref": "#"}, "agno/demo-agent", "user", "assistant",
]  # fmt: skip
_EXTRA = [
    "fallbacks", "api_base", "api_key", "base_url", "timeout", "cache", "metadata", "litellm_metadata", "tags", "num_retries",
    "mock_response", "user_config", "model_list", "guardrails", "proxy_server_request", "secret_fields", "litellm_params",
    "extra_body", "extra_headers", "custom_llm_provider", "self", "kwargs", "request", "messages", "input", "prompt", "__class__",
    "prompt_id", "litellm_session_id", "web_search_options", "functions", "function_call", "mcp_servers", "vector_store_ids",
]  # fmt: skip
_HEADERS = [
    "content-type", "accept", "accept-language", "x-agent-events", "x-openwebui-task", "x-openwebui-chat-id", "x-openwebui-user-jwt",
    "x-openwebui-user-id", "x-litellm-num-retries", "x-litellm-call-id", "x-litellm-timeout", "cookie", "origin", "last-event-id",
    "x-forwarded-for", "anthropic-version", "anthropic-beta", "openai-organization", "x-api-key", "authorization", "range", "if-match",
    "content-encoding", "accept-encoding", "x-http-method-override", "traceparent", "user-agent", "forwarded", "x-stainless-retry-count",
]  # fmt: skip
_HEADER_VALUES = [
    "", "x", "0", "-1", "application/json", "application/x-www-form-urlencoded", "multipart/form-data", "multipart/form-data; boundary=x",
    "text/event-stream", "gzip", "openwebui", "reasoning", "channel:x", "title_generation", "Bearer", "Bearer x", "Basic eDp5", "\xff\xfe",
    "a" * 3000, "bytes=0-", "*", "00-0-0-0", "{}", "tools-2024-04-04", "roster=x; roster=y", "roster=\"", "x;q=2,*;q=a", "1e999",
]  # fmt: skip


@dataclass(frozen=True)
class Sent:
    """One request; `headers` come on top of the key."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    content: bytes | None
    has_key: bool


def requests(seed: int, count: int) -> Iterator[Sent]:
    """Yield so many requests, always the same for one seed."""
    random = Random(seed)
    for _ in range(count):
        yield _request(random, random.choice(OPERATIONS))


def _request(random: Random, operation: dict[str, Any]) -> Sent:
    body = copy.deepcopy(operation.get("body"))
    content: bytes | None = None
    if body is not None:
        if "model" in body and body["model"] == "MODEL":
            body["model"] = random.choice(_MODELS)
            # Most fields are optional: a few at a time, or one wrong field would hide all others.
            needed = {"model", "messages", "prompt", "input", "max_tokens"}
            body = {name: value for name, value in body.items() if name in needed or random.random() < 0.2}
        for _ in range(random.choice([0, 1, 1, 1, 2, 3])):
            body = _mutated(random, body)
        content = _raw(random, body)
    method = (
        operation["method"]
        if random.random() < 0.95
        else random.choice(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
    )
    headers = [(random.choice(_HEADERS), random.choice(_HEADER_VALUES)) for _ in range(random.choice([0, 0, 1, 2]))]
    return Sent(method, _target(random, operation), headers, content, has_key=random.random() < 0.95)


def _mutated(random: Random, body: Any) -> Any:
    if not isinstance(body, dict) or random.random() < 0.02:
        return deepcopy(random.choice(_VALUES))
    if random.random() < 0.2:
        body[random.choice(_EXTRA)] = deepcopy(random.choice(_VALUES))
        return body
    holder: Any = body
    while True:
        places = list(holder) if isinstance(holder, dict) else range(len(holder))
        if not places:
            return body
        place = random.choice(list(places))
        inner = holder[place]
        if isinstance(inner, (dict, list)) and inner and random.random() < 0.75:
            holder = cast("Any", inner)
            continue
        act = random.random()
        if act < 0.15:
            del holder[place]
        elif act < 0.25 and isinstance(holder, list):
            holder.extend(deepcopy(inner) for _ in range(random.choice([1, 30])))
        else:
            holder[place] = deepcopy(random.choice(_VALUES))
        return body


def _raw(random: Random, body: Any) -> bytes:
    raw = json.dumps(body).encode()
    chance = random.random()
    if chance < 0.85:
        return raw
    at = random.randrange(len(raw) + 1)
    return random.choice(
        [raw[:at], raw[:at] + bytes([random.randrange(256)]) + raw[at:], raw + raw, b"\xef\xbb\xbf" + raw, b"", raw.decode().encode("utf-16"),
         raw.replace(b":", b": NaN, ", 1), b"[" * 500 + raw + b"]" * 500, b"a=1&model=plain-model&" + raw]
    )  # fmt: skip


def _target(random: Random, operation: dict[str, Any]) -> str:
    path: str = operation["path"]
    if random.random() < 0.05:
        at = random.randrange(1, len(path))
        path = (
            path[:at]
            + random.choice(["/", "%00", "%2f", "%ff", "..", "%2e%2e/", ";x", "//", "%", "~", "%ed%a0%80", "x" * 300])
            + path[at:]
        )
    if random.random() < 0.15:
        names = [*operation["query"], "model", "user", "key"]
        path += "?" + "&".join(
            f"{random.choice(names)}={random.choice(['', '1', '-1', 'x', 'true', '%ff', '%00', 'plain-model', '9' * 50])}"
            for _ in range(3)
        )
    return path
