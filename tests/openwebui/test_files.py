"""Pictures and documents on the way to an agent, pictures and links on the way back."""

from tests.support.openwebui.page import OpenWebUIPage
from tests.support.openwebui.user import OpenWebUIUser
from tests.support.pictures import picture
from tests.support.stand_ins.model_server import ModelServer

CRITIC = "agno/picture-critic"


def test_a_picture_reaches_the_model_of_an_agent_that_sees(anna: OpenWebUIUser, model_server: ModelServer) -> None:
    assert anna.models()[CRITIC]["info"]["meta"]["capabilities"]["vision"] is True
    answer = anna.chat(CRITIC).ask("script: say I see red.", files=[anna.upload("red.png", picture())])
    assert answer.text == "I see red."
    parts = model_server.requests[-1]["messages"][-1]["content"]
    assert parts[0] == {"type": "text", "text": "script: say I see red."}
    assert parts[1]["image_url"]["url"].startswith("data:image/png;base64,")


def test_a_finished_answer_shows_its_links_and_its_usage(annas_page: OpenWebUIPage, model_server: ModelServer) -> None:
    page = annas_page.open("agno/demo-agent")
    page.write("script: say [the docs](https://docs.example.com/a) ![a dot](/static/favicon.png)")
    page.finished()
    assert page.answer.get_by_role("link", name="the docs").get_attribute("href") == "https://docs.example.com/a"
    # A picture whose host nobody declared is a link: the page would fetch it without being asked.
    page.answer.get_by_role("link", name="a dot").wait_for()
    assert page.answer.locator("img[alt='a dot']").count() == 0
    usage = page.answer.locator("[id^=usage-]").text_content() or ""
    assert "prompt_tokens: 100" in usage
    assert "completion_tokens: 7" in usage
