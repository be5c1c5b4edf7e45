"""Nearly right requests at every door: a clear answer to each, and nothing of the inside in any.

`just fuzz` sends 5,000; ROSTER_FUZZ_REQUESTS and ROSTER_FUZZ_SEED say how many and which.
"""

import json
import os
import re

import httpx

from agentroster.db.database import Database
from agentroster.identity.keys import KeyStore
from agentroster.roster_schema import ROSTER_SCHEMA
from tests.fuzz.generator import OPERATIONS, Sent, requests
from tests.support.deployment import REPOSITORY
from tests.support.roster_process import RosterProcess

COUNT = int(os.environ.get("ROSTER_FUZZ_REQUESTS", "300"))
SEED = int(os.environ.get("ROSTER_FUZZ_SEED", "1"))
INSIDE = re.compile(
    rf"Traceback|File \"|site-packages|{re.escape(str(REPOSITORY))}|\w\.py\b|litellm\.\w|0x[0-9a-f]{{8}}"
    r"|No module named|object has no attribute|NoneType|Internal Server Error"
)
# What an operator would have to look into.
ALARMS = (
    "Exception in ASGI",
    "failed to answer",
    "never retrieved",
    "agentroster.gateway.answers.last_resort",
    "Task exception",
)


def answer_of(client: httpx.Client, sent: Sent, key: str) -> httpx.Response:
    headers = [(name.encode(), value.encode("latin-1")) for name, value in sent.headers]
    if sent.has_key and not any(name == "authorization" for name, _ in sent.headers):
        headers.append((b"authorization", f"Bearer {key}".encode()))
    with client.stream(sent.method, sent.target, headers=headers, content=sent.content) as response:
        response.read()
        return response


def complaint(response: httpx.Response) -> str:
    """What is wrong with an answer; empty when nothing is."""
    is_page = response.headers.get("content-type", "").startswith("text/html")
    if response.status_code >= 500 and not is_of_the_model(response):
        return f"status {response.status_code}"
    if response.status_code in {400, 401, 403, 404, 413, 422} and response.content and not is_page:
        try:
            error = response.json()["error"]
        except (ValueError, KeyError, TypeError):
            return "no error in OpenAI's form"
        if not (isinstance(error["message"], str) and error["message"].strip()):
            return "no words"
    # The list for Codex holds instructions, which speak of files.
    found = INSIDE.search(response.text) if response.status_code >= 400 else None
    return f"shows {found[0]!r}" if found else ""


def is_of_the_model(response: httpx.Response) -> bool:
    """Whether a 5xx is asked for: the model behind cannot be reached, or failed itself."""
    return str(response.json()["error"]["code"]).startswith(("upstream", "unreachable"))


def test_nearly_right_requests_have_clear_answers(proxy: RosterProcess) -> None:
    since = len(proxy.log)
    with Database.open(proxy.data_dir / "roster.db", ROSTER_SCHEMA) as database:
        keys = [KeyStore(database).create(user=user)[1] for user in ("fuzz", "fuzz-model")]
    wrong: list[str] = []
    statuses: dict[int, int] = {}
    with httpx.Client(base_url=proxy.url, trust_env=False, timeout=60) as client:
        for number, sent in enumerate(requests(SEED, COUNT)):
            # A model of one's own that nobody can reach must not be the one that agents ask.
            key = keys["/me/llm" in sent.target]
            try:
                response = answer_of(client, sent, key)
            except httpx.RemoteProtocolError:
                # The proxy had just closed this connection, as after a body that it did not read.
                response = answer_of(client, sent, key)
            statuses[response.status_code] = statuses.get(response.status_code, 0) + 1
            said = complaint(response)
            log = proxy.log[since:]
            if alarms := [alarm for alarm in ALARMS if alarm in log]:
                since += len(log)
                said = f"{said} {alarms} {log[-3000:]}"
            if said:
                wrong.append(f"{number}: {said}\n  {sent}\n  -> {response.status_code} {response.text[:400]}")
    print(json.dumps(statuses, sort_keys=True))  # noqa: T201 - shown with -s
    assert not wrong, f"{len(wrong)} of {COUNT} (seed {SEED}):\n" + "\n".join(wrong[:40])
    assert statuses.get(200, 0) > COUNT / 10, "most requests should come further than the first check"


def test_every_listed_door_is_fuzzed() -> None:
    assert {operation["path"].split("/")[1] for operation in OPERATIONS} == {"v1", "health", "roster"}
    assert len({(operation["method"], operation["path"]) for operation in OPERATIONS}) == len(OPERATIONS)
