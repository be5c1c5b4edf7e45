"""When the hub asks to slow down: it is waited for, by everybody, within bounds, and nothing is asked in vain."""

import asyncio
import json
import struct
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from agentroster.errors import Unreachable
from agentroster.net.egress import Egress, Fetched, Origin
from agentroster.net.rate_limits import RateLimits, retry_after
from agentroster.net.shared_windows import SharedWindows
from agentroster.skills.hub import bucket_of
from tests.support import jobs
from tests.support.activity import OPENWEBUI, frames, text_of
from tests.support.roster_process import RosterProcess, run_roster
from tests.support.stand_ins.hub import HubServer, Limit, Repository

AGENT = "agno/enrich-metadata"
HUB = Origin.of("https://hub.test")
CARD = "https://hub.test/a/b/resolve/main/README.md"
FACTS = "https://hub.test/api/models/a/b"
CDN = "https://cdn.test/x"


class Served:
    """A hub that answers with what a test gives, in order, and keeps what was asked."""

    def __init__(
        self,
        *answers: httpx.Response | Exception,
        max_wait: float = 100.0,
        windows: Path | None = None,
        answer: Any = None,
    ) -> None:
        self.answers: list[httpx.Response | Exception] = list(answers)
        self.asked: list[str] = []
        self.waits: list[float] = []
        limits = RateLimits(max_wait, lambda url: bucket_of(url, [HUB]), SharedWindows(windows))
        client = httpx.AsyncClient(transport=httpx.MockTransport(answer or self._answer))
        self._egress = Egress(client, ["cdn.test"], trusted=[HUB], limits=limits)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        answer = self.answers.pop(0) if self.answers else httpx.Response(200, content=b"ok")
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def get(self, url: str = CARD) -> Fetched:
        return await self._egress.get(url, max_bytes=10, on_wait=self.waits.append)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Time that passes only while somebody sleeps; holds how long."""
    slept: list[float] = []
    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await real(0)

    monkeypatch.setattr("agentroster.net.rate_limits.monotonic", lambda: 1000.0 + sum(slept))
    monkeypatch.setattr("agentroster.net.rate_limits.sleep", sleep)
    yield slept


def in_a_minute() -> dict[str, str]:
    return {"retry-after": format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)}


@pytest.mark.anyio
@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        (lambda: {"retry-after": "7"}, 7),
        (in_a_minute, 60),
        (lambda: {"ratelimit": '"resolvers";r=0;t=55'}, 56),
        (lambda: {"retry-after": "soon", "ratelimit": '"resolvers";r=0;t=5'}, 6),
        (dict, 1),
        (lambda: {"retry-after": "-3"}, 1),
        (lambda: {"retry-after": "nan"}, 1),
    ],
)
async def test_a_refusal_is_waited_for_as_it_asks(
    clock: list[float], status: int, headers: Callable[[], dict[str, str]], seconds: float
) -> None:
    served = Served(httpx.Response(status, headers=headers()))
    assert (await served.get()).body == b"ok"
    # A date is counted from now, which goes on meanwhile.
    assert sum(clock) == pytest.approx(seconds, abs=20 if headers is in_a_minute else 1.5)
    assert served.waits == clock, "whoever waits is told"


@pytest.mark.anyio
@pytest.mark.parametrize(
    "headers", [{"retry-after": "101"}, {"retry-after": "1e12"}, {"ratelimit": '"a";r=0;t=999999'}]
)
async def test_what_would_be_too_long_is_not_waited_for(clock: list[float], headers: dict[str, str]) -> None:
    served = Served(httpx.Response(429, headers=headers))
    assert (await served.get()).status == 429
    assert clock == []
    assert len(served.asked) == 1


@pytest.mark.anyio
@pytest.mark.parametrize("headers", [{}, {"retry-after": "0"}, {"retry-after": "9"}])
async def test_refusals_without_end_come_to_an_end(clock: list[float], headers: dict[str, str]) -> None:
    served = Served(*(httpx.Response(429, headers=headers) for _ in range(1000)))
    assert (await served.get()).status == 429
    assert sum(clock) <= 100
    assert len(served.asked) < 15
    served = Served(*(httpx.Response(503) for _ in range(1000)))
    assert (await served.get()).status == 503
    assert len(served.asked) == 5, "what is out of order without a word is not waited for as long"


@pytest.mark.anyio
@pytest.mark.parametrize("status", [200, 401, 403, 404, 500])
async def test_an_answer_is_not_waited_for(clock: list[float], status: int) -> None:
    served = Served(httpx.Response(status, headers={"retry-after": "5"}))
    assert (await served.get()).status == status
    assert clock == []


@pytest.mark.anyio
@pytest.mark.parametrize("status", [502, 503, 504])
async def test_a_hub_that_is_out_of_reach_is_asked_a_few_times(clock: list[float], status: int) -> None:
    served = Served(httpx.Response(status), httpx.Response(status))
    assert (await served.get()).status == 200
    assert sum(clock) == 3
    served = Served(*(httpx.Response(status) for _ in range(1000)))
    assert (await served.get()).status == status
    assert len(served.asked) == 5


@pytest.mark.anyio
async def test_a_page_that_is_out_of_order_holds_up_no_other(clock: list[float]) -> None:
    served = Served(httpx.Response(504))
    first = asyncio.create_task(served.get())
    while not served.asked:  # noqa: ASYNC110 - there is nothing to be told by
        await asyncio.sleep(0)
    assert (await served.get()).status == 200
    assert (await first).status == 200
    assert len(clock) == 1


@pytest.mark.anyio
async def test_a_broken_connection_is_tried_again_a_few_times(clock: list[float]) -> None:
    broken = [httpx.RemoteProtocolError("cut"), httpx.ConnectError("refused"), httpx.ReadError("reset")]
    served = Served(*broken)
    assert (await served.get()).body == b"ok"
    assert sum(clock) == 5
    served = Served(*(httpx.ReadError("reset") for _ in range(1000)))
    with pytest.raises(Unreachable):
        await served.get()
    assert len(served.asked) == 4


@pytest.mark.anyio
async def test_a_request_without_an_answer_is_sent_once_more(clock: list[float]) -> None:
    served = Served(*(httpx.ReadTimeout("late") for _ in range(1000)))
    with pytest.raises(Unreachable):
        await served.get()
    assert len(served.asked) == 2
    assert clock == []


@pytest.mark.anyio
async def test_while_nothing_is_heard_at_all_nothing_is_tried_again(clock: list[float]) -> None:
    served = Served(*(httpx.ConnectError("off") for _ in range(26)))
    for _ in range(20):
        with pytest.raises(Unreachable):
            await served.get()
    assert len(served.asked) < 26
    assert sum(clock) <= 10, "who works without a network does not wait for each model"
    served.answers.clear()
    await served.get()
    served.answers[:] = [httpx.ReadError("reset")]
    assert (await served.get()).status == 200, "once it answers, it is tried again"


@pytest.mark.anyio
async def test_what_the_way_out_refuses_itself_is_not_tried_again(clock: list[float]) -> None:
    served = Served(httpx.Response(200, content=b"far too long for this"))
    with pytest.raises(Unreachable):
        await served.get()
    assert len(served.asked) == 1
    assert clock == []


@pytest.mark.anyio
async def test_a_broken_connection_is_tried_at_once_also_where_nobody_wants_to_wait(clock: list[float]) -> None:
    served = Served(httpx.ReadError("reset"), max_wait=0)
    assert (await served.get()).status == 200
    served = Served(httpx.ReadError("reset"), httpx.ReadError("reset"), max_wait=0)
    with pytest.raises(Unreachable):
        await served.get()
    assert clock == []


@pytest.mark.anyio
async def test_each_step_of_a_renamed_repository_waits_for_its_own_turn(clock: list[float]) -> None:
    there = {"location": "/a/new/resolve/main/README.md", "RateLimit": '"resolvers";r=0;t=30'}
    served = Served(httpx.Response(307, headers=there))
    assert (await served.get()).body == b"ok"
    assert sum(clock) == 31
    assert served.asked[1] == "/a/new/resolve/main/README.md"
    served = Served(*(httpx.Response(307, headers={"location": CARD}) for _ in range(1000)))
    with pytest.raises(Unreachable):
        await served.get()
    assert len(served.asked) == 6


@pytest.mark.anyio
async def test_processes_share_the_windows(clock: list[float], tmp_path: Path) -> None:
    one, other = (Served(windows=tmp_path / "windows.json") for _ in range(2))
    one.answers[:] = [httpx.Response(200, headers={"RateLimit": '"resolvers";r=2;t=30'})]
    for served in (one, other, one):
        await served.get()
    assert clock == []
    await other.get()
    assert sum(clock) == pytest.approx(31, abs=1)
    one.answers[:] = [httpx.Response(429, headers={"retry-after": "20"})]
    refused = asyncio.create_task(one.get())
    while len(clock) < 2:  # noqa: ASYNC110 - there is nothing to be told by
        await asyncio.sleep(0)
    assert (await other.get()).status == (await refused).status == 200
    assert other.asked == [httpx.URL(CARD).path] * 3


@pytest.mark.anyio
async def test_what_another_process_has_on_its_way_counts_for_the_window(clock: list[float], tmp_path: Path) -> None:
    one, other = (Served(windows=tmp_path / "windows.json") for _ in range(2))
    waiting = asyncio.Event()

    async def late(_: httpx.Request) -> httpx.Response:
        await waiting.wait()
        return httpx.Response(200, content=b"ok")

    slow = Served(windows=tmp_path / "windows.json", answer=late)
    asked = asyncio.create_task(slow.get())
    await asyncio.sleep(0)
    one.answers[:] = [httpx.Response(200, headers={"RateLimit": '"resolvers";r=1;t=30'})]
    await one.get()
    await other.get()
    assert sum(clock) == pytest.approx(31, abs=1), "the one that is left was taken already"
    waiting.set()
    await asked


@pytest.mark.anyio
@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", "[" * 90_000, '{"https://hub.test:443 resolvers": 7}', '{"https://hub.test:443 resolvers": {}}',
     '{"https://hub.test:443 resolvers": {"left": "x", "reset_at": "y", "closed_until": null, "in_flight": [1]}}',
     '{"https://hub.test:443 resolvers": {"left": 0, "reset_at": 1e300, "closed_until": 1e300, "in_flight": {"x": 1}}}',
     '{"https://hub.test:443 resolvers": {"left": 0, "reset_at": NaN, "closed_until": NaN, "in_flight": {}}}'],
)  # fmt: skip
async def test_a_file_of_windows_that_cannot_be_used_holds_up_nobody(
    clock: list[float], tmp_path: Path, text: str
) -> None:
    (tmp_path / "windows.json").write_text(text)
    served = Served(windows=tmp_path / "windows.json")
    assert (await served.get()).status == 200
    away = Served(httpx.Response(200, headers={"RateLimit": '"r";r=0;t=9'}), windows=tmp_path / "away" / "x")
    for _ in range(2):
        assert (await away.get()).status == 200
    assert sum(clock) == 10


@pytest.mark.anyio
async def test_an_operator_may_choose_not_to_wait(clock: list[float]) -> None:
    served = Served(httpx.Response(429, headers={"retry-after": "1", "ratelimit": '"a";r=0;t=5'}), max_wait=0)
    assert (await served.get()).status == 429
    assert (await served.get()).status == 200
    assert clock == []


@pytest.mark.anyio
async def test_the_next_request_waits_before_the_window_is_empty(clock: list[float]) -> None:
    served = Served(httpx.Response(200, headers={"RateLimit": '"resolvers";r=1;t=30'}))
    for _ in range(2):
        await served.get()
    assert clock == []
    await served.get()
    assert sum(clock) == 31
    await served.get(FACTS)
    assert sum(clock) == 31, "the API has a window of its own"


@pytest.mark.anyio
async def test_requests_on_their_way_count_for_the_window(clock: list[float]) -> None:
    served = Served(httpx.Response(200, headers={"RateLimit": '"resolvers";r=3;t=30'}))
    await served.get()
    await asyncio.gather(*(served.get() for _ in range(4)))
    assert sum(clock) == 31
    assert len(served.asked) == 5


@pytest.mark.anyio
async def test_everybody_waits_for_one_refusal(clock: list[float]) -> None:
    served = Served(httpx.Response(429, headers={"retry-after": "20"}))
    first = asyncio.create_task(served.get())
    while not clock:  # noqa: ASYNC110 - there is nothing to be told by
        await asyncio.sleep(0)
    assert (await served.get()).status == (await first).status == 200
    assert len(served.asked) == 3


@pytest.mark.anyio
async def test_a_busy_download_host_holds_up_nobody_else(clock: list[float]) -> None:
    away = httpx.Response(302, headers={"location": CDN})
    served = Served(away, httpx.Response(503, headers={"retry-after": "50"}), httpx.Response(200))
    waiting = asyncio.create_task(served.get())
    while len(served.asked) < 2:  # noqa: ASYNC110 - there is nothing to be told by
        await asyncio.sleep(0)
    assert (await served.get()).status == 200
    assert (await waiting).status == 200
    assert sum(clock) == pytest.approx(50, abs=1)


@pytest.mark.anyio
async def test_a_wait_is_cancelled_at_once() -> None:
    served = Served(httpx.Response(429, headers={"retry-after": "90"}))
    waiting = asyncio.create_task(served.get())
    while not served.waits:  # noqa: ASYNC110 - there is nothing to be told by
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert len(served.asked) == 1


@pytest.mark.parametrize("text", ["", "soon", "Wed, 99 Foo 2026", "inf", "-inf", "Fri, 31 Feb 2026 00:00:00 GMT"])
def test_a_time_that_cannot_be_understood_is_none(text: str) -> None:
    assert retry_after({"retry-after": text}) is None


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("limited")


@pytest.fixture(scope="module")
def proxy(
    tmp_path_factory: pytest.TempPathFactory, base_environment: dict[str, str], library: Path
) -> Iterator[RosterProcess]:
    """A proxy that waits for the hub."""
    environment = {**base_environment, "ROSTER_LIBRARY": str(library), "ROSTER_HUB_WAIT_SECONDS": "60"}
    running = RosterProcess(tmp_path_factory.mktemp("waits"), environment).start()
    yield running
    running.stop()


def models(folder: Path, hub: HubServer, number: int) -> list[Path]:
    """Write models, each of a repository of its own."""
    folder.mkdir()
    found = []
    for name in (f"{folder.name}{index}" for index in range(number)):
        hub.repositories[f"a/{name}"] = Repository(
            f"---\nbase_model: black-forest-labs/FLUX.1-dev\n---\n# Ink\n\nTrigger word: `{name}word`\n",
            files=[f"{name}.safetensors"],
        )
        path = folder / f"{name}.safetensors"
        path.write_bytes(struct.pack("<Q", 2) + b"{}")
        path.with_suffix(".metadata.json").write_text(json.dumps({"hf_url": f"https://huggingface.co/a/{name}"}))
        found.append(path)
    return found


def words(model: Path) -> Any:
    return json.loads(model.with_suffix(".metadata.json").read_text()).get("civitai", {}).get("trainedWords")


def test_a_library_runs_through_the_windows_of_the_hub_without_a_failure_or_a_request_in_vain(
    proxy: RosterProcess, hub: HubServer, library: Path
) -> None:
    hub.limits = {"resolvers": Limit("resolvers", 12, 3), "api": Limit("api", 9, 3)}
    made = models(library / "many", hub, 20)
    found = frames(proxy, "enrich many/", OPENWEBUI, model=AGENT)
    assert "20 in all: 20 changed, 0 unchanged, 0 failed." in text_of(found)
    lines = [frame["event"]["data"]["description"] for frame in found if "event" in frame]
    assert any(line.startswith("The hub asks to slow down: going on in") for line in lines)
    assert [words(model) for model in made] == [[f"many{index}word"] for index in range(20)]
    assert hub.refused == []
    assert len(hub.paths) == 40


def test_two_chats_share_the_windows(proxy: RosterProcess, hub: HubServer, library: Path) -> None:
    hub.limits = {"resolvers": Limit("resolvers", 8, 3), "api": Limit("api", 8, 3)}
    both = [models(library / name, hub, 6) for name in ("left", "right")]
    answers: list[str] = []

    def ask(name: str) -> None:
        answers.append(text_of(frames(proxy, f"enrich {name}/", {}, model=AGENT)))

    threads = [threading.Thread(target=ask, args=(name,)) for name in ("left", "right")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert all("6 in all: 6 changed" in answer for answer in answers)
    assert len(answers) == 2
    assert all(words(model) for made in both for model in made)
    # Before the first answer nobody knows how large the window is.
    assert len(hub.refused) <= 8


def test_a_job_in_the_worker_and_a_chat_wait_for_the_hub_and_the_job_tells_of_its_waits(
    proxy: RosterProcess, hub: HubServer, library: Path
) -> None:
    with proxy.http() as client:
        # By then the worker runs.
        models(library / "first", hub, 1)
        jobs.events(client, jobs.begin(client, "first/"))
        hub.paths.clear()
        hub.limits = {"resolvers": Limit("resolvers", 8, 3), "api": Limit("api", 8, 3)}
        both = [models(library / name, hub, 14) for name in ("chat", "job")]
        job = jobs.begin(client, "job/")
        chat = text_of(frames(proxy, "enrich chat/", {}, model=AGENT))
        told = jobs.events(client, job)
    assert "14 changed" in chat
    assert (told[-1]["event"], told[-1]["data"]["changed"]) == ("completed", 14)
    assert all(words(model) for made in both for model in made)
    waits = [event["data"]["description"] for event in told if event["event"] == "status"]
    assert all(line.startswith("The hub asks to slow down: going on in") for line in waits)
    assert waits
    # At the edge of a window one may be too early, and is sent again. What is shared is tested without a proxy above.
    assert len(hub.refused) <= 4, hub.refused
    assert len(set(hub.paths)) == 56


def test_the_command_line_tells_of_its_waits(
    hub: HubServer, library: Path, tmp_path: Path, base_environment: dict[str, str]
) -> None:
    hub.limits = {"resolvers": Limit("resolvers", 3, 2)}
    made = models(library / "typed", hub, 5)
    environment = {"HF_ENDPOINT": base_environment["HF_ENDPOINT"], "ROSTER_HUB_WAIT_SECONDS": "60"}
    environment["ROSTER_DATA_DIR"] = str(tmp_path / "data")
    done = run_roster("enrich", str(library / "typed"), environment=environment)
    assert done.returncode == 0, done.stderr
    assert "The hub asks to slow down: going on in" in done.stderr
    assert all(words(model) for model in made)
