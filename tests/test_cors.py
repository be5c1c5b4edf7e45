"""Web pages of other origins: only those that the operator names, and only with a key."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from agentroster.errors import StartRefused
from agentroster.gateway.answers.cors import Cors
from agentroster.settings.settings import load_settings
from tests.support.roster_process import RosterProcess

PAGE = "https://app.example.com"
PATHS = ["/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/models", "/v1/models/agno/demo-agent",
         "/roster/api/jobs", "/roster/api/me/llm"]  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A web site of another origin, served from a folder."""
    folder = tmp_path_factory.mktemp("site")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()
    server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture(scope="module")
def cors_proxy(
    tmp_path_factory: pytest.TempPathFactory, base_environment: dict[str, str], site: tuple[str, Path]
) -> Iterator[RosterProcess]:
    environment = {**base_environment, "ROSTER_CORS_ORIGINS": f"{PAGE}, {site[0]}"}
    process = RosterProcess(tmp_path_factory.mktemp("cors"), environment).start()
    yield process
    process.stop()


def preflight(proxy: RosterProcess, path: str, origin: str = PAGE, **headers: str) -> httpx.Response:
    asked = {"origin": origin, "access-control-request-method": "POST", **headers}
    return httpx.options(f"{proxy.url}{path}", headers=asked, trust_env=False, timeout=30)


def allowed(response: httpx.Response) -> set[str]:
    return {name for name in response.headers if name.startswith("access-control-")}


@pytest.mark.parametrize("path", PATHS)
def test_a_preflight_is_answered_before_the_key_with_the_methods_of_its_path(
    cors_proxy: RosterProcess, path: str
) -> None:
    wanted = "authorization,content-type,x-stainless-lang,anthropic-version"
    response = preflight(cors_proxy, path, **{"access-control-request-headers": wanted})
    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["access-control-allow-origin"] == PAGE
    assert response.headers["access-control-allow-headers"] == wanted
    assert ("POST" in response.headers["access-control-allow-methods"]) == ("/models" not in path)
    assert "Origin" in response.headers["vary"]
    assert "access-control-allow-credentials" not in response.headers


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "https://app.example.com.evil.example", "http://app.example.com", "null", "*",
               "https://app.example.com:8443", "https://APP.example.com/", ""]
)  # fmt: skip
def test_another_origin_is_told_nothing(cors_proxy: RosterProcess, origin: str) -> None:
    response = preflight(cors_proxy, PATHS[0], origin)
    assert response.status_code == 405 and not allowed(response)
    with cors_proxy.http() as client:
        headers = {"origin": origin}
        chat = {"model": "agno/demo-agent", "messages": [{"role": "user", "content": "/help"}]}
        answers = client.get("/v1/models", headers=headers), client.post(PATHS[0], json=chat, headers=headers)
    for answer in answers:
        assert answer.status_code == 200 and not allowed(answer)
        assert answer.headers["vary"].count("Origin") == 1


@pytest.mark.parametrize("path", ["/health/liveliness", "/nothing", "/roster/connect/x", "/key/generate", "/v1/files"])
def test_other_paths_are_for_no_page(cors_proxy: RosterProcess, path: str) -> None:
    response = preflight(cors_proxy, path)
    # LiteLLM names methods to whoever asks for its health; no page can read that without an origin.
    assert response.status_code != 204 and "access-control-allow-origin" not in response.headers


def test_answers_and_errors_alike_can_be_read_by_the_page(cors_proxy: RosterProcess) -> None:
    chat = {"model": "agno/demo-agent", "messages": [{"role": "user", "content": "/help"}]}
    with cors_proxy.http() as client, cors_proxy.http("sk-wrong") as stranger:
        answers = [
            client.post("/v1/chat/completions", json=chat, headers={"origin": PAGE}),
            client.post("/v1/chat/completions", json={**chat, "stream": True}, headers={"origin": PAGE}),
            client.post("/v1/chat/completions", json={}, headers={"origin": PAGE}),
            stranger.post("/v1/messages", json={}, headers={"origin": PAGE}),
            client.get("/roster/api/jobs", headers={"origin": PAGE}),
            client.get("/v1/chat/completions", headers={"origin": PAGE}),
        ]
    assert [answer.status_code for answer in answers][:4] == [200, 200, 400, 401]
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == PAGE
        exposed = answer.headers["access-control-expose-headers"]
        assert {"retry-after", "x-request-id", "request-id"} <= set(exposed.split(", "))
        assert answer.headers["vary"].count("Origin") == 1


