"""What a connection may cost before anybody has proven anything: bytes, time and places."""

import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.support.roster_process import RosterProcess
from tests.support.wire import connection, exchange, head, read_to_end

LIVE = "GET /health/liveliness HTTP/1.1"
CHAT = "POST /v1/chat/completions HTTP/1.1"
CLOSE = "connection: close"


def is_alive(proxy: RosterProcess) -> bool:
    return httpx.get(f"{proxy.url}/health/liveliness", trust_env=False, timeout=30).status_code == 200


def resident_mb(proxy: RosterProcess) -> float:
    assert proxy.process
    return int(Path(f"/proc/{proxy.process.pid}/statm").read_text().split()[1]) * 4096 / 1e6


def no_tracebacks(proxy: RosterProcess, since: int) -> bool:
    return "Traceback" not in proxy.log[since:]


def fresh_key(proxy: RosterProcess) -> str:
    """Return a key that no other test has asked with: all together ask more often than one may in a minute."""
    return proxy.cli("keys", "create", "--user", f"wire-{uuid4().hex[:8]}").strip()


def test_sixty_kilobytes_of_headers_pass(narrow_proxy: RosterProcess) -> None:
    fillers = [f"x-filler-{number}: {'y' * 980}" for number in range(60)]
    assert exchange(narrow_proxy, head(LIVE, CLOSE, *fillers)).status == 200


@pytest.mark.parametrize("filler", [["x-filler: " + "y" * 70_000], [f"x-{n}: {'y' * 700}" for n in range(100)]])
def test_headers_above_64_kilobytes_are_431(narrow_proxy: RosterProcess, filler: list[str]) -> None:
    reply = exchange(narrow_proxy, head(LIVE, *filler))
    assert reply.status == 431
    assert "too large" in reply.error["message"]
    assert reply.closed


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (head(LIVE)[:-2], b"x-filler: " + b"y" * 8000 + b"\r\n"),
        (b"GET /health/liveliness HTTP/1.1\r\nx-filler: ", b"y" * 8000),
        (b"GET /health/liveliness HTTP/1.1\r\n", b"y" * 8000),
        (b"GET /", b"y" * 8000),
        (b"GET /?", b"y" * 8000),
        (b"", b"\r\n" * 4000),
        (head(LIVE, "transfer-encoding: chunked") + b"0\r\n", b"x-trailer: " + b"y" * 8000 + b"\r\n"),
    ],
    ids=["headers", "one header", "one name", "address", "query", "empty lines", "trailers"],
)
def test_an_endless_head_is_cut_off_before_it_is_gathered(
    narrow_proxy: RosterProcess, begin: bytes, piece: bytes
) -> None:
    before = resident_mb(narrow_proxy)
    reply = exchange(narrow_proxy, begin, *[piece] * 5000)
    assert reply.status in {200, 400, 431} and reply.closed
    assert resident_mb(narrow_proxy) - before < 25
    assert is_alive(narrow_proxy)


@pytest.mark.parametrize(
    "begin",
    [b"G", b"GET /v1/models HTTP/1.1\r\n", b"POST /v1/chat/completions HTTP/1.1\r\nhost:", b"\r\n\r\n"],
)
def test_a_head_that_does_not_arrive_is_408_after_its_deadline(narrow_proxy: RosterProcess, begin: bytes) -> None:
    reply = exchange(narrow_proxy, begin)
    assert reply.status == 408
    assert reply.error["code"] == "request_timeout"
    assert reply.closed


def test_a_connection_that_says_nothing_is_closed(narrow_proxy: RosterProcess) -> None:
    reply = exchange(narrow_proxy)
    assert (reply.raw, reply.closed) == (b"", True)


def test_the_second_request_of_a_connection_has_a_deadline_too(narrow_proxy: RosterProcess) -> None:
    reply = exchange(narrow_proxy, head(LIVE), b"GET /health/live")
    assert reply.statuses == [200, 408]


def test_a_body_that_does_not_go_on_is_408(narrow_proxy: RosterProcess) -> None:
    key = f"authorization: Bearer {fresh_key(narrow_proxy)}"
    reply = exchange(narrow_proxy, head(CHAT, key, "content-length: 50") + b'{"model":')
    assert reply.status == 408
    assert "within 1 second" in reply.error["message"]


