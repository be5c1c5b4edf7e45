"""`/` in a browser: how to connect and where the key is, and nothing that a stranger should not know."""

import httpx
import pytest

from tests.support.roster_process import RosterProcess

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def shown(proxy: RosterProcess, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.get(proxy.url, headers={**BROWSER, **named}, trust_env=False)


def test_a_browser_on_the_machine_sees_the_agents_how_to_connect_and_where_the_key_is(
    offline_proxy: RosterProcess,
) -> None:
    page = shown(offline_proxy)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    for words in ("agno/demo-agent", f"{offline_proxy.url}/v1", "data/secrets.env", "roster keys create"):
        assert words in page.text
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert page.headers["cache-control"] == "no-store"
    for name in ("LITELLM_MASTER_KEY", "ROSTER_ENCRYPTION_KEY", "ROSTER_OPENWEBUI_KEY"):
        assert offline_proxy.environment[name] not in page.text
    assert "<script" not in page.text


@pytest.mark.parametrize(
    "header",
    [
        {"host": "rebound.example"},
        {"x_forwarded_for": "203.0.113.9"},
        {"forwarded": "for=203.0.113.9"},
        {"via": "1.1 x"},
    ],
)
def test_a_stranger_reads_no_names_of_agents(offline_proxy: RosterProcess, header: dict[str, str]) -> None:
    page = shown(offline_proxy, **header)
    assert page.status_code == 200
    assert "agno/" not in page.text
    assert "rebound" not in page.text


def test_the_page_speaks_the_language_of_the_browser(offline_proxy: RosterProcess) -> None:
    page = shown(offline_proxy, accept_language="de-AT,de;q=0.9,en;q=0.5")
    assert 'lang="de"' in page.text
    assert "Wo der Schlüssel ist" in page.text


def test_a_program_that_looks_for_an_api_there_is_told_where_it_begins(offline_proxy: RosterProcess) -> None:
    answer = httpx.get(offline_proxy.url, trust_env=False)
    assert answer.status_code == 404
    assert "/v1" in answer.json()["error"]["message"]
