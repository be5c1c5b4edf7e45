"""What a person sees of an agent's work: a status line, cards, errors. And what everybody else does not see."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.chatting import Person
from tests.support.jobs import CARD, done_in, fill
from tests.support.openwebui.page import OpenWebUIPage
from tests.support.openwebui.user import OpenWebUIUser
from tests.support.roster_process import RosterProcess
from tests.support.stand_ins.hub import HubServer, Repository
from tests.support.stand_ins.model_server import ModelServer

AGENT = "agno/demo-agent"
PALETTE = 'script: tool colour_palette {"base": "blue"}'
TWO_TOOLS = 'script: tools [["colour_palette", {"base": "blue"}], ["colour_scheme", {"purpose": "a bakery"}]]'


@pytest.fixture
def shelf(library_root: Path, hub: HubServer) -> Path:
    """Six models: the cards of three can be had at once, those of three not before `release`."""
    folder = library_root / "loras"
    hub.repositories |= {"a/free": Repository(CARD), "a/held": Repository(CARD, hold=threading.Event())}
    fill(folder / "held", 3, "a/held")
    fill(folder / "free", 3, "a/free")
    return folder


@pytest.fixture
def release(hub: HubServer, shelf: Path) -> Iterator[threading.Event]:
    """The event that lets the job go on; set at the end in any case."""
    hold = hub.repositories["a/held"].hold
    assert hold
    yield hold
    hold.set()


def test_each_tool_has_one_status_line_in_words_and_the_last_one_is_done(
    anna: OpenWebUIUser, model_server: ModelServer
) -> None:
    answer = anna.chat(AGENT).ask(TWO_TOOLS)
    lines = [(status["description"], status["done"]) for status in answer.statuses]
    assert [line for line, _ in lines[:2]] == ["Mixing a palette: blue", "Finding a colour scheme: a bakery"]
    # Any other would shimmer after Stop for ever.
    assert all(done for _, done in lines)
    assert [status["description"] for status in answer.saved["statusHistory"]] == [line for line, _ in lines]


def test_each_tool_leaves_one_closed_card_with_input_and_result(anna: OpenWebUIUser, model_server: ModelServer) -> None:
    text = anna.chat(AGENT).ask(TWO_TOOLS).text
    cards = [line for line in text.splitlines() if line.startswith("<details")]
    assert len(cards) == 2
    for card, name, given, result in zip(
        cards, ("colour_palette", "colour_scheme"), ("blue", "a bakery"), ("#1d70b8", "scheme"), strict=True
    ):
        assert 'type="tool_calls"' in card
        assert 'done="true"' in card
        assert f'name="{name}"' in card
        assert given in card
        assert result in card
    assert text.count("</details>") == 2


def test_a_command_is_shown_as_a_tool_too(anna: OpenWebUIUser, model_server: ModelServer) -> None:
    answer = anna.chat(AGENT).ask("/palette teal")
    assert answer.statuses[0] == {"description": "Mixing a palette: teal", "done": True}
    assert answer.statuses[-1]["done"] is True
    assert answer.text.count("<details") == 1


def test_an_answer_without_tools_has_neither_status_nor_card(anna: OpenWebUIUser, model_server: ModelServer) -> None:
    answer = anna.chat(AGENT).ask("script: say hello")
    assert answer.statuses == []
    assert answer.text == "hello"


def test_the_model_is_told_the_cards_as_calls_and_results(anna: OpenWebUIUser, model_server: ModelServer) -> None:
    chat = anna.chat(AGENT)
    first = chat.ask(PALETTE)
    assert "<details" in first.text
    chat.ask("script: say and now?")
    told = model_server.requests[-1]["messages"]
    assert "<details" not in json.dumps(told)
    assert [message["role"] for message in told] == ["system", "user", "assistant", "tool", "assistant", "user"]
    assert told[2]["tool_calls"][0]["id"] == told[3]["tool_call_id"]
    assert told[4]["content"].strip().startswith("The tool said:")


def test_nothing_in_a_tools_input_gets_out_of_its_card(annas_page: OpenWebUIPage, model_server: ModelServer) -> None:
    evil = '"></details><img src=x onerror="document.title=1"><b>bold</b>\n\n# Big'
    page = annas_page.open(AGENT)
    page.write(f"script: tool colour_scheme {json.dumps({'purpose': evil})}")
    page.tool_card("colour_scheme").wait_for()
    assert page.answer.locator("img[src=x]").count() == 0
    assert page.answer.locator(".chat-assistant b, .chat-assistant h1").count() == 0


def test_a_long_job_counts_while_it_works_and_leaves_a_closed_card(
    annas_page: OpenWebUIPage, model_server: ModelServer, shelf: Path, release: threading.Event
) -> None:
    page = annas_page.open("agno/enrich-metadata")
    page.write(f"/enrich {shelf.name}")
    page.sees_match(r"Enriching metadata.* \(?[1-3] of 6")
    page.photograph("status-line-while-working")
    release.set()
    card = page.tool_card("enrich_hf_metadata")
    card.wait_for()
    page.finished()
    page.photograph("finished-card")
    card.click()
    page.sees_match("targets")
    page.photograph("finished-card-opened")


def test_stop_ends_a_long_job_where_it_is(
    anna: OpenWebUIUser, model_server: ModelServer, hub: HubServer, shelf: Path, release: threading.Event
) -> None:
    chat = anna.chat("agno/enrich-metadata")
    answer = chat.send(f"/enrich {shelf.name}")[0]
    assert hub.repositories["a/held"].holding.wait(20)
    chat.stop()
    answer.done()
    release.set()
    # Had the first job gone on, it would be done by the end of this one.
    assert "3 in all" in anna.chat("agno/enrich-metadata").ask(f"/enrich {shelf.name}/free").text
    assert not done_in(shelf / "held")


SHIMMERING = ".status-description .shimmer"


def test_the_end_of_a_long_answer_has_requests_first_and_the_rest_in_a_closed_part_that_opens(
    annas_page: OpenWebUIPage, model_server: ModelServer, hub: HubServer, library_root: Path
) -> None:
    hub.repositories["a/free"] = Repository(CARD)
    fill(library_root / "many/free", 40, "a/free")
    fill(library_root / "many/gone", 2, "a/nowhere")
    page = annas_page.open("agno/enrich-metadata")
    # As wide as a telephone.
    page.page.set_viewport_size({"width": 390, "height": 844})
    page.write("/enrich many")
    page.finished()
    page.sees_match(r"42 in all: 40 changed")
    page.sees_match(r"Needs you \(2\)")
    page.sees_match(r"/enrich many/gone/m0000\.safetensors")
    assert page.answer.get_by_text("many/free/m0000").count() == 0
    page.sees_match("^The other 40$").click()
    page.sees_match(r"many/free/m0039")
    assert page.answer.get_by_text("Base model: SDXL 1.0").count() >= 40
    wide = page.page.evaluate(
        "() => [...document.querySelectorAll('.chat-assistant *')].some(one => one.scrollWidth > innerWidth)"
    )
    assert not wide
    page.photograph("finished-list")
    page.page.set_viewport_size({"width": 1280, "height": 800})


def test_stop_in_the_page_ends_the_work_and_the_status_line(
    annas_page: OpenWebUIPage, model_server: ModelServer, hub: HubServer, shelf: Path, release: threading.Event
) -> None:
    page = annas_page.open("agno/enrich-metadata")
    page.write(f"/enrich {shelf.name}")
    page.sees_match(r"Enriching metadata.* \(?3 of 6")
    assert hub.repositories["a/held"].holding.wait(60)
    page.page.get_by_label("Stop").click()
    page.finished()
    release.set()
    assert page.page.locator(SHIMMERING).count() == 0
    page.sees_match(r"3 of 6")
    # Had the first job gone on, it would be done by the end of this one.
    page.write(f"/enrich {shelf.name}/free")
    page.sees_match("3 in all: 0 changed")
    page.finished()
    assert not done_in(shelf / "held")


def test_a_failure_is_red_says_what_to_do_and_keeps_what_was_said(
    annas_page: OpenWebUIPage, model_server: ModelServer
) -> None:
    page = annas_page.open(AGENT)
    model_server.next_status = 500
    page.write("What goes with teal?")
    page.warned("The language model failed (status 500): scripted failure. Try again a little later.")
    page.sees_match("The language model failed")
    page.photograph("error")
    model_server.next_status = 0
    page.write("script: event-error")
    page.sees_match("^some$")
    page.sees_match("Try again a little later")


def test_a_tool_that_failed_is_marked_as_failed(anna: OpenWebUIUser, model_server: ModelServer) -> None:
    answer = anna.chat(AGENT).ask('script: tool colour_palette {"base": "no such colour"}')
    card = next(line for line in answer.text.splitlines() if line.startswith("<details"))
    assert 'status="failed"' in card
    assert "I do not know the colour" in card
    assert "failed" in answer.statuses[-1]["description"]


@pytest.mark.parametrize("stream", [True, False])
def test_other_clients_get_clean_openai_answers(proxy: RosterProcess, model_server: ModelServer, stream: bool) -> None:
    person = Person(proxy, f"clean-{uuid4().hex[:6]}")
    body = {"model": AGENT, "messages": [{"role": "user", "content": PALETTE}], "stream": stream}
    answer = person.post(body).text
    assert "#1d70b8" in answer
    for sign in ("<details", '"event"', '"tool_calls":[', "Mixing"):
        assert sign not in answer
