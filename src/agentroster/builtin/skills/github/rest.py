"""GitHub's REST API (version 2022-11-28): pages, rate limits, failures in words."""

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from agentroster import Answer, Api, BadInput, NotAllowed, NotFound, ToolFailed, Unreachable
from agentroster.json_values import as_object, is_list, is_object
from agentroster.messages import say

_HEADERS = {"accept": "application/vnd.github+json", "x-github-api-version": "2022-11-28"}
_NEXT = re.compile(r'<([^<>]+)>;\s*rel="next"')
_PAGE_SIZE = 100
_MAX_PAGES = 12
_MAX_WAIT_SECONDS = 30.0
_MAX_WAITS = 3


@dataclass(frozen=True, slots=True)
class Page:
    """Items read from a list, and whether GitHub has more."""

    items: list[dict[str, Any]]
    has_more: bool
    total: int | None = None


async def get(github: Api, target: str, params: Mapping[str, str | int] | None = None) -> Answer:
    """Read one thing, waiting for a rate limit that is over soon.

    Raises NotFound, BadInput, NotAllowed or Unreachable in words, and ToolFailed for a limit that lasts longer.
    """
    for _ in range(_MAX_WAITS):
        answer = await github.get(target, params, headers=_HEADERS)
        wait = _wait_seconds(answer)
        if wait is None:
            _raise_for(answer)
            return answer
        if wait > _MAX_WAIT_SECONDS:
            again = datetime.fromtimestamp(time.time() + wait, UTC).strftime("%H:%M")
            raise ToolFailed(say("github.rate_limit_used_up", time=again))
        await asyncio.sleep(wait)
    raise ToolFailed(say("github.slow_down"))


async def get_object(github: Api, target: str) -> Mapping[str, Any]:
    """Read one JSON object. Raises as `get`."""
    value = (await get(github, target)).json()
    if not is_object(value):
        raise Unreachable(say("github.unexpected"))
    return value


async def get_list(github: Api, target: str, most: int, params: Mapping[str, str | int] | None = None) -> Page:
    """Read a list page by page, at most `most` items. Raises as `get`."""
    items: list[dict[str, Any]] = []
    total: int | None = None
    query: Mapping[str, str | int] | None = {**(params or {}), "per_page": min(most, _PAGE_SIZE)}
    for _ in range(_MAX_PAGES):
        answer = await get(github, target, query)
        body = answer.json()
        if is_object(body):
            total, body = body.get("total_count"), body.get("items")
        if not is_list(body):
            raise Unreachable(say("github.unexpected"))
        items += body
        following = _NEXT.search(answer.headers.get("link", ""))
        if following is None or len(items) >= most:
            return Page(items[:most], has_more=following is not None or len(items) > most, total=total)
        # The account refuses an address that is not GitHub's own.
        target, query = following[1], None
    # Empty pages that name a next one for ever.
    return Page(items, has_more=True, total=total)


def _wait_seconds(answer: Answer) -> float | None:
    """Return how long to wait, or None when this is no rate limit (a 403 may also be a missing right)."""
    if answer.status not in {403, 429}:
        return None
    if (after := answer.headers.get("retry-after", "")).isdigit():
        return float(after)
    if answer.headers.get("x-ratelimit-remaining") == "0":
        reset = answer.headers.get("x-ratelimit-reset", "")
        return max(1.0, float(reset) - time.time()) if reset.isdigit() else _MAX_WAIT_SECONDS + 30
    return 5.0 if answer.status == 429 else None  # noqa: PLR2004


def _raise_for(answer: Answer) -> None:
    if answer.ok:
        return
    match answer.status:
        case 404 | 410:
            raise NotFound(say("github.not_found"))
        case 403:
            raise NotAllowed(say("github.not_permitted", reason=_message(answer)))
        case 422 | 400:
            raise BadInput(say("github.not_understood", reason=_message(answer)))
        case _:
            raise Unreachable(say("github.trouble", status=answer.status))


def _message(answer: Answer) -> str:
    try:
        value = answer.json()
    except Unreachable:
        return say("github.no_reason")
    return str(as_object(value).get("message") or say("github.no_reason"))[:300]