def test_two_origins_and_broken_wishes_are_no_preflight(cors_proxy: RosterProcess) -> None:
    asked = [("origin", PAGE), ("origin", PAGE), ("access-control-request-method", "POST")]
    response = httpx.options(f"{cors_proxy.url}{PATHS[0]}", headers=asked, trust_env=False)
    assert response.status_code == 405 and not allowed(response)
    long = preflight(cors_proxy, PATHS[0], **{"access-control-request-headers": "x" * 5000})
    assert long.headers["access-control-allow-headers"] == "authorization, content-type"


def test_without_the_setting_no_page_is_served(proxy: RosterProcess) -> None:
    response = preflight(proxy, PATHS[0])
    assert response.status_code == 405 and not allowed(response)
    chat = {"model": "agno/demo-agent", "messages": [{"role": "user", "content": "/help"}]}
    with proxy.http() as client:
        assert not allowed(client.get("/v1/models", headers={"origin": PAGE}))
        assert not allowed(client.post(PATHS[0], json=chat, headers={"origin": PAGE}))


@pytest.mark.anyio
async def test_a_star_is_any_page_without_credentials() -> None:
    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-roster-note", b"x")]})
        await send({"type": "http.response.body", "body": b"{}"})

    transport = httpx.ASGITransport(Cors(app, ("*",)))
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        response = await client.get("/v1/models", headers={"origin": "https://any.example"})
    assert response.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in response.headers
    assert "x-roster-note" in response.headers["access-control-expose-headers"]


@pytest.mark.parametrize(
    "value", ["app.example.com", "https://app.example.com/", "https://*.example.com", "null", "a b"]
)
def test_what_is_no_origin_stops_the_start(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("ROSTER_CORS_ORIGINS", value)
    with pytest.raises(StartRefused, match="ROSTER_CORS_ORIGINS"):
        load_settings()


SCRIPT = """<!doctype html><title>page</title><body><script>
(async () => {
  const headers = {authorization: "Bearer KEY", "content-type": "application/json", "x-stainless-lang": "js"};
  const said = [];
  try {
    const models = await fetch("URL/v1/models", {headers});
    said.push("models " + models.status);
    const body = JSON.stringify({model: "agno/demo-agent", stream: true, messages: [{role: "user", content: "/help"}]});
    const chat = await fetch("URL/v1/chat/completions", {method: "POST", headers, body});
    said.push("chat " + chat.status + " " + (await chat.text()).includes("[DONE]"));
    const wrong = await fetch("URL/v1/chat/completions",
      {method: "POST", headers: {...headers, authorization: "Bearer sk-x"}, body});
    said.push("wrong " + wrong.status + " " + (await wrong.json()).error.code);
    const jobs = await fetch("URL/roster/api/jobs", {headers});
    said.push("jobs " + jobs.status);
  } catch (error) { said.push("failed " + error); }
  document.body.textContent = said.join("; ");
  await fetch("/done");
})();
</script>"""


def browsed(page: str) -> str:
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        pytest.skip("no Chromium is installed")
    done = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server",
         "--virtual-time-budget=20000", "--timeout=60000", "--dump-dom", page],
        capture_output=True, encoding="utf-8", timeout=120, check=False,
    )  # fmt: skip
    return done.stdout


def test_a_script_in_a_real_browser_talks_to_the_proxy_from_a_listed_origin_alone(
    cors_proxy: RosterProcess, site: tuple[str, Path]
) -> None:
    url, folder = site
    page = SCRIPT.replace("URL", cors_proxy.url).replace("KEY", cors_proxy.master_key)
    (folder / "index.html").write_text(page, encoding="utf-8")
    assert "models 200; chat 200 true; wrong 401 invalid_api_key; jobs " in browsed(f"{url}/index.html")
    # The same page under another name is of another origin.
    assert "failed TypeError" in browsed(f"{url.replace('127.0.0.1', 'localhost')}/index.html")
