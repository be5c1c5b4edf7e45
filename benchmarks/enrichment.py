"""`python -m benchmarks.enrichment`: what completing a library costs, by command and as a job."""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from benchmarks.cases import progress
from benchmarks.load import WrongAnswer
from benchmarks.process_cost import peak_mb, resident_mb, settled_cpu_seconds
from benchmarks.processes import (
    ROSTER,
    Proxy,
    clean_environment,
    running_cards,
    running_proxy,
    running_stub,
    workers_of,
    write_byte_code,
)

_IN_A_FOLDER = 500
_POLLS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """`roster enrich` over so many models; `cpu_ms` is for each, without what the start costs."""

    models: int
    cpu_ms: float
    per_second: float
    peak_mb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job over HTTP, from beginning to the last event."""

    models: int
    cpu_ms: float
    per_second: float
    growth_mb: float
    worker_mb: float
    proxy_cpu_ms: float
    slowest_liveliness_ms: float
    database_kb_per_model: float
    poll_cpu_ms: float
    replay_cpu_ms: float
    replay_seconds: float
    replay_mb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """All numbers of a run."""

    start_cpu_seconds: float
    few: Command
    again: Command
    many: Command
    cpu_ratio: float
    job: Job


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.enrichment", description="What a library costs.")
    parser.add_argument("--models", type=int, default=1_000, help="models of the command, then four times as many")
    parser.add_argument("--job", type=int, default=10_000, help="models of the job")
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    arguments = parser.parse_args()
    write_byte_code()
    try:
        results = _run(arguments.models, arguments.job)
    except WrongAnswer as error:
        sys.exit(str(error))
    sys.stdout.write((json.dumps(asdict(results), indent=2) if arguments.json else _table(results)) + "\n")


def fill(folder: Path, models: int) -> Path:
    """Make a library of models whose sidecars name where they come from, and nothing else."""
    for number in range(models):
        path = folder / f"{number // _IN_A_FOLDER:03}" / f"style-{number}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\x02\0\0\0\0\0\0\0{}")
        sidecar = {"file_name": path.stem, "hf_url": f"https://huggingface.co/bench/style-{number}", "base_model": ""}
        path.with_name(f"{path.stem}.metadata.json").write_text(json.dumps(sidecar), encoding="utf-8")
    return folder


def _run(models: int, job_models: int) -> Results:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="roster-bench-")))
        hub = {"HF_ENDPOINT": stack.enter_context(running_cards())}
        progress("the command: start")
        # The first of these makes the secrets, and everything else that only a first start does.
        one = fill(folder / "one", 1)
        _command(folder, one, hub)
        start, _, _ = _command(folder, one, hub)
        sizes = (models, 4 * models)
        few = fill(folder / "few", sizes[0])
        first = _measured(folder, few, hub, sizes[0], start)
        again = _measured(folder, few, hub, sizes[0], start)
        many = _measured(folder, fill(folder / "many", sizes[1]), hub, sizes[1], start)
        environment = {**hub, "ROSTER_LIBRARY": str(fill(folder / "job", job_models)), "LLM_PROVIDER": "offline"}
        progress("starting the proxy")
        (folder / "proxy").mkdir()
        proxy = stack.enter_context(running_proxy(folder / "proxy", stack.enter_context(running_stub()), environment))
        return Results(
            start_cpu_seconds=start,
            few=first,
            again=again,
            many=many,
            cpu_ratio=many.cpu_ms * many.models / (first.cpu_ms * first.models),
            job=_job(proxy, folder / "proxy" / "data", job_models),
        )


def _measured(folder: Path, library: Path, hub: Mapping[str, str], models: int, start: float) -> Command:
    progress(f"the command: {models} models")
    cpu, wall, peak = _command(folder, library, hub)
    return Command(models=models, cpu_ms=(cpu - start) * 1000 / models, per_second=models / wall, peak_mb=peak)


def _command(folder: Path, library: Path, hub: Mapping[str, str]) -> tuple[float, float, float]:
    """Run the command to its end; return its CPU seconds, wall seconds and peak memory in megabytes."""
    output = folder / "output.json"
    begin = time.perf_counter()
    with output.open("wb") as file:
        process = subprocess.Popen(
            [ROSTER, "enrich", str(library), "--json", "--data-dir", str(folder / "data")],
            env=clean_environment(hub),
            stdout=file,
        )
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - begin
    if process.returncode:
        raise WrongAnswer(f"roster enrich ended with status {process.returncode}: {output.read_text()[:500]}")
    return usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1000


def _job(proxy: Proxy, data_dir: Path, models: int) -> Job:
    progress(f"a job: {models} models")
    headers = {"authorization": f"Bearer {proxy.master_key}"}
    with httpx.Client(base_url=proxy.url, headers=headers, trust_env=False, timeout=120) as client:
        client.get("/roster/api/jobs")
        before, memory, begin = settled_cpu_seconds(proxy.pid), resident_mb(proxy.pid), time.perf_counter()
        path = client.post("/roster/api/skills/enrich-hf-metadata/execute", json={"targets": ["everything"]}).headers[
            "location"
        ]
        slowest = _watched(client, path, models)
        wall = time.perf_counter() - begin
        cpu, (worker,) = settled_cpu_seconds(proxy.pid), workers_of(proxy.pid)
        after = resident_mb(proxy.pid)
        for _ in range(_POLLS):
            client.get(path)
        polled, begin = settled_cpu_seconds(proxy.pid), time.perf_counter()
        replay = client.get(f"{path}/events").content
        replay_seconds = time.perf_counter() - begin
        if replay.count(b"event: item") != models:
            raise WrongAnswer(f"the replay has {replay.count(b'event: item')} of {models} items")
    return Job(
        models=models,
        cpu_ms=settled_cpu_seconds(worker) * 1000 / models,
        per_second=models / wall,
        growth_mb=after - memory,
        worker_mb=peak_mb(worker),
        proxy_cpu_ms=(cpu - before) * 1000 / models,
        slowest_liveliness_ms=slowest * 1000,
        database_kb_per_model=(data_dir / "roster.db").stat().st_size / 1000 / models,
        poll_cpu_ms=(polled - cpu) * 1000 / _POLLS,
        replay_cpu_ms=(settled_cpu_seconds(proxy.pid) - polled) * 1000,
        replay_seconds=replay_seconds,
        replay_mb=len(replay) / 1e6,
    )


def _watched(client: httpx.Client, path: str, models: int) -> float:
    """Wait for the end of a job; return the slowest answer of the liveliness check meanwhile."""
    slowest = 0.0
    while True:
        begin = time.perf_counter()
        client.get("/health/liveliness").raise_for_status()
        slowest = max(slowest, time.perf_counter() - begin)
        job = client.get(path).json()
        if job["state"] not in {"queued", "running"}:
            break
        time.sleep(0.25)
    if (job["state"], job["changed"]) != ("completed", models):
        raise WrongAnswer(f"the job ended as {job}")
    return slowest


def _table(results: Results) -> str:
    commands = (("", results.few), (" again", results.again), ("", results.many))
    job = results.job
    return "\n".join(
        [
            f"start of the command: {results.start_cpu_seconds:.2f} s of CPU",
            *(
                f"{cost.models} models{word}: {cost.cpu_ms:.2f} ms of CPU each, {cost.per_second:.0f}/s, "
                f"peak {cost.peak_mb:.0f} MB"
                for word, cost in commands
            ),
            f"CPU of {results.many.models} against {results.few.models}: {results.cpu_ratio:.2f} (linear: 4)",
            f"job of {job.models}: {job.cpu_ms:.2f} ms of CPU each in the worker, {job.proxy_cpu_ms:.2f} in the proxy; "
            f"{job.per_second:.0f}/s, peak of the worker {job.worker_mb:.0f} MB, the proxy {job.growth_mb:+.0f} MB; "
            f"slowest liveliness {job.slowest_liveliness_ms:.0f} ms",
            f"its database: {job.database_kb_per_model:.2f} kB for each; one poll: {job.poll_cpu_ms:.2f} ms of CPU",
            f"replay of its events: {job.replay_cpu_ms:.0f} ms of CPU, {job.replay_seconds:.2f} s, "
            f"{job.replay_mb:.1f} MB",
        ]
    )


if __name__ == "__main__":
    main()
