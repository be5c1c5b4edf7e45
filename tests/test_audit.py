"""The record of keys and credentials: who was let in, who was refused, what was changed; never a secret."""

import json
import secrets
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from agentroster.db.database import Database
from agentroster.identity.key_audit import KeyAudit, KeyEvent
from agentroster.identity.key_watch import MAX_GROUPS
from agentroster.roster_schema import ROSTER_SCHEMA
from tests.support.deployment import ENCRYPTION_KEY, MASTER_KEY, OPENWEBUI_KEY
from tests.support.roster_process import ROSTER, RosterProcess, clean_environment, run_roster

PATIENCE_SECONDS = 30


def events(proxy: RosterProcess, **wanted: Any) -> list[KeyEvent]:
    """Return the rows of keys, oldest first."""
    with Database.open(proxy.data_dir / "roster.db", ROSTER_SCHEMA) as database:
        return KeyAudit(database).read(**{"most": 100_000, **wanted})[::-1]


def until(found: Callable[[], bool]) -> None:
    """Wait for what the proxy writes beside its requests."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def ask(proxy: RosterProcess, key: str, path: str = "/v1/models", **headers: str) -> int:
    given = {"authorization": f"Bearer {key}".strip(), **headers}
    return httpx.get(f"{proxy.url}{path}", headers=given, trust_env=False, timeout=30).status_code


def rows(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_the_life_of_a_key_is_on_record_and_the_key_is_not(proxy: RosterProcess) -> None:
    key = proxy.cli("keys", "create", "--user", "audited-anna").strip()
    key_id = key.split("_")[1]
    guessed = f"rst_{key_id}_{secrets.token_urlsafe(32)}"
    assert [ask(proxy, key), ask(proxy, key), ask(proxy, guessed), ask(proxy, guessed, "/roster/api/jobs")] == [
        200, 200, 401, 401,
    ]  # fmt: skip
    until(lambda: any(event.action == "refuse" for event in events(proxy, user="audited-anna")))
    proxy.cli("keys", "revoke", key_id)
    proxy.cli("keys", "revoke", key_id)
    # From another address, as it is told by a server in front: the same one is counted with its last minute.
    assert ask(proxy, key, **{"x-forwarded-for": "203.0.113.7"}) == 401
    until(lambda: any(event.outcome == "revoked" for event in events(proxy, user="audited-anna")))

    seen = rows(proxy.cli("audit", "--user", "audited-anna", "--json"))
    assert [(row["action"], row["outcome"], row["by"], row["count"], row["address"]) for row in seen] == [
        ("create", "ok", "operator", 1, ""),
        ("use", "ok", "user", 1, "127.0.0.1"),
        ("refuse", "wrong secret", "", 2, "127.0.0.1"),
        ("revoke", "ok", "operator", 1, ""),
        ("refuse", "revoked", "", 1, "203.0.113.7"),
    ]
    assert {(row["kind"], row["key"], row["provider"], row["issuer"]) for row in seen} == {
        ("key", key_id, None, "roster")
    }
    table = proxy.cli("audit", "--user", "audited-anna")
    assert "wrong secret (2 times)" in table
    assert table.splitlines()[0].split() == [
        "time", "user", "what", "action", "by", "agent", "tool", "outcome", "address",
    ]  # fmt: skip
    stored = b"".join(path.read_bytes() for path in proxy.data_dir.glob("roster.db*"))
    for secret in (key, guessed, key[-43:], guessed[-43:], MASTER_KEY):
        assert secret.encode() not in stored


def test_a_forwarder_that_proves_no_user_is_on_record_and_a_request_without_a_key_is_not(proxy: RosterProcess) -> None:
    forged = {"x-openwebui-user-jwt": "forged", "x-forwarded-for": "2001:db8::17"}
    assert ask(proxy, OPENWEBUI_KEY, **forged) == 401
    assert ask(proxy, "", **{"x-forwarded-for": "2001:db8::18"}) == 401
    assert ask(proxy, "sk-" + "x" * 300, **{"x-forwarded-for": "<script>, 1.2.3"}) == 401

    def found() -> list[tuple[str, str, str]]:
        return [(one.address, one.key_id, one.outcome) for one in events(proxy) if one.action == "refuse"]

    until(lambda: ("2001:db8::17", "openwebui", "user not proven") in found())
    # An address that is none is left out, whatever a client makes of it.
    until(lambda: ("", "", "not a key of this proxy") in found())
    assert not any(address == "2001:db8::18" for address, _, _ in found())


def test_a_flood_of_refused_keys_from_everywhere_is_a_bounded_number_of_rows(offline_proxy: RosterProcess) -> None:
    def refused() -> int:
        return sum(event.count for event in events(offline_proxy) if event.action == "refuse")

    before_rows, before = len(events(offline_proxy)), refused()
    with httpx.Client(base_url=offline_proxy.url, trust_env=False, timeout=30) as client:
        for number in range(300):
            headers = {
                "authorization": f"Bearer rst_{number:08}_{'A' * 43}",
                "x-forwarded-for": f"2001:db8::{number:x}",
            }
            assert client.get("/roster/api/jobs", headers=headers).status_code == 401
    offline_proxy.cli("keys", "list")
    until(lambda: refused() == before + 300 or len(events(offline_proxy)) > before_rows + MAX_GROUPS)
    # What does not fit is one row, whose count is written once a minute.
    assert len(events(offline_proxy)) - before_rows <= MAX_GROUPS + 2
    assert any(event.outcome == "various" and event.address == "" for event in events(offline_proxy))


def test_follow_shows_what_happens_and_ends_quietly(proxy: RosterProcess) -> None:
    command = [ROSTER, "audit", "--follow", "--json", "--since", "1h", "--data-dir", str(proxy.data_dir)]
    environment = clean_environment(**proxy.environment)
    with subprocess.Popen(
        [*command, "--user", "followed"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as following:
        assert following.stdout is not None
        assert following.stderr is not None
        key = proxy.cli("keys", "create", "--user", "followed").strip()
        assert json.loads(following.stdout.readline())["action"] == "create"
        assert ask(proxy, key) == 200
        assert json.loads(following.stdout.readline())["action"] == "use"
        proxy.cli("keys", "revoke", key.split("_")[1])
        assert json.loads(following.stdout.readline())["action"] == "revoke"
        following.send_signal(signal.SIGINT)
        assert following.wait(20) == 0
        assert following.stdout.read() == ""
        assert following.stderr.read() == ""


def test_keys_and_credentials_are_one_story_in_the_order_of_time(tmp_path: Path) -> None:
    environment = {
        "ROSTER_DATA_DIR": str(tmp_path / "data"),
        "ROSTER_ENCRYPTION_KEY": ENCRYPTION_KEY,
        "LITELLM_MASTER_KEY": MASTER_KEY,
    }

    def run(*arguments: str, given: str = "", status: int = 0) -> str:
        done = subprocess.run(
            [ROSTER, *arguments], env=clean_environment(**environment), input=given, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == status, done.stderr
        return done.stdout if status == 0 else done.stderr

    first = run("keys", "create", "--user", "anna").strip().split("_")[1]
    run("credentials", "set", "--user", "anna", "--provider", "github", given="ghp_canary")
    run("keys", "create", "--user", "bert")
    run("keys", "revoke", first)
    run("credentials", "delete", "--user", "anna", "--provider", "github")
    run("users", "purge", "bert", "--yes")

    story = [(row["kind"], row["user"], row["action"]) for row in rows(run("audit", "--json"))]
    assert story == [
        ("key", "anna", "create"),
        ("credential", "anna", "set"),
        ("key", "bert", "create"),
        ("key", "anna", "revoke"),
        ("credential", "anna", "delete"),
        ("key", "bert", "purge"),
    ]
    assert [row["action"] for row in rows(run("audit", "--json", "--last", "2"))] == ["delete", "purge"]
    assert [row["kind"] for row in rows(run("audit", "--json", "--provider", "github"))] == ["credential"] * 2
    assert len(rows(run("audit", "--json", "--since", "2h"))) == len(story)
    assert rows(run("audit", "--json", "--since", "2099-01-01")) == []
    tomorrow = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(time.time() + 86_400))
    assert rows(run("audit", "--json", "--since", tomorrow)) == []
    assert len(rows(run("audit", "--json", "--since", "2026-11-01T00:00:00+02:00"))) == len(story)
    for wrong in ("yesterday", "2 hours", "-1h", "2026-13-01", "1y", ""):
        assert "--since is an age" in run("audit", "--since", wrong, status=2)


def test_who_reads_only_the_first_lines_ends_it_without_an_error(tmp_path: Path) -> None:
    environment = {"ROSTER_DATA_DIR": str(tmp_path), "ROSTER_ENCRYPTION_KEY": ENCRYPTION_KEY}
    environment |= {"LITELLM_MASTER_KEY": MASTER_KEY, "ROSTER": ROSTER}
    run_roster("keys", "create", "--user", "anna", environment=environment)
    done = subprocess.run(
        ["bash", "-c", 'set -o pipefail; "$ROSTER" audit --json | head -n 0; echo "${PIPESTATUS[0]}"'],
        env=clean_environment(**environment), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.stdout.strip(), done.stderr) == ("0", "")
