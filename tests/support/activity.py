"""What Open WebUI is shown of the work: frames, and the cards in their text."""

import json
import re
from html import unescape
from typing import Any

from tests.support.roster_process import RosterProcess

OPENWEBUI = {"x-agent-events": "openwebui"}
TOOL_CARD = re.compile(r'<details type="tool_calls" (.*?)>\n<summary>.*?</summary>\n</details>')
ATTRIBUTE = re.compile(r'(\w+)="([^"]*)"')


def frames(
    proxy: RosterProcess, text: str | list[dict[str, Any]], headers: dict[str, str], *, key: str = "", **options: Any
) -> list[dict[str, Any]]:
    """Stream one answer and return its objects."""
    messages = [{"role": "user", "content": text}] if isinstance(text, str) else text
    body = {"model": "agno/demo-agent", "messages": messages, "stream": True, **options}
    with (
        proxy.http(key or None) as client,
        client.stream("POST", "/v1/chat/completions", json=body, headers=headers) as response,
    ):
        assert response.status_code == 200, response.read()
        lines = [line.removeprefix("data: ") for line in response.iter_lines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def text_of(found: list[dict[str, Any]], name: str = "content") -> str:
    return "".join(choice["delta"].get(name) or "" for frame in found for choice in frame["choices"])


def cards(text: str) -> list[dict[str, str]]:
    return [
        {name: unescape(value) for name, value in ATTRIBUTE.findall(opening)} for opening in TOOL_CARD.findall(text)
    ]
