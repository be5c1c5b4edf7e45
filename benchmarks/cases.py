"""Who answers, how, to how many: the cases, measured in rounds so that noise hits all alike."""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal, TypeAlias

import httpx

from benchmarks.load import Question, ask_many
from benchmarks.process_cost import settled_cpu_seconds
from benchmarks.stub_model import PIECES, order

Target: TypeAlias = Literal["passthrough", "empty", "agent", "offline", "agentos", "tools"]
Shape: TypeAlias = Literal["whole", "stream", "paced"]

CLIENTS = (1, 16)
PACE = 50

_FIRST_PIECE_LENGTH = 5
_LAST_WORD = f"w{PIECES - 1} ".encode()
_MODELS: Mapping[Target, str] = {
    "passthrough": "plain-model",
    "empty": "empty-model",
    "agent": "agno/demo-agent",
    "offline": "agno/demo-agent",
    "agentos": "bench",
    "tools": "agno/many-tools",
}
# In this order, so that what is compared is also measured close together.
_TARGETS: Mapping[Shape, tuple[Target, ...]] = {
    "whole": ("passthrough", "agent", "tools", "agentos", "empty", "offline"),
    "stream": ("passthrough", "agent", "empty", "offline"),
    "paced": ("passthrough", "agent"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Who is asked, and whose CPU is counted."""

    client: httpx.AsyncClient
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is asked: a full run needs some minutes, a quick one less than one."""

    rounds: int
    requests: Mapping[Shape, tuple[int, int]]
    first_piece_requests: int
    memory_warm_up: int


FULL = Plan(
    rounds=5,
    requests={"whole": (50, 112), "stream": (4, 16), "paced": (1, 16)},
    first_piece_requests=60,
    memory_warm_up=500,
)
QUICK = Plan(
    rounds=1,
    requests={"whole": (30, 64), "stream": (4, 16), "paced": (1, 16)},
    first_piece_requests=20,
    memory_warm_up=300,
)


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the table."""

    shape: Shape
    target: Target
    clients: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one request of a case costs: the proxy's CPU, and how many are served in a second."""

    cpu_ms: float
    per_second: float
    first_piece_ms: float


def all_cases() -> list[Case]:
    """Return the cases in the order of measurement."""
    return [
        Case(shape, target, clients) for shape, targets in _TARGETS.items() for clients in CLIENTS for target in targets
    ]


def question(target: Target, shape: Shape, headers: Mapping[str, str] | None = None) -> Question:
    """Return what a case asks; the command needs no model and gives a short answer."""
    offline = target == "offline"
    return Question(
        model=_MODELS[target],
        text="/palette blue" if offline else order(PIECES, PACE if shape == "paced" else 0),
        stream=shape != "whole",
        expected=b"#" if offline else _LAST_WORD,
        path="/agents/bench/runs" if target == "agentos" else "/v1/chat/completions",
        headers=headers or {},
    )


async def measure_cases(proxy: Server, agentos: Server | None, plan: Plan) -> dict[Case, list[Cost]]:
    """Measure all cases once a round, every second round backwards; return each case's costs in order of rounds."""
    cases = [case for case in all_cases() if agentos or case.target != "agentos"]
    costs: dict[Case, list[Cost]] = {case: [] for case in cases}
    for case in cases:
        if case.shape != "paced":
            await _measure(proxy, agentos, case, requests=case.clients)
    for number in range(plan.rounds):
        progress(f"round {number + 1} of {plan.rounds}")
        for case in cases if number % 2 == 0 else reversed(cases):
            requests = plan.requests[case.shape][CLIENTS.index(case.clients)]
            costs[case].append(await _measure(proxy, agentos, case, requests))
    return costs


async def measure_first_piece(client: httpx.AsyncClient, requests: int, clients: int) -> dict[Target, float]:
    """Return the median milliseconds to the first piece of a paced stream for so many clients, asking in turns.

    The streams are short, because only their beginning counts.
    """
    targets: tuple[Target, ...] = ("passthrough", "agent")
    seconds: dict[Target, list[float]] = {target: [] for target in targets}
    progress(f"time to first piece, clients: {clients}")
    for _ in range(max(1, requests // clients)):
        for target in targets:
            asked = Question(
                model=_MODELS[target],
                text=order(_FIRST_PIECE_LENGTH, PACE),
                stream=True,
                expected=f"w{_FIRST_PIECE_LENGTH - 1} ".encode(),
            )
            seconds[target] += await ask_many(client, lambda _, asked=asked: asked, requests=clients, clients=clients)
    return {target: median(found) * 1000 for target, found in seconds.items()}


def median_cost(costs: Sequence[Cost]) -> Cost:
    """Return the median of each number."""

    def middle(value: Callable[[Cost], float]) -> float:
        return median(map(value, costs))

    return Cost(
        cpu_ms=middle(lambda cost: cost.cpu_ms),
        per_second=middle(lambda cost: cost.per_second),
        first_piece_ms=middle(lambda cost: cost.first_piece_ms),
    )


def progress(text: str) -> None:
    """Say what is going on, beside the results."""
    sys.stderr.write(f"... {text}\n")
    sys.stderr.flush()


async def _measure(proxy: Server, agentos: Server | None, case: Case, requests: int) -> Cost:
    asked = question(case.target, case.shape)
    server = agentos if agentos and case.target == "agentos" else proxy
    before, begin = settled_cpu_seconds(server.pid), time.perf_counter()
    firsts = await ask_many(server.client, lambda _: asked, requests=requests, clients=case.clients)
    seconds = time.perf_counter() - begin
    return Cost(
        cpu_ms=(settled_cpu_seconds(server.pid) - before) * 1000 / requests,
        per_second=requests / seconds,
        first_piece_ms=median(firsts) * 1000,
    )
