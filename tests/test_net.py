"""The way out: which hosts are reached, what their names resolve to, TLS, redirects, sizes."""

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest

from agentroster.errors import NotAllowed, Unreachable
from agentroster.net.addresses import is_public
from agentroster.net.client import open_client, open_transport
from agentroster.net.egress import Egress, Origin
from tests.support.certificates import make_certificate


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
            await Egress(client, ["good.example"]).get(url, max_bytes=10)


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "169.254.169.254",
            "192.0.0.192",
        ),
        *("168.63.129.16", "100.100.100.200", "224.0.0.1", "255.255.255.255", "198.18.0.1", "203.0.113.9"),
        *("::", "::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "fec0::1", "::127.0.0.1"),
        *("::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b:1::1", "2001::1", "fe80::5efe:10.0.0.1"),
        *("2001:470:1:2:0:5efe:192.168.0.1", "2606:4700::200:5efe:7f00:1"),
    ],
)
def test_private_addresses_in_every_form_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "::ffff:1.1.1.1", "2002:101:101::"]
)
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


def resolving_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    def resolve(_host: object, port: int, *_: object, **__: object) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


@pytest.mark.anyio
@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["93.184.215.14", "10.0.0.1"]])
async def test_a_permitted_host_with_a_private_answer_is_refused_before_connecting(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    resolving_to(monkeypatch, *addresses)
    async with open_client(open_transport()) as client:
        with pytest.raises(NotAllowed, match="private"):
            await Egress(client, ["good.example"]).get("https://good.example/", max_bytes=10)


@pytest.mark.anyio
async def test_the_name_is_resolved_once_so_that_it_cannot_change_between_check_and_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[object] = []

    def resolve(host: object, port: int, *_: object, **__: object) -> list[object]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    async with open_client(open_transport([("named.test", port)])) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(f"http://named.test:{port}/")
    assert [host for host in asked if host in {"named.test", b"named.test"}] == asked[:1]


@pytest.mark.anyio
async def test_tls_is_checked_against_the_name_and_the_private_authority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = make_certificate(tmp_path, "localhost")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    async with server:
        async with open_client(open_transport([("localhost", port)])) as client:
            with pytest.raises(httpx.ConnectError):
                await client.get(f"https://localhost:{port}/")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        async with open_client(open_transport([("localhost", port), ("127.0.0.1", port)])) as client:
            assert (await client.get(f"https://localhost:{port}/")).text == "ok"
            with pytest.raises(httpx.ConnectError):
                await client.get(f"https://127.0.0.1:{port}/")


async def _fetch(handler: Any, max_bytes: int = 100, **options: Any) -> Any:
    async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as client:
        egress = Egress(client, [], trusted=[Origin.of("http://hub.test"), Origin.of("http://cdn.test")], **options)
        return await egress.get("http://hub.test/a", max_bytes=max_bytes)


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

    fetched = await _fetch(handler, credentials={Origin.of("http://hub.test"): {"authorization": "Bearer t0ken"}})
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
