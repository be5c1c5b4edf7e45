"""The load: clients that ask one request after the other and check every answer."""

import asyncio
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

_FIRST_PIECE = re.compile(rb'"content":\s*"[^"]')
_TIMEOUT_SECONDS = 120


class WrongAnswer(Exception):
    """Ends the run: numbers of failing requests mean nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One request, and a text that only its complete answer holds."""

    model: str
    text: str
    stream: bool
    expected: bytes
    path: str = "/v1/chat/completions"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def is_form(self) -> bool:
        """Whether it is for Agno's own server."""
        return not self.path.startswith("/v1")

    @property
    def body(self) -> dict[str, object]:
        """The request's JSON, or the form of Agno's own server, which knows no other."""
        if self.is_form:
            return {"message": self.text, "stream": "false"}
        messages = [{"role": "user", "content": self.text}]
        options: dict[str, object] = {"stream": True, "stream_options": {"include_usage": True}} if self.stream else {}
        return {"model": self.model, "messages": messages, **options}


def open_client(url: str, key: str = "") -> httpx.AsyncClient:
    """Return a client that asks a server, on as many connections as needed."""
    return httpx.AsyncClient(
        base_url=url,
        headers={"authorization": f"Bearer {key}"} if key else {},
        trust_env=False,
        timeout=_TIMEOUT_SECONDS,
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=64),
    )


async def ask(client: httpx.AsyncClient, question: Question) -> float:
    """Ask and return the seconds until the first piece. Raises WrongAnswer when it is not complete."""
    begin = time.perf_counter()
    first, body = 0.0, bytearray()
    body_of_request: dict[str, Any] = {"data" if question.is_form else "json": question.body}
    request = client.stream("POST", question.path, headers=dict(question.headers), **body_of_request)
    async with request as response:
        async for data in response.aiter_bytes():
            body += data
            if not first and _FIRST_PIECE.search(body):
                first = time.perf_counter() - begin
    ended = not question.stream or b"data: [DONE]" in body
    if not response.is_success or question.expected not in body or not ended:
        text = body.decode(errors="replace")
        raise WrongAnswer(f"{question.model} gave a wrong answer, status {response.status_code}: {text[-500:]}")
    return first


async def ask_many(
    client: httpx.AsyncClient, question: Callable[[int], Question], *, requests: int, clients: int
) -> list[float]:
    """Ask `requests` numbered questions from so many clients at once; return the seconds to each first piece."""
    numbers: Iterator[int] = iter(range(requests))
    firsts: list[float] = []

    async def one_client() -> None:
        for number in numbers:
            firsts.append(await ask(client, question(number)))  # noqa: PERF401 - the list is shared by all clients

    async with asyncio.TaskGroup() as group:
        for _ in range(min(clients, requests)):
            group.create_task(one_client())
    return firsts
