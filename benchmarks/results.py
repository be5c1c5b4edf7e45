"""All numbers of a run, and the bars of the design they are held against."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.cases import CLIENTS, Case, Cost, Shape, Target, median_cost
from benchmarks.memory import Memory

# The quality bars of the design: CPU of an agent's answer as a multiple of LiteLLM passing the model through.
_CPU_BARS: Mapping[Shape, float] = {"whole": 1.15, "stream": 0.3, "paced": 0.75}
_FIRST_PIECE_BAR = 1.0
_MEMORY_BAR_MB = 20.0
_HELP_BAR_SECONDS = 0.3

SHAPE_NAMES: Mapping[Shape, str] = {
    "whole": "not streamed",
    "stream": "streamed, full speed",
    "paced": "streamed, 50/s",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """One run."""

    rounds: Mapping[Case, Sequence[Cost]]
    first_piece_ms: Mapping[Target, float]
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
    first = results.first_piece_ms["agent"] / results.first_piece_ms["passthrough"]
    return [
        *cpu,
        Verdict("time to first piece agent / passthrough", first, _FIRST_PIECE_BAR),
        Verdict("memory after 1,000 users (MB more)", results.memory.growth_mb, _MEMORY_BAR_MB),
        Verdict("roster --help (s)", results.help_seconds, _HELP_BAR_SECONDS),
    ]


def _ratio(results: Results, shape: Shape, clients: int) -> float:
    agents = results.rounds[Case(shape, "agent", clients)]
    passthroughs = results.rounds[Case(shape, "passthrough", clients)]
    # Within a round both met the same noise, so the ratio is taken there and the median after it.
    return median(agent.cpu_ms / passthrough.cpu_ms for agent, passthrough in zip(agents, passthroughs, strict=True))


def _cpu_name(shape: Shape, clients: int) -> str:
    return f"CPU agent / passthrough, {SHAPE_NAMES[shape]}, {clients} client{'s' if clients > 1 else ''}"