def test_many_half_sent_requests_keep_nobody_out(narrow_proxy: RosterProcess) -> None:
    with ExitStack() as stack:
        socks = []
        for _ in range(200):
            sock = stack.enter_context(connection(narrow_proxy))
            sock.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost:")
            socks.append(sock)
        assert is_alive(narrow_proxy)
        replies = [read_to_end(sock) for sock in socks]
    assert all(reply.closed for reply in replies)
    said = {reply.status for reply in replies}
    assert {408, 503} >= said >= {503}
    told = next(reply for reply in replies if reply.status == 503)
    assert told.error["code"] == "too_many_connections"
    assert "retry-after: 1" in told.head


def test_requests_at_work_are_not_ended_for_newcomers(narrow_proxy: RosterProcess) -> None:
    key = f"authorization: Bearer {fresh_key(narrow_proxy)}"
    with ExitStack() as stack:
        for _ in range(45):
            # These wait for the rest of a small body.
            sock = stack.enter_context(connection(narrow_proxy))
            sock.sendall(head(CHAT, key, "content-length: 50") + b"{")
        reply = exchange(narrow_proxy, head(LIVE, CLOSE))
        assert reply.status == 503
        assert reply.error["code"] == "too_many_connections"


@pytest.mark.parametrize(
    "path", ["/", "/v1/realtime", "/v1/chat/completions", "/roster/api/nothing", "/health/liveliness"]
)
def test_a_websocket_to_an_unlisted_path_is_refused_without_a_traceback(proxy: RosterProcess, path: str) -> None:
    since = len(proxy.log)
    with pytest.raises(InvalidStatus) as refused, connect(f"{proxy.url.replace('http', 'ws')}{path}", proxy=None):
        pass
    assert refused.value.response.status_code == 403
    assert proxy.log[since:] == ""


def test_a_websocket_with_two_keys_is_refused(proxy: RosterProcess) -> None:
    headers = [("Authorization", f"Bearer {proxy.master_key}")] * 2
    url = f"{proxy.url.replace('http', 'ws')}/roster/api/jobs/x/ws"
    with pytest.raises(InvalidStatus) as refused, connect(url, proxy=None, additional_headers=headers):
        pass
    assert refused.value.response.status_code == 403


