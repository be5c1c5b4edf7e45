"""Sidecars under load and sudden death; what the way out refuses."""

import json
import multiprocessing
import os
import signal
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest

from agentroster.errors import NotAllowed, ToolFailed, Unreachable
from agentroster.library.library import Library, ModelFile
from agentroster.library.sidecar import Sidecars
from agentroster.net.egress import Egress, Origin


@pytest.fixture
def model(tmp_path: Path) -> ModelFile:
    (tmp_path / "m.safetensors").write_bytes(b"\0" * 8)
    (tmp_path / "m.metadata.json").write_text('{"numbers": []}', encoding="utf-8")
    return Library([tmp_path]).find("m.safetensors")[0]


def _append(model: ModelFile, worker: int, count: int) -> None:
    for number in range(count):

        def change(sidecar: dict[str, Any], entry: int = worker * 1000 + number) -> bool:
            sidecar["numbers"].append(entry)
            return True

        Sidecars().update(model, change)


def test_no_change_is_lost_between_processes(model: ModelFile) -> None:
    workers = [multiprocessing.Process(target=_append, args=(model, worker, 40)) for worker in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    numbers = json.loads(model.sidecar.read_text(encoding="utf-8"))["numbers"]
    assert sorted(numbers) == sorted(worker * 1000 + number for worker in range(4) for number in range(40))


def test_a_killed_writer_leaves_the_old_or_the_new_file(model: ModelFile) -> None:
    for _ in range(25):
        writer = multiprocessing.Process(target=_append, args=(model, 1, 10_000))
        writer.start()
        before = len(json.loads(model.sidecar.read_text(encoding="utf-8"))["numbers"])
        while len(json.loads(model.sidecar.read_text(encoding="utf-8"))["numbers"]) < before + 3:
            pass
        assert writer.pid is not None
        os.kill(writer.pid, signal.SIGKILL)
        writer.join(10)
        json.loads(model.sidecar.read_text(encoding="utf-8"))


def test_a_change_by_somebody_else_in_between_is_read_again(model: ModelFile) -> None:
    sidecars = Sidecars()
    sidecars.read(model)
    model.sidecar.write_text('{"theirs": true}', encoding="utf-8")
    sidecars.update(model, lambda sidecar: sidecar.update(ours=True) is None)
    assert json.loads(model.sidecar.read_text(encoding="utf-8")) == {"theirs": True, "ours": True}


def test_writing_without_permission_is_refused(model: ModelFile) -> None:
    before = model.sidecar.read_bytes()
    for attempt in (lambda s: s.update(model, lambda _: True), lambda s: s.create(model, lambda: False)):
        with pytest.raises(NotAllowed):
            attempt(Sidecars(refusal="no"))
    assert model.sidecar.read_bytes() == before


def test_a_read_only_folder_is_said_and_nothing_is_left_behind(tmp_path: Path) -> None:
    model = ModelFile(tmp_path / "gone" / "m.safetensors", "m.safetensors")
    with pytest.raises((ToolFailed, OSError)):
        Sidecars().update(model, lambda _: True)


@pytest.mark.parametrize(
    "url",
    [
        "http://good.example/x",
        "https://evil.example/x",
        "https://good.example.evil.example/",
        "https://good.example@evil.example/",
        "https://user:pass@good.example/",
        "https://good.example\\@evil.example/",
        "ftp://good.example/",
        "file:///etc/passwd",
        "https:///x",
        "//good.example/x",
        "https://good.example:0/",
        "http://127.0.0.1/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://127.1/",
        "http://[::1]/",
        "http://[::ffff:7f00:1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://metadata.google.internal/",
        "https://GOOD.example.:444@evil.example/",
        "",
    ],
)
@pytest.mark.anyio
async def test_only_declared_hosts_are_reached(url: str) -> None:
    async with httpx.AsyncClient() as client:
        with pytest.raises(NotAllowed):
            await Egress(client, ["good.example"]).get(url, most_bytes=10)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "::1",
        "fe80::1",
        "100.64.0.1",
        "224.0.0.1",
        "::ffff:10.0.0.1",
    ],
)
@pytest.mark.anyio
async def test_a_declared_host_that_resolves_to_a_private_address_is_refused(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    def resolve(_host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        public = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", port))
        return [public, (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    async with httpx.AsyncClient() as client:
        with pytest.raises(NotAllowed, match="private"):
            await Egress(client, ["good.example"]).get("https://good.example/", most_bytes=10)


async def _fetch(handler: Any, most_bytes: int = 100, **options: Any) -> Any:
    async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as client:
        egress = Egress(client, [], trusted=[Origin.of("http://hub.test"), Origin.of("http://cdn.test")], **options)
        return await egress.get("http://hub.test/a", most_bytes=most_bytes)


@pytest.mark.anyio
async def test_an_endless_redirect_ends() -> None:
    with pytest.raises(Unreachable, match="too often"):
        await _fetch(lambda request: httpx.Response(302, headers={"location": "/a"}))


@pytest.mark.anyio
async def test_a_bearer_goes_to_its_own_origin_only_also_along_a_redirect() -> None:
    seen: dict[str, str | None] = {}

    def handler(request: httpx.Request) -> httpx.Response:
        seen[request.url.host] = request.headers.get("authorization")
        target = {"location": "http://cdn.test/b"}
        return (
            httpx.Response(302, headers=target)
            if request.url.host == "hub.test"
            else httpx.Response(200, content=b"ok")
        )

    fetched = await _fetch(handler, bearers={Origin.of("http://hub.test"): "t0ken"})
    assert fetched.body == b"ok"
    assert seen == {"hub.test": "Bearer t0ken", "cdn.test": None}


@pytest.mark.anyio
async def test_too_much_and_compressed_answers_are_refused() -> None:
    with pytest.raises(Unreachable, match="more than"):
        await _fetch(lambda request: httpx.Response(200, content=b"x" * 101))
    with pytest.raises(Unreachable, match="compressed"):
        await _fetch(
            lambda request: httpx.Response(200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b"x"))
        )


@pytest.mark.anyio
async def test_exactly_the_permitted_size_is_accepted() -> None:
    assert len((await _fetch(lambda request: httpx.Response(200, content=b"x" * 100))).body) == 100
