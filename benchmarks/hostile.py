"""`python -m benchmarks.hostile`: what hostile requests cost the proxy, and what others wait meanwhile."""

import asyncio
import json
import multiprocessing
import resource
import sys
import time
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Event
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from benchmarks.process_cost import cpu_seconds, resident_mb
from benchmarks.processes import Proxy, running_proxy, running_stub, write_byte_code

_PROBE_PAUSE_SECONDS = 0.02
_MAX_CASE_SECONDS = 60
_CONNECTIONS = 1500
_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one kind of hostile request cost: seconds of CPU, megabytes of growth, the worst wait of others in ms."""

    name: str
    answers: str
    seconds: float
    cpu_seconds: float
    growth_mb: float
    worst_wait_ms: float


@dataclass(frozen=True, slots=True)
class Attack:
    """Requests to one proxy over raw sockets; each method returns what came back, in words."""

    host: str
    port: int
    key: str

    async def small_values(self, key: str) -> str:
        """Send 19 MB of small values in one body."""
        body = b'{"model":"agno/demo-agent","messages":[' + b"1," * 9_500_000 + b"1]}"
        return await self._post(body, key)

    async def nesting(self) -> str:
        """Send 20 bodies of 700 levels."""
        body = b'{"model":"plain-model","messages":' + b"[" * 700 + b"]" * 700 + b"}"
        return _counted([await self._post(body, self.key) for _ in range(20)])

    async def large_bodies(self) -> str:
        """Send 40 bodies of 10 MB at once."""
        text = "x" * (10 * _MEGABYTE)
        body = json.dumps({"model": "agno/demo-agent", "messages": [{"role": "user", "content": text}]}).encode()
        return _counted(await asyncio.gather(*(self._post(body, self.key) for _ in range(40))))

    async def many_headers(self) -> str:
        """Send 300 MB of headers."""
        line = b"x-filler: " + b"y" * 8000 + b"\r\n"
        pieces = (line * 100 for _ in range(300 * _MEGABYTE // (len(line) * 100)))
        return await self._pieces(b"GET /health/liveliness HTTP/1.1\r\nhost: x\r\n", pieces, b"\r\n")

    async def endless_header(self) -> str:
        """Send one header of 40 MB."""
        return await self._pieces(b"GET /health/liveliness HTTP/1.1\r\nx-filler: ", _endless(40), b"\r\n\r\n")

    async def endless_address(self) -> str:
        """Send a request line of 40 MB."""
        return await self._pieces(b"GET /", _endless(40), b" HTTP/1.1\r\n\r\n")

    async def half_sent(self) -> str:
        """Open 1,500 connections, send half of a head on each, and see how many are kept for 12 seconds."""
        opened = await asyncio.gather(*(self._half() for _ in range(_CONNECTIONS)))
        ended = await asyncio.gather(*(_has_ended(reader, 12) for reader, _ in opened))
        for _, writer in opened:
            writer.close()
        return f"{ended.count(False)} of {_CONNECTIONS} kept"

    async def _half(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(self.host, self.port)
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost:")
        return reader, writer

    async def _post(self, body: bytes, key: str) -> str:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n"
        head += f"content-type: application/json\r\nconnection: close\r\n{_authorization(key)}\r\n"
        step = 1 << 18
        return await self._pieces(head.encode(), (body[at : at + step] for at in range(0, len(body), step)), b"")

    async def _pieces(self, head: bytes, pieces: Iterator[bytes], end: bytes) -> str:
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            writer.write(head)
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            writer.write(end)
            await writer.drain()
        except OSError:
            pass
        try:
            line = await reader.readline()
        except OSError:
            line = b""
        writer.close()
        return line.decode("latin-1").split(" ")[1] if line.startswith(b"HTTP/") else "cut off"


def main() -> None:
    """Run every case against a proxy of its own kind and print a table."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8192)), hard))
    write_byte_code()
    rows: list[Row] = []
    with TemporaryDirectory(prefix="roster-hostile-") as folder, running_stub() as stub:
        environment = {"ROSTER_HEADER_SECONDS": "5"}
        for number, name in enumerate(_cases(Attack("", 0, ""))):
            # A proxy for each: memory that one case left behind must not hide what the next one takes.
            print(f"{name} ...", file=sys.stderr, flush=True)
            path = Path(folder) / str(number)
            path.mkdir()
            with running_proxy(path, stub, environment) as proxy:
                rows.append(asyncio.run(_measured(proxy, name)))
    print(_table(rows))


