"""Habits of real model servers, one case a habit, each streamed and whole: the person sees what the model meant."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import openai
import pytest

from tests.support.chatting import Person
from tests.support.roster_process import RosterProcess
from tests.support.scripted_server import Run, ScriptedServer

Json = dict[str, Any]
AGENT = "agno/demo-agent"
FILES = sorted((Path(__file__).parent / "habits").glob("*.jsonl"))
CASES: list[Json] = [json.loads(line) for file in FILES for line in file.read_text(encoding="utf-8").splitlines()]
# A result of a tool that ran has this field; what a model is told about a call that did not run has not.
RESULTS = {
    "colour_palette": "palette",
    "themed_text": "text",
    "colour_scheme": "scheme",
    "favourite_colour": "favourite",
}


class Play:
    """One case, asked by a person whose own model is this run, so that nothing is remembered from another one."""

    def __init__(
        self, case: Json, proxy: RosterProcess, server: ScriptedServer, client: openai.OpenAI, door: httpx.Client
    ) -> None:
        name = uuid4().hex
        self.case, self.run = case, server.play(name, case)
        person = Person(proxy, f"habit-{name[:12]}", agent=AGENT)
        setting = {"provider": "custom", "base_url": f"{server.url}/{name}/v1", "model": case["model"]}
        answer = door.put(
            "/roster/api/me/llm",
            json={**setting, "api_key": "key-of-a-person-0815"},
            headers={"authorization": f"Bearer {person.key}"},
        )
        assert answer.status_code == 200, answer.text
        self._client = client.with_options(api_key=person.key)

    def ask(self, *, stream: bool) -> Json:
        """Ask once with the official client, and return what came."""
        extra = dict(self.case.get("client", {}))
        words = f"[case:{self.case['name']}] {extra.pop('says', 'Help me with colours.')}"
        messages = [*extra.pop("history", []), {"role": "user", "content": words}]
        extra |= {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
        got: Json = {"status": 200, "text": "", "thinking": "", "error": "", "images": 0}
        got |= {"finish_reason": None, "usage": None}
        try:
            answer: Any = self._client.chat.completions.create(model=AGENT, messages=messages, **extra)
            for part in answer if stream else [answer]:
                _add(got, part)
        except openai.APIStatusError as error:
            got |= {"status": error.status_code, "error": str(error.body or error.message)}
        except openai.APITimeoutError:
            got |= {"status": 599, "error": "the answer never ended"}
        except openai.APIConnectionError as error:
            got |= {"status": 598, "error": f"no clean answer: {error}"}
        except openai.APIError as error:
            got |= {"status": _status_of_frame(error), "error": str(error.body or error.message)}
        return got


@pytest.fixture(scope="module")
def scripted() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


@pytest.fixture(scope="module")
def habit_proxy(
    scripted: ScriptedServer, base_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RosterProcess]:
    environment = {
        **base_environment,
        "LLM_PROVIDER": "custom",
        "LLM_MODEL": "nobody-asks-it",
        "LLM_API_BASE": f"{scripted.url}/nobody/v1",
        "LLM_API_KEY": "key-of-the-scripted-server-4711",
        "LLM_TIMEOUT_SECONDS": "6",
        "ROSTER_RUN_MODEL_CALLS": "6",
        "ROSTER_TRUSTED_URLS": scripted.url,
    }
    process = RosterProcess(tmp_path_factory.mktemp("habits"), environment).start()
    yield process
    process.stop()


@pytest.fixture(scope="module")
def client(habit_proxy: RosterProcess) -> Iterator[openai.OpenAI]:
    """One client for all, as each new one reads the certificates of the machine again."""
    with openai.OpenAI(base_url=f"{habit_proxy.url}/v1", api_key="none", max_retries=0, timeout=25) as opened:
        yield opened


@pytest.fixture(scope="module")
def door(habit_proxy: RosterProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=habit_proxy.url, trust_env=False, timeout=60) as opened:
        yield opened


@pytest.fixture
def playing(
    habit_proxy: RosterProcess, scripted: ScriptedServer, client: openai.OpenAI, door: httpx.Client
) -> Callable[[Json], Play]:
    return lambda case: Play(case, habit_proxy, scripted, client, door)


@pytest.mark.parametrize("form", ["stream", "whole"])
@pytest.mark.parametrize("case", CASES, ids=[f"{case['group']}:{case['name']}" for case in CASES])
def test_the_person_gets_what_the_model_meant(case: Json, form: str, playing: Callable[[Json], Play]) -> None:
    play = playing(case)
    outcome = play.ask(stream=form == "stream")
    found = compare({**case["expect"], **case.get(f"expect_{form}", {})}, outcome, play.run)
    assert not found, "\n".join(found)


REFUSED = [case for case in CASES if case["group"] == "refused-parameters" and "refuses" in case]


@pytest.mark.parametrize("case", REFUSED, ids=[case["name"] for case in REFUSED])
def test_a_refusal_is_remembered(case: Json, playing: Callable[[Json], Play]) -> None:
    play = playing(case)
    play.ask(stream=True)
    before, play.run.step = len(play.run.requests), 0
    outcome = play.ask(stream=True)
    found = compare(case["expect"], outcome, play.run, but=("requests",))
    assert not found, "\n".join(found)
    again = len(play.run.requests) - before
    assert again == len(case["stream"]["steps"]), "what a server refused is not asked again"


def _status_of_frame(error: openai.APIError) -> int:
    """The status that an error frame tells; 0 where it tells none."""
    code = str(error.code or "")
    return int(code) if code.isdigit() else 429 if "rate_limit" in f"{code} {error.type}" else 0


def _add(got: Json, part: Any) -> None:
    got["usage"] = part.usage.model_dump() if part.usage else got["usage"]
    for choice in part.choices[:1]:
        said = choice.delta if hasattr(choice, "delta") else choice.message
        got["text"] += said.content or ""
        got["thinking"] += getattr(said, "reasoning_content", None) or ""
        got["images"] += len(getattr(said, "images", None) or []) + (said.content or "").count("data:image/")
        got["finish_reason"] = choice.finish_reason or got["finish_reason"]
        if said.tool_calls:
            got["error"] += "a tool call reached the client"


def compare(wanted: Json, got: Json, run: Run, but: tuple[str, ...] = ()) -> list[str]:
    """Return what is not as it should be, one sentence each."""
    found = [f"the server would have refused: {complaint}" for complaint in run.errors[:3]]
    status = wanted.get("status", 200)
    if not _fits(status, got["status"]):
        found.append(f"status {got['status']}, not {status}: {got['error'][:300]}")
    found += [
        f"{field} {got[field]!r}, not {wanted[field]!r}"
        for field in ("text", "thinking")
        if wanted.get(field) is not None and _plain(got[field], field) != _plain(wanted[field], field)
    ]
    found += [f"{word!r} is not in {got['text']!r}" for word in wanted.get("contains", []) if word not in got["text"]]
    found += [f"{word!r} is in {got['text']!r}" for word in wanted.get("absent", []) if word in got["text"]]
    found += [
        f"{word!r} is not in the error {got['error']!r}" for word in wanted.get("says", []) if word not in got["error"]
    ]
    if got["images"] < wanted.get("images", 0):
        found.append("the picture is lost")
    if "finish_reason" in wanted and got["finish_reason"] != wanted["finish_reason"]:
        found.append(f"finish_reason {got['finish_reason']!r}")
    for name, value in wanted.get("usage", {}).items():
        if (got["usage"] or {}).get(name) != value:
            found.append(f"usage {name} {(got['usage'] or {}).get(name)}, not {value}")
    return [*found, *_compare_calls(wanted, run, but)]


def _fits(wanted: Any, status: int) -> bool:
    """A frame without a status fits every error but 429, which clients act on."""
    if status in {598, 599}:
        return False
    if status == 0:
        return wanted not in (200, 429)
    return status >= 400 if wanted == "error" else status in (wanted if isinstance(wanted, list) else [wanted])


def _plain(text: str, field: str) -> str:
    """Text as it stands, without the white space around it; thinking also without line breaks.

    What would act in a page is parted by an invisible joiner, which `tests/test_inert.py` is about.
    """
    text = text.replace("\u2060", "")
    return " ".join(text.split()) if field == "thinking" else text.strip()


def _compare_calls(wanted: Json, run: Run, but: tuple[str, ...]) -> list[str]:
    found: list[str] = []
    ran, told = calls_of(run)
    if ran != wanted.get("tools", []):
        found.append(f"tools that ran: {ran}, not {wanted.get('tools', [])}")
    results = json.dumps([*told, *[m["content"] for m in _loop(run) if m["role"] == "tool"]], ensure_ascii=False)
    found += [f"{word!r} is in no result: {results[:400]}" for word in wanted.get("results", []) if word not in results]
    if len(told) < wanted.get("told", 0):
        found.append("the model was not told what is wrong with its call")
    bounds: Any = wanted.get("requests", [0, 99])
    least, most = bounds if isinstance(bounds, list) else (bounds, bounds)
    if "requests" not in but and not least <= len(run.requests) <= most:
        found.append(f"{len(run.requests)} requests, not {bounds}")
    return found


def calls_of(run: Run) -> tuple[list[list[Any]], list[str]]:
    """The calls that really ran, as the last request tells them, and what the model was told about the others."""
    loop = _loop(run)
    results = {
        message.get("tool_call_id"): str(message.get("content")) for message in loop if message["role"] == "tool"
    }
    ran: list[list[Any]] = []
    told: list[str] = []
    for call in (call for message in loop for call in message.get("tool_calls") or []):
        name, result = call["function"]["name"], results.get(call["id"], "")
        if f'"{RESULTS.get(name, "-")}":' in result:
            ran.append([name, _parsed(call["function"]["arguments"])])
        else:
            told.append(result)
    return ran, told


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return text


def _loop(run: Run) -> list[Json]:
    """The messages after the person's, of the last request."""
    if not run.requests:
        return []
    messages = run.requests[-1]["messages"]
    return messages[max((place for place, m in enumerate(messages) if m["role"] == "user"), default=0) + 1 :]
