"""Where the hub keeps files: its own redirects are followed to hosts of its own, and nobody else's anywhere."""

import struct
from collections.abc import Iterator
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from agentroster.errors import NotAllowed
from agentroster.net.egress import Egress, Origin
from agentroster.settings.settings import load_settings
from agentroster.skills.hub import hub_redirects
from tests.support.roster_process import RosterProcess
from tests.support.stand_ins.hub import HubServer, Repository
from tests.support.stand_ins.serving import serving

HUB = "https://huggingface.co/a/b/resolve/main/x.png"
TODAY = ["us.aws.cdn.hf.co", "us.gcp.cdn.hf.co", "cdn-lfs-us-1.hf.co", "cdn-lfs-eu-1.hf.co", "transfer.xethub.hf.co"]
RETIRED = ["cas-bridge.xethub.hf.co", "cdn-lfs.hf.co", "cdn-lfs.huggingface.co"]


def egress(client: httpx.AsyncClient, **settings: object) -> Egress:
    """The way out of the skill, with the hosts that it declares."""
    found = load_settings(**settings)
    trusted = [Origin.of(found.hf_endpoint)]
    hosts = ["huggingface.co", "hf.co", "cdn-lfs.hf.co"]
    return Egress(client, hosts, trusted=trusted, redirects=hub_redirects(found))


async def fetch(steps: dict[str, str], url: str = HUB, **settings: object) -> list[str]:
    """Fetch an address where these redirect; return what was asked."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        target = steps.get(str(request.url))
        return httpx.Response(302, headers={"location": target}) if target else httpx.Response(200, content=b"ok")

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        try:
            await egress(client, **settings).get(url, max_bytes=10)
        except NotAllowed as error:
            asked.append(error.message)
    return asked


@pytest.mark.anyio
@pytest.mark.parametrize("host", [*TODAY, *RETIRED, "eu.azure.cdn.hf.co", "hf.co", "cdn.huggingface.co"])
async def test_the_hub_leads_to_every_host_of_its_own(host: str) -> None:
    target = f"https://{host}/repos/x?signature=1"
    assert await fetch({HUB: target}) == [HUB, target]


@pytest.mark.anyio
@pytest.mark.parametrize("host", TODAY)
async def test_an_address_that_somebody_wrote_does_not_lead_there(host: str) -> None:
    assert await fetch({}, f"https://{host}/x.png") == [f"Reaching {host} is not permitted here."]


@pytest.mark.anyio
@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/x", "https://hf.co.evil.example/x", "https://evilhf.co/x", "https://a.hf.space/x",
        "http://us.aws.cdn.hf.co/x", "https://us.aws.cdn.hf.co:8443/x", "https://hf.co@evil.example/x",
        "https://us.aws.cdn.hf.co@evil.example/x", "https://127.0.0.1/x", "https://169.254.169.254/x", "ftp://x.hf.co/x",
        "https://us.aws.cdn.hf.co\\.evil.example/x", "https://-.evil.example#.hf.co/x",
    ],
)  # fmt: skip
async def test_the_hub_leads_nowhere_else(target: str) -> None:
    asked = await fetch({HUB: target})
    assert asked[0] == HUB
    assert len(asked) == 2
    assert not asked[1].startswith("http"), "nothing but the hub was asked"


@pytest.mark.anyio
async def test_only_the_hub_itself_may_lead_there() -> None:
    target = "https://us.aws.cdn.hf.co/x"
    refused = "Reaching us.aws.cdn.hf.co is not permitted here."
    declared = "https://cdn-lfs.hf.co/x"
    assert await fetch({declared: target}, declared) == [declared, refused]
    on = "https://us.gcp.cdn.hf.co/x"
    assert await fetch({HUB: on, on: target}) == [HUB, on, refused]


@pytest.mark.anyio
async def test_a_mirror_leads_to_the_hub_its_hosts_and_those_that_its_operator_names() -> None:
    mirror, kept = "https://mirror.example/a/b/resolve/main/x.png", "https://files.example/x"
    steps = {mirror: HUB, HUB: "https://us.aws.cdn.hf.co/x"}
    assert await fetch(steps, mirror, hf_endpoint="https://mirror.example") == [*steps, "https://us.aws.cdn.hf.co/x"]
    refused = "Reaching files.example is not permitted here."
    assert await fetch({mirror: kept}, mirror, hf_endpoint="https://mirror.example") == [mirror, refused]
    named = {"hf_endpoint": "https://mirror.example", "hub_downloads": ("https://files.example",)}
    assert await fetch({mirror: kept}, mirror, **named) == [mirror, kept]
    assert await fetch({}, kept, **named) == [refused], "not for whoever writes it into a card"
    assert (await fetch({mirror: "https://files.example:8443/x"}, mirror, **named))[1].startswith("Reaching files")


@pytest.fixture
def files() -> Iterator[tuple[str, list[str | None]]]:
    """A download host: its address, and the token that each request brought."""
    tokens: list[str | None] = []

    async def answer(request: Request) -> Response:
        tokens.append(request.headers.get("authorization"))
        written = BytesIO()
        Image.new("RGB", (64, 48), "red").save(written, "PNG")
        return Response(written.getvalue(), media_type="application/octet-stream")

    with ExitStack() as stack:
        url = stack.enter_context(serving(Starlette(routes=[Route("/{path:path}", answer)])))
        yield url, tokens


def test_a_picture_comes_from_where_a_private_mirror_keeps_it(
    tmp_path: Path, base_environment: dict[str, str], hub: HubServer, files: tuple[str, list[str | None]]
) -> None:
    url, tokens = files
    card = "---\nwidget:\n- output:\n    url: x.png\n---\n# Ink\n"
    hub.repositories["a/ink"] = Repository(card, moved={"x.png": f"{url}/x?s=1"})
    hub.repositories["a/direct"] = Repository(card.replace("x.png", f"{url}/x"))
    (tmp_path / "models").mkdir()
    for name in ("ink", "direct"):
        (tmp_path / f"models/{name}.safetensors").write_bytes(struct.pack("<Q", 2) + b"{}")
    environment = {**base_environment, "ROSTER_LIBRARY": str(tmp_path / "models"), "ROSTER_HUB_DOWNLOADS": url}
    proxy = RosterProcess(tmp_path, environment).start()
    try:
        for name in ("ink", "direct"):
            proxy.openai().chat.completions.create(
                model="agno/enrich-metadata",
                messages=[
                    {"role": "user", "content": f"enrich {name}.safetensors from https://huggingface.co/a/{name}"}
                ],
            )
    finally:
        proxy.stop()
    assert (tmp_path / "models/ink.webp").exists()
    assert not (tmp_path / "models/direct.webp").exists()
    assert tokens == [None], "the token stays with the hub"
