"""Who asks: keys, signed users, and what an agent remembers of them."""

import time
from typing import Any

import httpx
import jwt

from tests.support.deployment import JWT_SECRET
from tests.support.roster_process import RosterProcess

AGENT = "agno/demo-agent"


def say(proxy: RosterProcess, text: str, key: str, headers: Any = None, **extra: Any) -> httpx.Response:
    with proxy.http(key) as client:
        body = {"model": AGENT, "messages": [{"role": "user", "content": text}], **extra}
        return client.post("/v1/chat/completions", json=body, headers=headers)


def text_of(response: httpx.Response) -> str:
    assert response.status_code == 200, response.text
    return response.json()["choices"][0]["message"]["content"]


def remember(proxy: RosterProcess, key: str, colour: str, headers: Any = None) -> None:
    assert "I will remember" in text_of(say(proxy, f"/favourite {colour}", key, headers))


def favourite(proxy: RosterProcess, key: str, headers: Any = None, **extra: Any) -> str:
    return text_of(say(proxy, "/favourite", key, headers, **extra))


def token(user: str, *, secret: str = JWT_SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    now = int(time.time())
    payload = {"sub": user, "iss": "open-webui", "email": "x@y", "role": "user", "iat": now, "exp": now + 300, **claims}
    return jwt.encode(
        {name: value for name, value in payload.items() if value is not None}, secret, algorithm=algorithm
    )


def signed(user: str, **options: Any) -> dict[str, str]:
    return {"X-OpenWebUI-User-Jwt": token(user, **options)}


def make_key(proxy: RosterProcess, user: str, *options: str) -> str:
    return proxy.cli("keys", "create", "--user", user, *options).strip()
