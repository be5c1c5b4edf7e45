"""The examples for nginx and Caddy, run with the real servers in front of a real proxy."""

import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from openai import OpenAI
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from agentroster.gateway.request_context import TASK_HEADER
from agentroster.identity import openwebui
from agentroster.settings.settings import Settings
from tests.support.deployment import OPENWEBUI_KEY, REPOSITORY
from tests.support.ports import free_port
from tests.support.roster_process import PATIENCE_SECONDS, RosterProcess, clean_environment
from tests.support.stand_ins.model_server import ModelServer
from tests.support.stand_ins.serving import serving

EXAMPLES = {
    "nginx": REPOSITORY / "deploy/reverse-proxy/nginx.conf",
    "caddy": REPOSITORY / "deploy/reverse-proxy/Caddyfile",
}
# What names a person, a chat or a task for us, and what else Open WebUI sends of the kind.
IDENTITY_HEADERS = {
    openwebui.SIGNED_HEADER, openwebui.PLAIN_HEADER, openwebui.PLAIN_NAME_HEADER, openwebui.CHAT_HEADER, TASK_HEADER,
    "x-openwebui-user-email", "x-openwebui-user-role", "x-openwebui-auth-type", "x-openwebui-message-id",
}  # fmt: skip
NGINX = """
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""
CADDY = "{\n\tadmin off\n\tauto_https disable_redirects\n"


@pytest.fixture(params=["nginx", "caddy"])
def kind(request: pytest.FixtureRequest) -> str:
    """Each server that is installed."""
    name: str = request.param
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed here")
    return name


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for this machine, and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "fullchain.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "privkey.pem").write_bytes(private)
    return folder / "fullchain.pem", folder / "privkey.pem"


def configured(kind: str, folder: Path, port: int, upstream: str, certificate: tuple[Path, Path]) -> list[str]:
    """Write the example with other addresses, and return the command that serves it."""
    text = EXAMPLES[kind].read_text(encoding="utf-8")
    address = upstream.removeprefix("http://")
    if kind == "nginx":
        changes = {
            "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
            "/etc/ssl/roster/fullchain.pem": str(certificate[0]),
            "/etc/ssl/roster/privkey.pem": str(certificate[1]),
        }
    else:
        tls = f"tls {certificate[0]} {certificate[1]}"
        changes = {"\n{\n": f"\n{CADDY}", "roster.example.org {": f"https://127.0.0.1:{port} {{\n\t{tls}"}
    for old, new in {**changes, "127.0.0.1:9501": address}.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    if kind == "caddy":
        (folder / "Caddyfile").write_text(text, encoding="utf-8")
        return ["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]
    (folder / "site.conf").write_text(text, encoding="utf-8")
    user = "user root;" if Path("/proc/self").stat().st_uid == 0 else ""
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, user=user), encoding="utf-8")
    return ["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder)]


@contextmanager
def in_front(kind: str, folder: Path, upstream: str, certificate: tuple[Path, Path]) -> Generator[httpx.Client]:
    """Serve the example before an upstream; yield a client of it."""
    port = free_port()
    command = configured(kind, folder, port, upstream, certificate)
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=clean_environment() | {"HOME": str(folder)}, stdout=output, stderr=output, cwd=folder
        )
    trust = ssl.create_default_context(cafile=str(certificate[0]))
    try:
        with httpx.Client(base_url=f"https://127.0.0.1:{port}", verify=trust, trust_env=False, timeout=15) as client:
            deadline = time.monotonic() + PATIENCE_SECONDS
            while True:
                assert process.poll() is None, log.read_text(encoding="utf-8")
                assert time.monotonic() < deadline
                try:
                    client.get("/health/liveliness")
                    break
                except httpx.ConnectError:
                    time.sleep(0.02)
            yield client
    finally:
        process.terminate()
        process.wait(20)


def sdk(client: httpx.Client, key: str) -> OpenAI:
    return OpenAI(
        base_url=f"{client.base_url}/v1".replace("//v1", "/v1"), api_key=key, http_client=client, max_retries=0
    )


def say(client: OpenAI, model: str, text: str) -> Any:
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}], stream=True)


def words(stream: Any) -> list[str]:
    return [chunk.choices[0].delta.content for chunk in stream if chunk.choices and chunk.choices[0].delta.content]


def test_the_pieces_of_an_answer_arrive_one_by_one_and_a_long_one_arrives_whole(
    kind: str, proxy: RosterProcess, model_server: ModelServer, tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    with in_front(kind, tmp_path, proxy.url, certificate) as client:
        openai = sdk(client, proxy.master_key)
        stream = say(openai, "plain-model", "script: gated one two three")
        # The model waits with the second word until the first has arrived; the client gives up sooner than that.
        first = next(chunk for chunk in stream if chunk.choices and chunk.choices[0].delta.content)
        assert first.choices[0].delta.content.strip() == "one"
        model_server.release.set()
        assert "".join(words(stream)).split() == ["two", "three"]

        answer = "".join(words(say(openai, "agno/demo-agent", "script: pieces 4000"))).split()
        assert answer == [f"w{number}" for number in range(4000)]


def test_who_goes_away_ends_the_run_behind_it(
    kind: str, proxy: RosterProcess, model_server: ModelServer, tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    with in_front(kind, tmp_path, proxy.url, certificate) as client:
        stream = say(sdk(client, proxy.master_key), "plain-model", "script: hang some words")
        next(iter(stream))
        stream.close()
        assert model_server.cancelled.wait(PATIENCE_SECONDS)


def test_identity_from_outside_does_not_arrive(
    kind: str, offline_proxy: RosterProcess, tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    key = {"authorization": f"Bearer {OPENWEBUI_KEY}"}
    named = {**key, openwebui.PLAIN_HEADER: "anna"}
    with offline_proxy.http(OPENWEBUI_KEY) as direct:
        assert direct.get("/roster/api/jobs", headers=named).status_code == 200
    with in_front(kind, tmp_path, offline_proxy.url, certificate) as client:
        assert client.get("/v1/models", headers=named).status_code == 200
        assert client.get("/roster/api/jobs", headers=named).status_code == 403


def echoing() -> Starlette:
    async def echo(request: Request) -> Response:
        try:
            body = await request.body()
        except ClientDisconnect:
            return Response(status_code=400)
        return JSONResponse({"headers": request.headers.items(), "bytes": len(body)})

    return Starlette(routes=[Route("/{path:path}", echo, methods=["GET", "POST"])])


def test_headers_that_name_somebody_are_removed_however_they_are_written(
    kind: str, tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    invented = [
        *((name, "anna") for name in IDENTITY_HEADERS),
        *((name.upper(), "bert") for name in IDENTITY_HEADERS),
        ("X-Forwarded-For", "203.0.113.66"),
        ("Forwarded", "for=203.0.113.66"),
        ("Authorization", "Bearer rst_kept"),
        ("X-Agent-Events", "reasoning"),
    ]
    with serving(echoing()) as upstream, in_front(kind, tmp_path, upstream, certificate) as client:
        arrived = client.get("/v1/models", headers=invented).json()["headers"]
    names = [name.lower() for name, _ in arrived]
    assert not [name for name in names if name.startswith("x-openwebui")]
    assert dict(arrived)["authorization"] == "Bearer rst_kept"
    assert dict(arrived)["x-agent-events"] == "reasoning"
    assert "203.0.113.66" not in str(arrived)
    assert dict(arrived)["x-forwarded-for"] == "127.0.0.1"
    assert dict(arrived)["x-forwarded-proto"] == "https"


def test_a_body_that_is_too_large_is_refused_and_one_within_the_limit_arrives(
    kind: str, tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    with serving(echoing()) as upstream, in_front(kind, tmp_path, upstream, certificate) as client:
        assert client.post("/v1/chat/completions", content=b"x" * 19_000_000).json()["bytes"] == 19_000_000
        refused = client.post("/v1/chat/completions", content=b"x" * 21_000_001)
    assert refused.status_code == 413
    assert refused.json()["error"]["code"] == "request_too_large"


def test_a_proxy_that_is_away_is_said_in_json(kind: str, tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    with in_front(kind, tmp_path, f"http://127.0.0.1:{free_port()}", certificate) as client:
        away = client.get("/v1/models")
    assert away.status_code == 503
    assert away.json()["error"]["code"] == "unreachable"


def test_too_many_requests_from_one_address_are_429_with_nginx(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not installed here")
    with serving(echoing()) as upstream, in_front("nginx", tmp_path, upstream, certificate) as client:
        answers = [client.get("/v1/models") for _ in range(300)]
    assert answers[0].status_code == 200
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert refused[0].headers["retry-after"] == "5"
    assert refused[0].json()["error"]["code"] == "too_many_requests"


@pytest.mark.parametrize("kind", EXAMPLES, ids=str)
def test_the_limits_of_the_examples_fit_the_settings(kind: str) -> None:
    text = EXAMPLES[kind].read_text(encoding="utf-8")
    settings = Settings.model_fields
    (megabytes,) = re.findall(r"(?:client_max_body_size|max_size) (\d+)m", text, re.IGNORECASE)
    (seconds,) = re.findall(r"(?:proxy_read_timeout|response_header_timeout) (\d+)s", text)
    assert float(megabytes) == settings["max_request_mb"].default
    assert float(seconds) > settings["run_seconds"].default
