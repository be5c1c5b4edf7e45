"""`python -m benchmarks [--quick] [--json]`: one run against a real proxy on this machine."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import NoReturn

from benchmarks.cases import CLIENTS, FULL, QUICK, Plan, Server, measure_cases, measure_first_piece, progress
from benchmarks.enrichment import fill
from benchmarks.load import WrongAnswer, open_client
from benchmarks.memory import measure_memory
from benchmarks.processes import (
    Proxy,
    help_seconds,
    running_agentos,
    running_cards,
    running_proxy,
    running_stub,
    write_byte_code,
)
from benchmarks.report import as_json, as_table
from benchmarks.results import Results
from benchmarks.under_a_job import MODELS, measure_under_a_job

_HELP_RUNS = 5
_INTERRUPTED = 130


def main() -> None:
    """Measure and print; a missed bar is a result, not a failure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="What an answer costs.")
    parser.add_argument("--quick", action="store_true", help="fewer requests: less than a minute, more noise")
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    arguments = parser.parse_args()
    # So that the context managers below also stop the processes when the benchmark is told to end.
    signal.signal(signal.SIGTERM, _interrupted)
    try:
        results = _run(QUICK if arguments.quick else FULL)
    except* WrongAnswer as group:
        sys.exit(str(group.exceptions[0]))
    except* KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    sys.stdout.write((as_json(results) if arguments.json else as_table(results)) + "\n")


def _interrupted(_signal: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(_INTERRUPTED)


def _run(plan: Plan) -> Results:
    write_byte_code()
    with TemporaryDirectory(prefix="roster-bench-") as folder, running_stub() as stub_url, running_cards() as hub_url:
        help_time = help_seconds(_HELP_RUNS)
        progress("starting the proxy")
        extra = {"HF_ENDPOINT": hub_url, "ROSTER_LIBRARY": str(fill(Path(folder, "library"), MODELS))}
        with running_proxy(Path(folder), stub_url, extra) as proxy, running_agentos(stub_url) as agentos:
            return asyncio.run(_measure(proxy, agentos, plan, help_time))


async def _measure(proxy: Proxy, agentos: tuple[str, int] | None, plan: Plan, help_time: float) -> Results:
    url, pid = agentos or ("http://127.0.0.1:1", 0)
    async with open_client(proxy.url, proxy.master_key) as client, open_client(url) as agentos_client:
        # Memory first: after many streams the heap has so much free room that growth would not show.
        memory = await measure_memory(client, proxy, plan.memory_warm_up)
        peer = Server(client=agentos_client, pid=pid) if agentos else None
        rounds = await measure_cases(Server(client=client, pid=proxy.pid), peer, plan)
        first_piece = {
            clients: await measure_first_piece(client, plan.first_piece_requests, clients) for clients in CLIENTS
        }
        under_a_job = await measure_under_a_job(client, plan.first_piece_requests)
    return Results(
        rounds=rounds,
        first_piece_ms=first_piece,
        under_a_job=under_a_job,
        memory=memory,
        start_cpu_seconds=proxy.start_cpu_seconds,
        start_wall_seconds=proxy.start_wall_seconds,
        help_seconds=help_time,
    )


if __name__ == "__main__":
    main()
