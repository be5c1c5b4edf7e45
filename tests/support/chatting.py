"""A person with a key who chats with the proxy, and their browser."""

import re
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import httpx

from agentroster.db.database import Database
from agentroster.identity.keys import KeyStore
from agentroster.roster_schema import ROSTER_SCHEMA
from tests.support.roster_process import RosterProcess

LINK = re.compile(r"http://\S+/roster/connect/([A-Za-z0-9_-]{43})")
FORM = re.compile(r'name="form" value="([0-9a-f]{64})"')


@dataclass
class Person:
    """Somebody with a key of their own; `history` grows with each message, as in a client."""

    proxy: RosterProcess
    name: str
    agent: str = "agno/github-agent"
    key: str = ""
    history: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.key:
            # As `roster keys create` does, without starting a process for each person.
            with Database.open(self.proxy.data_dir / "roster.db", ROSTER_SCHEMA) as database:
                self.key = KeyStore(database).create(user=self.name)[1]

    def say(self, text: str, **extra: Any) -> str:
        """Send a message with the whole history, and return the answer."""
        self.history.append({"role": "user", "content": text})
        response = self.post({"model": self.agent, "messages": self.history, **extra})
        assert response.status_code == 200, response.text
        answer = str(response.json()["choices"][0]["message"]["content"])
        self.history.append({"role": "assistant", "content": answer})
        return answer

    def post(self, body: dict[str, Any], path: str = "/v1/chat/completions") -> httpx.Response:
        with self.proxy.http(self.key) as client:
            return client.post(path, json=body)

    def link(self, provider: str) -> str:
        """Ask for a connect link and return it."""
        match = LINK.search(self.say(f"/connect {provider}"))
        assert match
        return match[0]

    def connect(self, provider: str, **fields: str) -> httpx.Response:
        """Ask for a link, open it in a fresh browser and give a token there."""
        with browser() as client:
            return submit(client, self.link(provider), **fields)


def browser(**headers: str) -> httpx.Client:
    """A browser: keeps cookies, follows redirects only when told to."""
    return httpx.Client(trust_env=False, follow_redirects=False, timeout=30, headers=headers)


def submit(client: httpx.Client, link: str, *, way: str = "token", **fields: str) -> httpx.Response:
    """Open a connect page and send its form."""
    page = client.get(link)
    assert page.status_code == 200, page.text
    token = FORM.search(page.text)
    assert token
    data = {"form": token[1], "way": way, **{f"field_{name}": value for name, value in fields.items()}}
    return client.post(link, data=data, headers={"origin": origin(link)})


def sign_in(client: httpx.Client, link: str) -> httpx.Response:
    """Go through a sign-in up to the page that the callback shows."""
    begun = submit(client, link, way="oauth")
    assert begun.status_code == 303, begun.text
    approved = client.get(begun.headers["location"])
    assert approved.status_code == 302, approved.text
    return client.get(approved.headers["location"])


def origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def words(page: httpx.Response) -> str:
    """The text of a page without markup."""
    body = re.sub(r"<style>.*?</style>", "", page.text, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())