ODD: list[tuple[str, bytes, set[int]]] = [
    ("rubbish", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", {400}),
    ("http2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400}),
    ("connect", b"CONNECT example.org:443 HTTP/1.1\r\nhost: example.org\r\n\r\n", {400, 404}),
    ("options star", b"OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", {400, 404}),
    ("absolute form", b"GET http://x.test/health/liveliness HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", {200}),
    ("absolute form, no path", b"GET http://evil.test HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", {400, 404}),
    ("length and chunks", head(CHAT, "content-length: 4", "transfer-encoding: chunked") + b"0\r\n\r\n", {400}),
    ("two lengths", head(CHAT, "content-length: 4", "content-length: 5") + b"aaaaa", {400}),
    ("negative length", head(CHAT, "content-length: -4"), {400}),
    ("huge length", head(CHAT, "content-length: " + "9" * 18), {401}),
    ("length beyond numbers", head(CHAT, "content-length: " + "9" * 40), {400}),
    ("strange encoding", head(CHAT, "transfer-encoding: gzip"), {400, 401}),
    ("bad chunk", head(CHAT, "transfer-encoding: chunked") + b"zz\r\n", {400, 401}),
    ("no version", b"GET /health/liveliness\r\n\r\n", {200, 400}),
    ("bytes in path", b"GET /\xff\xfe HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", {400, 404}),
    ("null in path", b"GET /%00%ff%ed%a0%80 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", {404}),
    ("head", b"HEAD /health/liveliness HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", {200, 405}),
    ("options", b"OPTIONS /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", {200, 405}),
    ("upgrade", head(CHAT, CLOSE + ", upgrade", "upgrade: h2c", "content-length: 2") + b"{}", {401}),
    ("own method", b"BREW /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", {400}),
    ("purge", b"PURGE /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", {405}),
    ("folded header", b"GET /health/liveliness HTTP/1.1\r\nhost: x\r\n y\r\nconnection: close\r\n\r\n", {200, 400}),
    ("blank before colon", b"GET /health/liveliness HTTP/1.1\r\nhost : x\r\nconnection: close\r\n\r\n", {200, 400}),
    ("http/1.0", b"GET /health/liveliness HTTP/1.0\r\n\r\n", {200}),
    ("websocket without its key", head(LIVE, "connection: upgrade", "upgrade: websocket"), {400, 426}),
]  # fmt: skip


@pytest.mark.parametrize(("sent", "statuses"), [pytest.param(raw, ok, id=name) for name, raw, ok in ODD])
def test_odd_requests_have_a_plain_answer(narrow_proxy: RosterProcess, sent: bytes, statuses: set[int]) -> None:
    since = len(narrow_proxy.log)
    reply = exchange(narrow_proxy, sent, patience=10)
    assert reply.status in statuses, reply.raw
    assert reply.closed
    assert no_tracebacks(narrow_proxy, since), narrow_proxy.log[since:]
    if reply.status >= 400 and b"websocket" not in sent and not sent.startswith(b"HEAD"):
        assert reply.error["message"]


def test_a_client_that_asks_before_it_sends_is_refused_without_sending(narrow_proxy: RosterProcess) -> None:
    reply = exchange(narrow_proxy, head(CHAT, "content-length: 1000000", "expect: 100-continue"))
    assert reply.status == 401
    assert b"100 Continue" not in reply.raw


def test_a_client_that_asks_before_it_sends_is_told_to_go_on(narrow_proxy: RosterProcess) -> None:
    key = f"authorization: Bearer {fresh_key(narrow_proxy)}"
    with connection(narrow_proxy) as sock:
        sock.sendall(head(CHAT, key, CLOSE, "content-length: 2", "expect: 100-continue"))
        assert sock.recv(100).startswith(b"HTTP/1.1 100")
        sock.sendall(b"{}")
        assert read_to_end(sock).status == 400


def test_pipelined_requests_are_answered_in_order(narrow_proxy: RosterProcess) -> None:
    reply = exchange(narrow_proxy, head(LIVE) * 3 + head("GET /nothing HTTP/1.1") + head(LIVE, CLOSE))
    assert reply.statuses == [200, 200, 200, 404, 200]


def test_thousands_of_pipelined_requests_are_cut_short(narrow_proxy: RosterProcess) -> None:
    since = len(narrow_proxy.log)
    reply = exchange(narrow_proxy, head(LIVE) * 5000, patience=20)
    assert set(reply.statuses) <= {200, 503} and len(reply.statuses) < 100
    assert reply.closed
    assert no_tracebacks(narrow_proxy, since)


def test_a_bad_chunk_in_the_middle_of_a_body_is_400_at_once(narrow_proxy: RosterProcess) -> None:
    key = f"authorization: Bearer {fresh_key(narrow_proxy)}"
    with connection(narrow_proxy) as sock:
        sock.sendall(head(CHAT, key, "transfer-encoding: chunked", "expect: 100-continue"))
        assert sock.recv(100).startswith(b"HTTP/1.1 100")
        sock.sendall(b"2\r\n{}\r\nzz\r\n")
        assert read_to_end(sock).status == 400


def test_chunked_bodies_are_read(narrow_proxy: RosterProcess) -> None:
    key = f"authorization: Bearer {fresh_key(narrow_proxy)}"
    body: Any = b'{"model":"agno/demo-agent","messages":[{"role":"user","content":"/help"}]}'
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    reply = exchange(narrow_proxy, head(CHAT, key, CLOSE, "transfer-encoding: chunked") + chunks)
    assert reply.status == 200
    assert re.search(rb"Demo agent", reply.raw)


def test_a_large_body_without_a_key_is_refused_unread_and_the_client_reads_why(narrow_proxy: RosterProcess) -> None:
    body = b"x" * 19_000_000
    reply = exchange(narrow_proxy, head(CHAT, f"content-length: {len(body)}"), body)
    assert reply.status == 401
    assert "API key is needed" in reply.error["message"]
    assert "connection: close" in reply.head
    assert reply.closed
