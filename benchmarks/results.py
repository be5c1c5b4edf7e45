"""All numbers of a run, and the bars of the design they are held against."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.cases import CLIENTS, Case, Cost, Shape, Target, median_cost
from benchmarks.memory import Memory
from benchmarks.under_a_job import UnderAJob

# The quality bars of the design: CPU of an agent's answer as a multiple of LiteLLM passing the model through.
_CPU_BARS: Mapping[Shape, float] = {"whole": 0.25, "stream": 0.08, "paced": 0.4}
_MEMORY_BAR_MB = 20.0
_TOOLS_BAR_MS = 2.0
_ALIVE_BAR_MS = 100.0
_HELP_BAR_SECONDS = 0.3

_WITH_AND_WITHOUT: tuple[Target, Target] = ("tools", "agent")

SHAPE_NAMES: Mapping[Shape, str] = {
    "whole": "not streamed",
    "stream": "streamed, full speed",
    "paced": "streamed, 50/s",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """One run."""

    rounds: Mapping[Case, Sequence[Cost]]
    first_piece_ms: Mapping[int, Mapping[Target, float]]
    under_a_job: UnderAJob
    memory: Memory
    start_cpu_seconds: float
    start_wall_seconds: float
    help_seconds: float

    @property
    def costs(self) -> dict[Case, Cost]:
        """The medians of all rounds."""
        return {case: median_cost(rounds) for case, rounds in self.rounds.items()}


@dataclass(frozen=True, slots=True)
class Verdict:
    """A number and the most it may be."""

    name: str
    value: float
    bar: float

    @property
    def met(self) -> bool:
        """Whether the bar is met."""
        return self.value <= self.bar


def verdicts(results: Results) -> list[Verdict]:
    """Hold a run against every bar."""
    cpu = [
        Verdict(_cpu_name(shape, clients), _ratio(results, shape, clients), bar)
        for shape, bar in _CPU_BARS.items()
        for clients in CLIENTS
    ]
    agentos = [
        Verdict(
            f"CPU agent / AgentOS, not streamed, {_clients(clients)}", _ratio(results, "whole", clients, "agentos"), 1
        )
        for clients in CLIENTS
        if Case("whole", "agentos", clients) in results.rounds
    ]
    first = [
        Verdict(f"time to first piece agent / passthrough, {_clients(clients)}", ms["agent"] / ms["passthrough"], 1)
        for clients, ms in results.first_piece_ms.items()
    ]
    job = results.under_a_job
    return [
        *cpu,
        *agentos,
        Verdict("CPU of 100 tools more (ms)", _difference(results), _TOOLS_BAR_MS),
        *first,
        Verdict("time to first piece under a job, 1 client", job.agent_ms / job.passthrough_ms, 1),
        Verdict("slowest sign of life under a job (ms)", job.liveliness_slowest_ms, _ALIVE_BAR_MS),
        Verdict("memory after 1,000 users (MB more)", results.memory.growth_mb, _MEMORY_BAR_MB),
        Verdict("roster --help (s)", results.help_seconds, _HELP_BAR_SECONDS),
    ]


def _ratio(results: Results, shape: Shape, clients: int, to: Target = "passthrough") -> float:
    agents = results.rounds[Case(shape, "agent", clients)]
    others = results.rounds[Case(shape, to, clients)]
    # Within a round both met the same noise, so the ratio is taken there and the median after it.
    return median(agent.cpu_ms / other.cpu_ms for agent, other in zip(agents, others, strict=True))


def _difference(results: Results) -> float:
    with_tools, without = (results.rounds[Case("whole", target, 1)] for target in _WITH_AND_WITHOUT)
    return median(more.cpu_ms - less.cpu_ms for more, less in zip(with_tools, without, strict=True))


def _cpu_name(shape: Shape, clients: int) -> str:
    return f"CPU agent / passthrough, {SHAPE_NAMES[shape]}, {_clients(clients)}"


def _clients(number: int) -> str:
    return f"{number} client{'s' if number > 1 else ''}"
