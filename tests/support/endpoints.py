"""One question, asked at each of LiteLLM's endpoints."""

import json
import re
from typing import Any

import httpx

from tests.support.stand_ins.model_server import ModelServer


def body_for(path: str, model: str, text: str, *, stream: bool) -> dict[str, Any]:
    body: dict[str, Any] = {"model": model, "stream": stream}
    if path.endswith("/responses"):
        return body | {"input": text}
    if path.endswith("/chat/completions") or path.endswith("/messages"):
        return body | {"messages": [{"role": "user", "content": text}], "max_tokens": 99}
    return body | {"prompt": text}


def ask(url: str, key: str, path: str, model: str, text: str, *, stream: bool = False, **extra: Any) -> httpx.Response:
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
        body = {**body_for(path, model, text, stream=stream), **extra}
        return client.post(path, json=body, headers={"authorization": f"Bearer {key}"})


def said(response: httpx.Response) -> str:
    """All the text of an answer in any form; events of a stream are joined."""
    assert response.status_code == 200, response.text
    if not response.headers["content-type"].startswith("text/event-stream"):
        return response.text
    pieces = re.findall(r'"(?:content|text|delta)":\s?"((?:[^"\\]|\\.)*)"', response.text)
    assert pieces, response.text
    return "".join(pieces)


def asked(server: ModelServer, marker: str) -> int:
    """How many requests with this marker reached the language model."""
    return sum(marker in json.dumps(body["messages"]) for body in server.requests)
