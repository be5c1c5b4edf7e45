"""Pictures and documents on the way to an agent, pictures and links on the way back."""

from io import BytesIO

from PIL import Image

from tests.openwebui.page import OpenWebUIPage
from tests.openwebui.user import OpenWebUIUser
from tests.stand_ins.model_server import ModelServer

CRITIC = "agno/picture-critic"


def picture() -> bytes:
    written = BytesIO()
    Image.new("RGB", (16, 16), "red").save(written, "PNG")
    return written.getvalue()


def test_a_picture_reaches_the_model_of_an_agent_that_sees(anna: OpenWebUIUser, model_server: ModelServer) -> None:
    assert anna.models()[CRITIC]["info"]["meta"]["capabilities"]["vision"] is True
    answer = anna.chat(CRITIC).ask("script: say I see red.", files=[anna.upload("red.png", picture())])
    assert answer.text == "I see red."
    parts = model_server.requests[-1]["messages"][-1]["content"]
    assert parts[0] == {"type": "text", "text": "script: say I see red."}
    assert parts[1]["image_url"]["url"].startswith("data:image/png;base64,")


def test_the_text_of_a_document_reaches_the_agent_and_is_answered_as_a_question(
    anna: OpenWebUIUser, model_server: ModelServer
) -> None:
    file = anna.upload("prices.csv", b"fruit,price\nquince,4\n")
    answer = anna.chat("agno/demo-agent").ask("script: say Quinces cost four.", files=[file])
    assert answer.text == "Quinces cost four."
    sent = model_server.requests[-1]["messages"][-1]["content"]
    assert sent.startswith("### Task:"), "Open WebUI's own prompt, which background tasks have too"
    assert "fruit: quince" in sent


def test_pictures_and_links_of_an_answer_are_shown(annas_page: OpenWebUIPage, model_server: ModelServer) -> None:
    page = annas_page.open("agno/demo-agent")
    page.write("script: say [the docs](https://docs.example.com/a) ![a dot](/static/favicon.png)")
    assert page.answer.get_by_role("link", name="the docs").get_attribute("href") == "https://docs.example.com/a"
    page.answer.locator("img[alt='a dot']").wait_for()
