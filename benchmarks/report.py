"""Results for people and for programs."""

import json
from dataclasses import asdict

from benchmarks.results import SHAPE_NAMES, Results, verdicts

_HEADINGS = ("answer", "from", "clients", "CPU ms/request", "requests/s", "first piece ms")


def as_table(results: Results) -> str:
    """Return everything as text."""
    rows = [
        (
            SHAPE_NAMES[case.shape],
            case.target,
            str(case.clients),
            f"{cost.cpu_ms:.1f}",
            f"{cost.per_second:.2f}",
            "" if case.shape == "whole" else f"{cost.first_piece_ms:.1f}",
        )
        for case, cost in results.costs.items()
    ]
    return "\n\n".join(("\n".join(_aligned([_HEADINGS, *rows], texts=2)), "\n".join(_others(results)), _bars(results)))


def as_json(results: Results) -> str:
    """Return everything as JSON."""
    value = {
        "cases": [asdict(case) | asdict(cost) for case, cost in results.costs.items()],
        "first_piece_ms": {clients: dict(ms) for clients, ms in results.first_piece_ms.items()},
        "under_a_job": asdict(results.under_a_job),
        "memory_mb": asdict(results.memory) | {"growth_mb": results.memory.growth_mb},
        "start": {"cpu_seconds": results.start_cpu_seconds, "wall_seconds": results.start_wall_seconds},
        "help_seconds": results.help_seconds,
        "bars": [asdict(verdict) | {"met": verdict.met} for verdict in verdicts(results)],
    }
    return json.dumps(value, indent=2)


def _others(results: Results) -> list[str]:
    memory, job = results.memory, results.under_a_job
    return [
        *(
            f"first piece at 50/s, clients: {clients}: "
            f"passthrough {ms['passthrough']:.1f} ms, agent {ms['agent']:.1f} ms"
            for clients, ms in results.first_piece_ms.items()
        ),
        f"under a job: sign of life {job.liveliness_median_ms:.1f} ms, at most {job.liveliness_slowest_ms:.0f} ms; "
        f"first piece: passthrough {job.passthrough_ms:.1f} ms, agent {job.agent_ms:.1f} ms",
        f"memory: {memory.before_mb:.0f} MB, after 1,000 users {memory.after_mb:.0f} MB",
        f"start: {results.start_cpu_seconds:.1f} s of CPU, ready after {results.start_wall_seconds:.1f} s",
        f"roster --help: {results.help_seconds:.2f} s",
    ]


def _bars(results: Results) -> str:
    rows = [
        (verdict.name, f"{verdict.value:.2f}", f"<= {verdict.bar:g}", "met" if verdict.met else "missed")
        for verdict in verdicts(results)
    ]
    return "\n".join(_aligned([("bar", "value", "wanted", ""), *rows], texts=1))


def _aligned(rows: list[tuple[str, ...]], *, texts: int) -> list[str]:
    """Pad the cells: the first `texts` columns to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if index < texts else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
