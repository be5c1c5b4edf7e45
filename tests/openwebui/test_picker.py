"""The model picker: agents with their names, beside plain models."""

import re

from tests.support.openwebui.page import OpenWebUIPage
from tests.support.openwebui.user import OpenWebUIUser
from tests.support.pictures import picture
from tests.support.stand_ins.model_server import ModelServer


def test_an_ordinary_person_sees_agents_and_plain_models_and_nothing_else(anna: OpenWebUIUser) -> None:
    rows = anna.models()
    assert rows["agno/demo-agent"]["name"] == "Demo agent"
    assert "plain-model" in rows
    assert "arena-model" not in rows
    assert "agno/*" not in rows


def test_the_page_shows_an_agent_with_its_name_description_and_suggestions(
    annas_page: OpenWebUIPage, model_server: ModelServer
) -> None:
    page = annas_page.open("agno/enrich-metadata")
    page.sees("Completes the metadata of local image-model files from their HuggingFace model cards.")
    page.page.get_by_role("button", name="Complete all my models").wait_for()
    page.page.get_by_label("Selected model: Enrich metadata").click()
    page.page.get_by_role("option", name=re.compile("GitHub agent")).wait_for()
    page.photograph("picker")
    page.page.keyboard.press("Escape")


def test_open_webui_gives_its_own_tools_to_plain_models_only(anna: OpenWebUIUser, model_server: ModelServer) -> None:
    for model in ("plain-model", "agno/picture-critic"):
        anna.chat(model).ask("script: say hi", files=[anna.upload("red.png", picture())])
    plain, agent = model_server.requests
    assert len(plain["tools"]) > 10
    assert not agent.get("tools")
    # What it tells a model that can use its tools for files.
    assert "<attached_files>" in str(plain["messages"])
    assert "<attached_files>" not in str(agent["messages"])
