"""Who asks, and with whose account: people of Open WebUI are kept apart."""

from tests.support.chatting import LINK
from tests.support.openwebui.page import OpenWebUIPage
from tests.support.openwebui.user import OpenWebUIUser
from tests.support.stand_ins.github import GitHubServer, Token
from tests.support.stand_ins.model_server import ModelServer

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


def test_two_people_connect_their_accounts_and_each_agent_acts_with_the_right_one(
    annas_page: OpenWebUIPage, bert: OpenWebUIUser, model_server: ModelServer, github: GitHubServer
) -> None:
    github.tokens[TOKEN] = Token("anna-on-github")
    github.login = "bert-on-github"
    annas_page.open(AGENT).write("/gh-me")
    annas_page.finished()
    annas_page.photograph("connect-link")
    with annas_page.page.context.expect_page() as opened:
        annas_page.answer.locator("a[href*='/roster/connect/']").click()
    give_a_token(OpenWebUIPage(opened.value, ""))
    sign_in(annas_page.another_browser(), bert)
    annas_page.write("/gh-me")
    annas_page.sees_match("^anna-on-github$")
    annas_page.finished()
    annas_page.photograph("account-in-use")
    annas_page.write(WHO)
    annas_page.sees_match("The tool said.*anna-on-github")
    for ask in ("/gh-me", WHO):
        assert "bert-on-github" in bert.chat(AGENT).ask(ask).text


def give_a_token(page: OpenWebUIPage) -> None:
    page.sees("Anna Example")
    page.photograph("connect-page")
    page.page.locator("input[name=field_token]").fill(TOKEN)
    page.page.get_by_role("button", name="Connect", exact=True).click()
    page.sees("anna-on-github is connected")
    page.photograph("connected")
    page.page.close()


def sign_in(page: OpenWebUIPage, bert: OpenWebUIUser) -> None:
    link = LINK.search(bert.chat(AGENT).ask("/connect github").text)
    assert link
    page.page.goto(link[0])
    page.sees("Bert Example")
    page.page.get_by_role("button", name="Sign in with GitHub").click()
    page.sees("bert-on-github is connected")
    page.close()
