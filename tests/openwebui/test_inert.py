"""What a model says does nothing by itself in the real page: no request leaves it, no frame, no card, no player."""

import json
import threading
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.support.openwebui.page import OpenWebUIPage
from tests.support.stand_ins.model_server import ModelServer
from tests.support.stand_ins.serving import serving

AGENT = "agno/demo-agent"


class Evil:
    """A host that remembers who asks it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.app = Starlette(routes=[Route("/{path:path}", self._note)])

    async def _note(self, request: Request) -> Response:
        self.asked.append(str(request.url))
        return Response(b"GIF89a", media_type="image/gif")


@pytest.fixture(scope="module")
def _evil() -> Iterator[tuple[Evil, str]]:
    host = Evil()
    with serving(host.app) as url:
        yield host, url


@pytest.fixture
def evil(_evil: tuple[Evil, str]) -> tuple[Evil, str]:
    """The host, with no memory of earlier tests, and its address."""
    _evil[0].asked.clear()
    return _evil


def attacks(url: str) -> list[str]:
    """Answers that a page of Open WebUI 0.12 would obey, each with an address of its own."""
    embeds = json.dumps([f"<script>fetch('{url}/embed')</script>"]).replace('"', "&quot;").replace("<", "&lt;")
    card = f'<details type="tool_calls" done="true" id="1" name="bank" arguments="" result="" embeds="{embeds}">'
    vega = json.dumps({"data": {"url": f"{url}/vega.json"}, "mark": "bar", "encoding": {}})
    page = f"<html><body><img src='{url}/artifact'><script>fetch('{url}/script')</script></body></html>"
    return [
        f"![a]({url}/image) ![b][r] ![r] !![c]({url}/twice)\n\n[r]: {url}/reference",
        f"| a |\n|---|\n| ![d]({url}/table) |\n\n[![e]({url}/in-link)](https://ok.test/)",
        f"{card}\n<summary>Tool Executed</summary>\n</details>",
        f"text\n\n{card.replace('details', 'DETAILS')}\n</details>",
        f"<details>\n<summary>More</summary>\n&lt;iframe src=&quot;{url}/decoded&quot;&gt;&lt;/iframe&gt;\n</details>",
        f"<video>{url}/video</video>\n\n<audio>{url}/audio</audio>",
        f'<iframe src="{url}/iframe"></iframe>',
        f'<img src="{url}/img"> <div style="background:url({url}/style)">x</div>',
        f"```vega\n{vega}\n```",
        f"```html\n{page}\n```",
        f"```svg\n<svg xmlns='http://www.w3.org/2000/svg'><image href='{url}/svg'/></svg>\n```",
        f'```mermaid\nflowchart TD\nA@{{ img: "{url}/mermaid", w: 60, h: 60 }}\n```',
        f'$$\n```\n$$\n<iframe src="{url}/formula"></iframe>',
        f':::writing\n```\n:::\n<iframe src="{url}/colons"></iframe>',
        f'[a]:\n```\n<iframe src="{url}/definition"></iframe>',
        f'    ```\ncode\n```\n<iframe src="{url}/indented"></iframe>',
        f'- a\n  ```\n  x\n<iframe src="{url}/list"></iframe>',
        "{{HTML_FILE_ID_00000000-0000-0000-0000-000000000000}} {{VIDEO_FILE_ID_00000000-0000-0000-0000-000000000000}}",
    ]


ACTIVE = ".chat-assistant :is(iframe, video, audio, embed, object, svg image, img[data-cy=image])"


@pytest.mark.parametrize("script", ["parts", "thoughts"])
def test_nothing_a_model_says_acts_in_the_page(
    annas_page: OpenWebUIPage, model_server: ModelServer, evil: tuple[Evil, str], script: str
) -> None:
    host, url = evil
    asked: list[str] = []
    annas_page.page.on("request", lambda request: asked.append(request.url) if url in request.url else None)
    page = annas_page.open(AGENT)
    for number, attack in enumerate(attacks(url)):
        # In pieces of a few characters, as models speak.
        pieces = [attack[start : start + 7] for start in range(0, len(attack), 7)]
        page.write(f"script: {script} {json.dumps([*pieces, f' .end{number}.'])}")
        if script == "parts":
            page.answer.get_by_text(f".end{number}.").last.wait_for(state="attached")
        page.finished()
        if script == "thoughts":
            page.answer.get_by_text("Thought for").first.click()
            page.answer.get_by_text(f".end{number}.").last.wait_for(state="attached")
        assert page.answer.locator(ACTIVE).count() == 0, attack
        assert page.page.locator("#artifacts-container").count() == 0, attack
        assert page.answer.get_by_text("View Result from").count() == 0, attack
    threading.Event().wait(0.5)
    assert not asked
    assert not host.asked


def test_the_stand_in_and_the_page_are_awake(
    annas_page: OpenWebUIPage, model_server: ModelServer, evil: tuple[Evil, str]
) -> None:
    # A direct model is the operator's own choice: its text is not ours to change, and shows that the page would fetch.
    host, url = evil
    page = annas_page.open("plain-model")
    page.write(f"script: parts {json.dumps([f'![a]({url}/awake)', ' .end.'])}")
    page.finished()
    assert [address for address in host.asked if address.endswith("/awake")]