def _cases(attack: Attack) -> dict[str, Callable[[], Awaitable[str]]]:
    return {
        "19 MB of small values, no key": lambda: attack.small_values(""),
        "19 MB of small values, with key": lambda: attack.small_values(attack.key),
        "20 bodies of 700 levels": attack.nesting,
        "40 bodies of 10 MB at once": attack.large_bodies,
        "300 MB of headers": attack.many_headers,
        "one header of 40 MB": attack.endless_header,
        "a request line of 40 MB": attack.endless_address,
        "1,500 half-sent requests": attack.half_sent,
    }


async def _measured(proxy: Proxy, name: str) -> Row:
    parts = urlsplit(proxy.url)
    attack = Attack(parts.hostname or "", parts.port or 0, proxy.master_key)
    run = _cases(attack)[name]
    cpu, memory, begun = cpu_seconds(proxy.pid), resident_mb(proxy.pid), time.monotonic()
    grown: list[float] = []
    with _probing(attack.host, attack.port) as worst:
        watcher = asyncio.create_task(_watch(proxy.pid, grown))
        try:
            async with asyncio.timeout(_MAX_CASE_SECONDS):
                answers = await run()
        except TimeoutError:
            answers = "no answer"
        seconds = time.monotonic() - begun
        await asyncio.sleep(0.3)
        watcher.cancel()
    return Row(
        name=name,
        answers=answers,
        seconds=seconds,
        cpu_seconds=cpu_seconds(proxy.pid) - cpu,
        growth_mb=max(grown, default=memory) - memory,
        worst_wait_ms=worst.value * 1000,
    )


async def _watch(pid: int, seen: list[float]) -> None:
    while True:
        seen.append(resident_mb(pid))
        await asyncio.sleep(0.05)


class _Worst:
    value: float = 0.0


@contextmanager
def _probing(host: str, port: int) -> Generator[_Worst]:
    """Ask for liveness again and again from a process of its own; the worst wait is known afterwards."""
    context = multiprocessing.get_context("spawn")
    stop, ready = context.Event(), context.Event()
    results: SimpleQueue[float] = context.SimpleQueue()
    process = context.Process(target=_probe, args=(host, port, stop, ready, results), daemon=True)
    process.start()
    ready.wait(30)
    worst = _Worst()
    yield worst
    stop.set()
    worst.value = results.get()
    process.join()


def _probe(host: str, port: int, stop: Event, ready: Event, results: "SimpleQueue[float]") -> None:
    async def once() -> float:
        begun = time.monotonic()
        try:
            async with asyncio.timeout(_MAX_CASE_SECONDS):
                reader, writer = await asyncio.open_connection(host, port)
                writer.write(b"GET /health/liveliness HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
                answer = await reader.readline()
                writer.close()
        except (OSError, TimeoutError):
            answer = b""
        return time.monotonic() - begun if b" 200 " in answer else float(_MAX_CASE_SECONDS)

    async def again_and_again() -> float:
        await once()
        ready.set()
        worst = 0.0
        while not stop.is_set():
            worst = max(worst, await once())
            await asyncio.sleep(_PROBE_PAUSE_SECONDS)
        return worst

    results.put(asyncio.run(again_and_again()))


async def _has_ended(reader: asyncio.StreamReader, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            while await reader.read(4096):
                pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


def _endless(megabytes: int) -> Iterator[bytes]:
    return (b"y" * 100_000 for _ in range(megabytes * 10))


def _authorization(key: str) -> str:
    return f"authorization: Bearer {key}\r\n" if key else ""


def _counted(answers: list[str]) -> str:
    return ", ".join(f"{answers.count(one)} x {one}" for one in sorted(set(answers)))


def _table(rows: list[Row]) -> str:
    lines = [
        "| Request | Answer | Seconds | CPU seconds | Growth, MB | Worst wait of others, ms |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {row.name} | {row.answers} | {row.seconds:.1f} | {row.cpu_seconds:.2f} | {row.growth_mb:.0f} | "
        f"{row.worst_wait_ms:.0f} |"
        for row in rows
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
