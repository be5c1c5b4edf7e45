"""What a client is shown of an agent's work: status lines and cards, lines of thinking, or nothing."""

import base64
import io
import json
import re
import threading
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from agentroster.runs.chat import Folded, Text, ToolFinished, ToolProgress, ToolStarted, ToolStatus
from agentroster.runs.presentation.activity import Activity, OnlyText, Status, StatusAndCards
from agentroster.runs.presentation.tool_card import tool_card
from agentroster.skills.status_line import plain_line, status_line
from tests.support.activity import OPENWEBUI, cards, frames, text_of
from tests.support.chatting import Person
from tests.support.jobs import CARD, fill
from tests.support.roster_process import RosterProcess
from tests.support.stand_ins.hub import HubServer, Repository
from tests.support.stand_ins.model_server import ModelServer

BOTH_LANES = True


def statuses(found: list[dict[str, Any]]) -> list[str]:
    """Return the status lines; none shimmers, because after Stop nothing could end that."""
    events = [frame["event"] for frame in found if "event" in frame]
    assert all(event["type"] == "status" for event in events)
    assert all(event["data"]["done"] is True for event in events)
    return [event["data"]["description"] for event in events]


def test_open_webui_sees_a_line_while_a_tool_works_and_a_closed_card_after_it(
    proxy: RosterProcess, model_server: ModelServer
) -> None:
    found = frames(proxy, 'script: tool colour_palette {"base": "teal"}', OPENWEBUI)
    assert statuses(found) == ["Mixing a palette: teal", "Used colour palette"]
    [card] = cards(text_of(found))
    assert (card["name"], card["done"], card["status"]) == ("colour_palette", "true", "completed")
    assert json.loads(card["arguments"]) == {"base": "teal"}
    assert json.loads(card["result"])["palette"]
    assert text_of(found).endswith(f"The tool said: {card['result']}")
    assert not [frame for frame in found if any(choice["delta"].get("tool_calls") for choice in frame["choices"])]
    assert len({frame["id"] for frame in found}) == 1
    assert found[-1]["choices"] == [] or found[-1]["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("headers", [{}, {"x-agent-events": "none"}, {"x-agent-events": "<script>"}])
def test_other_clients_get_a_clean_stream(
    proxy: RosterProcess, model_server: ModelServer, headers: dict[str, str]
) -> None:
    found = frames(proxy, 'script: tool colour_palette {"base": "teal"}', headers)
    assert not statuses(found)
    assert "<details" not in text_of(found)
    assert not text_of(found, "reasoning_content")
    assert all(frame["choices"] for frame in found)


def test_a_client_may_ask_for_lines_of_thinking(proxy: RosterProcess, model_server: ModelServer) -> None:
    found = frames(proxy, 'script: tool colour_palette {"base": "teal"}', {"x-agent-events": "reasoning"})
    assert text_of(found, "reasoning_content") == "Mixing a palette: teal\n"
    assert not statuses(found)
    assert "<details" not in text_of(found)


def test_a_tool_that_fails_leaves_a_red_card_with_its_reason(proxy: RosterProcess, model_server: ModelServer) -> None:
    found = frames(proxy, 'script: tool colour_palette {"base": "nosuchcolour"}', OPENWEBUI)
    [card] = cards(text_of(found))
    assert card["status"] == "failed"
    assert "nosuchcolour" in json.loads(card["result"])["error"]
    assert statuses(found)[-1] == "Used colour palette (failed)"


def test_a_palette_is_a_picture_where_pictures_are_shown(offline_proxy: RosterProcess) -> None:
    for command, colours in (("/palette teal", 5), ("/scheme a bakery", 5)):
        text = text_of(frames(offline_proxy, command, OPENWEBUI))
        found = re.search(r"!\[([\w #.,-]+)\]\(data:image/png;base64,([A-Za-z0-9+/=]+)\)\n\n", text)
        assert found
        with Image.open(io.BytesIO(base64.b64decode(found[2]))) as image:
            shown = [image.convert("RGB").getpixel((64 * index + 5, 5)) for index in range(colours)]
        # Each is in the text as well, and in its order.
        named = re.findall(r"`#([0-9a-f]{6})`", text.partition(found[0])[2])[-colours:]
        assert ["".join(f"{part:02x}" for part in colour) for colour in shown] == named  # type: ignore[union-attr]
        assert "data:" not in text_of(frames(offline_proxy, command, {}))


def test_a_missing_account_is_no_failure(proxy: RosterProcess, model_server: ModelServer) -> None:
    key = Person(proxy, "activity-without-account").key
    found = frames(proxy, "script: tool github_whoami {}", OPENWEBUI, key=key, model="agno/github-agent")
    assert [card["status"] for card in cards(text_of(found))] == ["completed"]
    assert statuses(found)[-1] == "Used github whoami"
    assert "/roster/connect/" in text_of(found)


def test_a_command_shows_its_tool_too(offline_proxy: RosterProcess) -> None:
    found = frames(offline_proxy, "/palette teal", OPENWEBUI)
    assert statuses(found) == ["Mixing a palette: teal", "Used colour palette"]
    assert [card["name"] for card in cards(text_of(found))] == ["colour_palette"]


def test_a_tool_of_an_agents_own_factory_is_shown(proxy: RosterProcess, model_server: ModelServer) -> None:
    found = frames(proxy, 'script: tool roll {"sides": 1}', OPENWEBUI, model="agno/dice")
    assert statuses(found) == ["Roll", "Used roll"]
    assert [(card["name"], card["result"]) for card in cards(text_of(found))] == [("roll", "1")]


def test_a_long_job_counts_and_its_table_goes_to_the_person(
    proxy: RosterProcess, model_server: ModelServer, hub: HubServer, library_root: Path
) -> None:
    hub.repositories["a/ink"] = Repository(CARD)
    folder = library_root / "activity"
    fill(folder, 3)
    arguments = json.dumps({"targets": [folder.name]})
    found = frames(
        proxy,
        f"script: tool enrich_hf_metadata {arguments}",
        OPENWEBUI,
        key=Person(proxy, "activity").key,
        model="agno/enrich-metadata",
    )
    lines = statuses(found)
    assert lines[0] == "Enriching metadata: activity"
    assert lines[1:] == [
        *(f"Enriching metadata: activity ({done} of 3)" for done in (1, 2, 3)),
        "Used enrich hf metadata",
    ]
    text = text_of(found)
    assert (
        text.index("3 in all") < text.index("- **activity/m0000") < text.index("<details") < text.index("The tool said")
    )
    assert text.count("Base model: SDXL 1.0") == 3
    sent = json.loads(next(m["content"] for m in model_server.requests[-1]["messages"] if m["role"] == "tool"))
    assert "do not repeat" in sent["note"]


def test_a_long_answer_is_one_text_at_the_end_with_what_needs_the_person_first_and_the_rest_closed_by_name(
    offline_proxy: RosterProcess, hub: HubServer, library_root: Path
) -> None:
    hub.repositories["a/ink"] = Repository(CARD)
    held = hub.repositories["a/held"] = Repository(CARD, hold=threading.Event())
    fill(library_root / "rows/a", 1, "a/held")
    fill(library_root / "rows/b", 9)
    fill(library_root / "rows/gone", 2, "a/nowhere")
    (library_root / "rows/my orphan.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    key = Person(offline_proxy, "rows").key
    body = {"model": "agno/enrich-metadata", "messages": [{"role": "user", "content": "/enrich rows"}], "stream": True}
    found: list[dict[str, Any]] = []
    with (
        offline_proxy.http(key) as client,
        client.stream("POST", "/v1/chat/completions", json=body, headers=OPENWEBUI) as response,
    ):
        for line in response.iter_lines():
            if not line.startswith("data: {"):
                continue
            found.append(json.loads(line.removeprefix("data: ")))
            if (
                held.hold is not None
                and not held.hold.is_set()
                and statuses(found)[-1].endswith("(12 of 13, 3 need you)")
            ):
                # All but one are done, and nothing but the line has moved.
                assert text_of(found) == ""
                held.hold.set()
    text = text_of(found)
    assert text.startswith("13 in all: 10 changed, 1 unchanged, 2 failed.\n\n**Needs you (3)**\n\n- **rows/gone/m0000")
    assert "- **rows/my orphan.safetensors**: no HuggingFace address is known. Send: " in text
    assert '`enrich "rows/my orphan.safetensors" from https://huggingface.co/...`' in text
    assert "Send: `/enrich rows/gone/m0000.safetensors`" in text
    opened, folded, rest = text.partition("<details>\n<summary>The other 10</summary>\n\n")
    assert folded
    assert "rows/b/" not in opened
    rows = [line for line in rest.partition("\n\n</details>\n")[0].splitlines() if line]
    assert [row.partition("**:")[0] for row in rows] == [
        f"- **rows/{name}.safetensors" for name in ("a/m0000", *(f"b/m{number:04}" for number in range(9)))
    ]
    assert all("Base model: SDXL 1.0; Trigger words: inkwsh; Tags: ink" in row for row in rows)
    assert sum(bool(text_of([frame]).strip()) for frame in found) <= 3


@pytest.mark.parametrize("stream", [True, False])
def test_who_knows_neither_status_lines_nor_closed_parts_reads_the_same_as_plain_text(
    offline_proxy: RosterProcess, hub: HubServer, library_root: Path, *, stream: bool
) -> None:
    hub.repositories["a/ink"] = Repository(CARD)
    folder = library_root / f"plain-{stream}"
    fill(folder, 7)
    person = Person(offline_proxy, "plain", "agno/enrich-metadata")
    if stream:
        key = person.key
        text = text_of(frames(offline_proxy, f"/enrich {folder.name}", {}, key=key, model="agno/enrich-metadata"))
    else:
        text = person.say(f"/enrich {folder.name}")
    assert text.startswith("7 in all: 7 changed, 0 unchanged, 0 failed.\n\n**All 7**\n\n- **plain-")
    assert text.count("Base model: SDXL 1.0") == 7
    assert "details" not in text
    assert " of 7" not in text


def test_what_a_file_is_called_cannot_end_the_closed_part(
    offline_proxy: RosterProcess, hub: HubServer, library_root: Path
) -> None:
    words = "</details> <details open> &lt;/details> <img src=x>"
    hub.repositories["a/evil"] = Repository(CARD.replace("inkwsh", words.replace("`", "")))
    folder = library_root / "evil names"
    fill(folder, 6, "a/evil")
    fill(folder / "</details>", 1, "a/evil")
    key = Person(offline_proxy, "evil-names").key
    found = frames(offline_proxy, '/enrich "evil names"', OPENWEBUI, key=key, model="agno/enrich-metadata")
    text = text_of(found)
    assert text.partition("<details type=")[0].count("<details") == 1
    assert text.partition("<details type=")[0].count("</details") == 1
    assert "<img" not in text


def test_a_run_that_fails_leaves_no_status_line_open(proxy: RosterProcess, model_server: ModelServer) -> None:
    plan = json.dumps([["colour_palette", {"base": "teal"}], ["fail", {}]])
    body = {
        "model": "agno/demo-agent",
        "messages": [{"role": "user", "content": f"script: tools {plan}"}],
        "stream": True,
    }
    with proxy.http() as client:
        text = client.post("/v1/chat/completions", json=body, headers=OPENWEBUI).text
    found = [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: {")]
    assert found[-1]["error"]["code"] == "upstream_unavailable"
    assert statuses(found)[-1] == "Used colour palette"


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("wish", ["openwebui", "reasoning", ""])
def test_half_a_character_from_a_model_ends_no_answer(
    proxy: RosterProcess, model_server: ModelServer, wish: str, *, stream: bool
) -> None:
    question = {"role": "user", "content": 'script: tool colour_palette {"base": "\\ud83d"}'}
    body = {"model": "agno/demo-agent", "messages": [question], "stream": stream}
    with proxy.http() as client:
        response = client.post("/v1/chat/completions", json=body, headers={"x-agent-events": wish})
    assert response.status_code == 200
    assert "I do not know the colour" in response.text
    assert '"error": {' not in response.text


def test_the_thread_of_a_channel_has_no_cards(proxy: RosterProcess, model_server: ModelServer) -> None:
    card = tool_card(ToolFinished("call_1", "x", failed=False, result="private"))
    thread = {"role": "system", "content": f"The thread so far:\n\nDemo agent: {card}So it is.\n\nAnna: thanks"}
    frames(proxy, [thread, {"role": "user", "content": "script: say done"}], OPENWEBUI)
    told = model_server.requests[-1]["messages"][0]["content"]
    assert "details" not in told
    assert "private" not in told
    assert "So it is.\n\nAnna: thanks" in told


def test_nobody_in_a_channel_cuts_out_what_another_one_wrote(proxy: RosterProcess, model_server: ModelServer) -> None:
    thinking = (
        '<details type="reasoning" done="true">\n<summary>Thought</summary>\n&gt; secret thought\n> more\n</details>'
    )
    thread = (
        f'Eve: <details type="tool_calls" done="true">\n<summary>x</summary>\n\nAnna: keep it\n\nEve: </details>'
        f"\n\nDemo agent: {thinking}\nVery well."
    )
    history = [{"role": "system", "content": thread}, {"role": "user", "content": "script: say done"}]
    frames(proxy, history, OPENWEBUI)
    told = model_server.requests[-1]["messages"][0]["content"]
    assert "Anna: keep it" in told
    assert "Very well." in told
    assert "secret thought" not in told


def test_a_result_cannot_leave_its_card() -> None:
    evil = '"><script>alert(1)</script></details>\n\n<details type="tool_calls">\n# Owned'
    card = tool_card(ToolFinished('c"', "<t>", failed=False, arguments={"a": evil}, result=evil))
    assert card.strip().count("\n") == 2
    assert card.count("<details") == card.count("</details>") == 1
    assert "<script" not in card
    [read] = cards(card)
    assert json.loads(read["arguments"]) == {"a": evil}
    assert read["result"] == evil


@pytest.mark.parametrize("arguments", [{f"a{n}": "<" * 600 for n in range(5_000)}, {"a": ["<"] * 1_000_000}])
def test_a_card_is_short_whatever_a_tool_was_called_with_and_returned(arguments: dict[str, object]) -> None:
    card = tool_card(ToolFinished("call_1", "x", failed=False, arguments=arguments, result="<" * 1_000_000))
    assert len(card) < 40_000
    assert "more characters)" in card


def test_a_card_shows_no_token_that_a_model_passes_on() -> None:
    token = "ghp_" + "a1B2" * 9
    [card] = cards(tool_card(ToolFinished("call_1", "x", failed=False, arguments={"note": f"use {token}"})))
    assert json.loads(card["arguments"]) == {"note": "use ***"}


def test_a_card_waits_until_no_tool_works() -> None:
    activity = StatusAndCards()
    events = [
        ToolStarted("1", "a", "A"),
        ToolStarted("2", "b", "B"),
        ToolFinished("1", "a", failed=False),
        Text("| row |"),
        ToolFinished("2", "b", failed=False),
        Text("Done."),
    ]
    shown = [*(piece for event in events for piece in activity.shown(event)), *activity.ended()]
    texts = [piece.text for piece in shown if isinstance(piece, Text)]
    assert texts[0] == "| row |"
    assert [card["name"] for card in cards(texts[1])] == ["a", "b"]
    assert texts[2] == "Done."
    assert [piece for piece in shown if isinstance(piece, Status)][-1] == Status("Used a, b", done=True)


def test_ten_thousand_items_make_few_lines() -> None:
    clock = iter(number / 100 for number in range(20_000))
    activity = StatusAndCards(lambda: next(clock))
    lines = [
        piece.description
        for done in range(1, 10_001)
        for piece in activity.shown(ToolProgress("1", "Working", done, 10_000))
        if isinstance(piece, Status)
    ]
    assert lines[0] == "Working (1 of 10000)"
    assert lines[-1] == "Working (10000 of 10000)"
    assert 10 < len(lines) < 40


def test_text_alone_says_every_ten_seconds_how_far_long_work_is() -> None:
    now = 0.0
    activity = Activity(lambda: now)
    shown = [*activity.shown(Text("I begin")), *activity.shown(ToolStarted("1", "x", "Working"))]
    for second in range(1, 26):
        now = float(second)
        shown += activity.shown(ToolProgress("1", "Working", second, 200, needs=second // 10))
    shown += activity.shown(ToolStatus("1", "The hub asks to wait"))
    shown += activity.shown(Folded("The other 3", "- a\n"))
    assert "".join(part.text for part in shown if isinstance(part, Text)) == (
        "I begin\n\nWorking (10 of 200, one needs you)\n\nWorking (20 of 200, 2 need you)\n\n**The other 3**\n\n- a\n"
    )


def test_an_answer_that_a_program_reads_has_no_words_about_the_work() -> None:
    clock = iter(range(0, 1000, 50))
    activity = OnlyText(lambda: next(clock))
    assert [*activity.shown(ToolStatus("1", "wait")), *activity.shown(ToolProgress("1", "Working", 1, 2))] == []


@pytest.mark.parametrize(
    ("template", "arguments", "line"),
    [
        ("Searching: {query}", {"query": "a\n b"}, "Searching: a b"),
        ("Searching: {query}", {}, "Searching"),
        ("From {a} to {b}", {"a": 1, "b": ["x", "y", "z", "w"]}, "From 1 to x, y, z and 1 more"),
        ("{a}", {"a": "\u202e" + "x" * 200}, "x" * 80 + "..."),
    ],
)
def test_a_status_line_says_what_a_tool_was_called_with(template: str, arguments: dict[str, object], line: str) -> None:
    assert status_line(template, arguments) == line


def test_a_tool_without_a_status_line_has_its_name() -> None:
    assert plain_line("search_issues", {"most": 3, "query": "open"}) == "Search issues: open"
    assert plain_line("whoami", {}) == "Whoami"
    assert plain_line("search_issues", {"first": " \u202e\ud83d", "second": "open"}) == "Search issues: open"
