"""`roster candidates`: where files without an address may come from; proposed to a person, and nothing is written."""

import asyncio
import csv
import io
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from agentroster.cli.options import DATA_DIR
from agentroster.cli.stores import deployment_or_none
from agentroster.errors import RosterError, ToolFailed
from agentroster.identity.caller import Caller
from agentroster.library.library import Library, ModelFile
from agentroster.library.model_file import sha256_of
from agentroster.library.sidecar import Sidecars
from agentroster.net.client import open_client, open_transport
from agentroster.net.egress import Egress, Origin
from agentroster.settings.settings import Settings
from agentroster.skills.access import Grant, HttpOpener
from agentroster.skills.capability_options import HttpOptions
from agentroster.skills.hub_search import Candidate, candidates


@click.command("candidates")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, resolve_path=True))
@DATA_DIR
def find_candidates(*, paths: tuple[Path, ...], data_dir: Path | None) -> None:
    """Look on the hub for where files without an address come from; nothing is written.

    Standard output is a CSV of file and address with the one repository that holds the same file, byte for byte, for
    `roster enrich --map`. What only has the same name is told on standard error.
    """
    roots = sorted({path if path.is_dir() else path.parent for path in paths})
    with deployment_or_none(data_dir, roots) as settings:
        rows = asyncio.run(_search(settings, Library(roots), paths))
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([("file", "address"), *rows])
    click.echo(out.getvalue(), nl=False)


async def _search(settings: Settings, library: Library, paths: Sequence[Path]) -> list[tuple[str, str]]:
    hub = Origin.of(settings.hf_endpoint)
    transport = open_transport([(hub.host, hub.port)])
    opener = HttpOpener(settings, open_client(transport))
    grant = Grant(skill="candidates", caller=Caller(user="admin", proof="master_key", key_id="master"), agent="")
    opened = opener.open(HttpOptions.model_validate({"hosts": ["huggingface.co", "$HF_ENDPOINT"]}), grant)
    http = opened["http"]
    assert isinstance(http, Egress)  # noqa: S101 - the opener's own
    rows: list[tuple[str, str]] = []
    try:
        # Folders and files that are named may hold each other.
        for model in dict.fromkeys(model for path in paths for model in library.find(str(path))):
            if _has_address(model):
                continue
            try:
                found = await _of(http, settings.hf_endpoint, model)
            except RosterError as error:
                click.echo(f"{model.name}: {error.message}", err=True)
                continue
            same = [candidate for candidate in found if candidate.is_same]
            rows += [(str(model.path), same[0].address)] if len(same) == 1 else []
            _tell(model, found)
    finally:
        await transport.aclose()
    return rows


async def _of(http: Egress, endpoint: str, model: ModelFile) -> list[Candidate]:
    async def digest() -> str:
        click.echo(f"{model.name}: its SHA256 is computed", err=True)
        return await asyncio.to_thread(partial(sha256_of, model.path, lambda: False))

    return await candidates(http, endpoint, model.path, model.path.stat().st_size, digest)


def _has_address(model: ModelFile) -> bool:
    try:
        return bool((Sidecars().read(model) or {}).get("hf_url"))
    except ToolFailed:
        # Enrichment would refuse it too.
        return True


def _tell(model: ModelFile, found: Sequence[Candidate]) -> None:
    same = sum(candidate.is_same for candidate in found)
    if not found:
        click.echo(f"{model.name}: nothing of this name was found", err=True)
    for candidate in found:
        why = "a file of this name, but other bytes" if not candidate.is_same else "the same file"
        why += ", as in others: choose one" if candidate.is_same and same > 1 else ""
        click.echo(f"{model.name}: {candidate.address} ({why})", err=True)
    sys.stderr.flush()
