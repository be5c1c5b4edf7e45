"""Who asks, and with whose account: people of Open WebUI are kept apart."""


from playwright.sync_api import Page

from tests.chatting import LINK
from tests.openwebui.page import OpenWebUIPage
from tests.openwebui.user import OpenWebUIUser
from tests.stand_ins.github import GitHubServer, Token
from tests.stand_ins.model_server import ModelServer

AGENT = "agno/github-agent"
WHO = "script: tool github_whoami {}"
TOKEN = "ghp_canaryTokenOfAnna0123456789abcdef"


def test_people_are_told_apart(anna: OpenWebUIUser, bert: OpenWebUIUser, model_server: ModelServer) -> None:
    for user, colour in ((anna, "orange"), (bert, "green")):
        user.chat("agno/demo-agent").ask(f"/favourite {colour}")
    assert "orange" in anna.chat("agno/demo-agent").ask("/favourite").text
    assert "green" in bert.chat("agno/demo-agent").ask("/favourite").text


def test_nobody_becomes_another_person_by_what_they_send(
    anna: OpenWebUIUser, bert: OpenWebUIUser, model_server: ModelServer
) -> None:
    for user, colour in ((anna, "orange"), (bert, "green")):
        user.chat("agno/demo-agent").ask(f"/favourite {colour}")
    body = {"model": "agno/demo-agent", "messages": [{"role": "user", "content": "/favourite"}], "user": bert.id}
    body |= {"metadata": {"user_id": bert.id, "chat_id": "x"}, "stream": False}
    headers = {"X-OpenWebUI-User-Id": bert.id, "X-OpenWebUI-User-Jwt": "x.y.z", "X-OpenWebUI-User-Email": "bert@x"}
    for path in ("/api/chat/completions", "/openai/chat/completions"):
        answer = anna.http.post(path, json=body, headers=headers)
        assert "orange" in answer.text, answer.text
        assert "green" not in answer.text


def test_a_missing_account_shows_a_link_to_its_person_and_not_to_the_model(
    bert: OpenWebUIUser, model_server: ModelServer, github: GitHubServer
) -> None:
    bert.chat(AGENT).ask("/disconnect github")
    chat = bert.chat(AGENT)
    assert LINK.search(chat.ask(WHO).text)
    chat.ask("script: say hm")
    assert not LINK.search(str(model_server.requests))


def test_two_people_connect_their_accounts_in_the_browser_and_each_agent_acts_with_the_right_one(
    annas_page: OpenWebUIPage, berts_page: OpenWebUIPage, model_server: ModelServer, github: GitHubServer
) -> None:
    github.tokens[TOKEN] = Token("anna-on-github")
    github.login = "bert-on-github"
    form = follow_the_link(annas_page, photographed=True)
    form.locator("input[name=field_token]").fill(TOKEN)
    form.locator("form:has(input[name=field_token]) button").click()
    connected(form, "anna-on-github", photographed=True)
    sign_in = follow_the_link(berts_page)
    sign_in.locator("button[value=oauth], form:has(input[name=way][value=oauth]) button").first.click()
    connected(sign_in, "bert-on-github")
    for page, own in ((annas_page, "anna-on-github"), (berts_page, "bert-on-github")):
        page.write(WHO)
        page.sees_match(f"The tool said.*{own}")
        page.write("/gh-me")
        page.sees_match(f"GitHub account .*{own}|{own}")
    annas_page.photograph("account-in-use")


def follow_the_link(page: OpenWebUIPage, *, photographed: bool = False) -> Page:
    """Ask for something that needs an account, and open the link in the answer."""
    page.open(AGENT).write("/gh-me")
    link = page.answer.locator("a[href*='/roster/connect/']")
    link.wait_for()
    page.finished()
    if photographed:
        page.photograph("connect-link")
    with page.page.context.expect_page() as opened:
        link.click()
    form = opened.value
    form.get_by_text("Connect GitHub").first.wait_for()
    if photographed:
        page.photograph("connect-page", form)
    return form


def connected(form: Page, account: str, *, photographed: bool = False) -> None:
    form.get_by_text(f"{account} is connected").wait_for()
    if photographed:
        OpenWebUIPage(form, "").photograph("connected")
    form.close()
