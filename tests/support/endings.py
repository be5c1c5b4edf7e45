"""Requests that are ended while they are answered."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx

from tests.support.roster_process import RosterProcess

HANG_AFTER = "script: hang some words"
PATHS = ("/v1/chat/completions", "/v1/messages", "/v1/responses")


def wait_for(reached: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def body_of(path: str, text: str, model: str, *, stream: bool) -> dict[str, Any]:
    body: dict[str, Any] = {"model": model, "stream": stream}
    if path.endswith("responses"):
        return body | {"input": text}
    return body | {"max_tokens": 9, "messages": [{"role": "user", "content": text}]}


class Following(threading.Thread):
    """A client that reads an answer to its end; `broken` when the end is none of HTTP's."""

    def __init__(self, proxy: RosterProcess, path: str, body: dict[str, Any] | None = None, key: str = "") -> None:
        super().__init__(daemon=True)
        self._request = (proxy, path, body, key)
        self.status, self.text, self.broken = 0, "", False
        self.headers = httpx.Headers()
        self.start()

    def run(self) -> None:
        proxy, path, body, key = self._request
        with (
            proxy.http(key or None) as client,
            client.stream("POST" if body else "GET", path, json=body) as response,
        ):
            self.status, self.headers = response.status_code, response.headers
            try:
                for part in response.iter_text():
                    self.text += part
            except httpx.HTTPError:
                self.broken = True

    def begun(self) -> "Following":
        wait_for(lambda: bool(self.text), "the stream does not begin")
        return self

    def ended(self) -> "Following":
        self.join(60)
        assert not self.is_alive(), "the answer does not end"
        assert not self.broken, f"the answer was cut: {self.text}"
        return self

    @property
    def data(self) -> list[str]:
        return [line.removeprefix("data: ") for line in self.text.splitlines() if line.startswith("data: ")]


def error_of(answer: Following, path: str) -> str:
    """Return the message of the error that ends a stream, in the form of its interface."""
    match path:
        case "/v1/messages":
            assert "event: error\n" in answer.text
            last = json.loads(answer.data[-1])
            assert last["type"] == "error"
            return last["error"]["message"]
        case "/v1/responses":
            assert answer.data[-1] == "[DONE]"
            last = json.loads(answer.data[-2])
            assert last["type"] == "error"
            return last["message"]
        case _:
            assert answer.data[-1] == "[DONE]"
            return json.loads(answer.data[-2])["error"]["message"]
