"""What a release hands out, and the checks around it: base images, advisories, a lock that resolves the same."""

import hashlib
import json
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.deployment import REPOSITORY
from tests.support.stand_ins.serving import serving
from tools import image_base, release

DIGEST = "sha256:" + "ab" * 32


def recipe(module: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run what a recipe of the justfile runs."""
    return subprocess.run(
        [sys.executable, "-m", f"tools.{module}", *arguments], cwd=REPOSITORY, env={**os.environ, **environment},
        capture_output=True, encoding="utf-8", timeout=150, check=False,
    )  # fmt: skip


def test_a_release_is_a_wheel_an_sdist_an_sbom_and_a_provenance_that_say_the_same(tmp_path: Path) -> None:
    folder, signed = tmp_path / "dist", tmp_path / "signed"
    signed.mkdir()
    # No registry and no proxy can be reached: the base images are left out, and it says so.
    away = {"HTTPS_PROXY": "http://127.0.0.1:9", "ALL_PROXY": "http://127.0.0.1:9"}
    images = recipe("image_base", **away)
    assert images.returncode == 0
    assert images.stdout.count("skipped: no registry answers") == 2

    done = recipe("release", str(folder), RELEASE_SIGNER=f"cp -t {signed}", RELEASE_BUILDER="urn:test:builder")
    assert done.returncode == 0, done.stderr

    (wheel,) = folder.glob("*.whl")
    (sdist,) = folder.glob("*.tar.gz")
    (sbom,) = folder.glob("*.cdx.json")
    (provenance,) = folder.glob("*.provenance.json")
    with zipfile.ZipFile(wheel) as zipped:
        assert "agentroster/cli/backup.py" in zipped.namelist()
    for line in (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition("  ")
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest

    statement = json.loads(provenance.read_text(encoding="utf-8"))
    assert {one["name"]: one["digest"]["sha256"] for one in statement["subject"]} == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (wheel, sdist, sbom)
    }
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicate"]["runDetails"]["builder"] == {"id": "urn:test:builder"}
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=REPOSITORY, capture_output=True, encoding="utf-8", check=True
    ).stdout.strip()
    depends = {one["uri"]: one["digest"] for one in statement["predicate"]["buildDefinition"]["resolvedDependencies"]}
    assert depends[f"git:{head}"] == {"gitCommit": head}
    assert depends["uv.lock"] == {"sha256": hashlib.sha256((REPOSITORY / "uv.lock").read_bytes()).hexdigest()}
    assert (signed / provenance.name).read_bytes() == provenance.read_bytes()
    assert "is signed by: cp" in done.stdout

    bill = json.loads(sbom.read_text(encoding="utf-8"))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    versions = {one["name"]: one["version"] for one in bill["components"]}
    locked = {one["name"]: one["version"] for one in lock()["package"] if "version" in one}
    assert versions.items() <= locked.items()
    assert {"litellm", "agno", "cryptography", "psycopg"} <= versions.keys()
    assert not {"pytest", "ruff"} & versions.keys()
    assert str(REPOSITORY) not in provenance.read_text(encoding="utf-8") + sbom.read_text(encoding="utf-8")

    again = recipe("release", str(folder))
    assert again.returncode == 1
    assert "is not empty" in again.stderr


def test_a_provenance_that_nobody_signed_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    release.sign(tmp_path / "some.provenance.json", "")
    assert "is NOT signed" in capsys.readouterr().out
    assert release.builder({}) == "urn:agentroster:builder:local"


def lock() -> dict[str, Any]:
    return tomllib.loads((REPOSITORY / "uv.lock").read_text(encoding="utf-8"))


def test_nothing_in_the_lock_is_newer_than_the_date_it_is_resolved_for() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    until = project["tool"]["uv"]["exclude-newer"]
    assert lock()["options"]["exclude-newer"] == until
    files = [file for one in lock()["package"] for file in [*one.get("wheels", []), one.get("sdist", {})]]
    times = [file["upload-time"] for file in files if "upload-time" in file]
    assert times
    assert all(str(time) <= until for time in times)


class Registry:
    """A stand-in for an image registry that wants a token, as those of Docker and GitHub do."""

    def __init__(self) -> None:
        self.app = Starlette(
            routes=[
                Route("/token", self.token),
                Route("/v2/library/{name}/manifests/{tag}", self.manifest, methods=["HEAD"]),
            ]
        )

    async def token(self, request: Request) -> Response:
        if request.query_params["scope"] != "repository:library/python:pull":
            return Response(status_code=400)
        return JSONResponse({"token": "let-me-in"})

    async def manifest(self, request: Request) -> Response:
        if request.headers.get("authorization") != "Bearer let-me-in":
            realm = f'Bearer realm="{request.base_url}token",service="here",scope="repository:library/python:pull"'
            return Response(status_code=401, headers={"www-authenticate": realm})
        if request.path_params["tag"] != "3.13" or "image.index" not in request.headers["accept"]:
            return Response(status_code=404)
        return Response(headers={"docker-content-digest": DIGEST})


def test_a_base_image_gets_the_digest_its_registry_says() -> None:
    with serving(Registry().app) as url:
        name = f"{url.removeprefix('http://')}/library/python:3.13"
        text = f"# base\nARG PYTHON_IMAGE={name}\nARG UV_IMAGE=127.0.0.1:9/astral-sh/uv:0.9\nFROM ${{UV_IMAGE}}\n"
        found = image_base.images(text, image_base.digest_of)
        written = image_base.pinned(text, found)
        assert written == text.replace(name, f"{name}@{DIGEST}")
        assert image_base.images(written, image_base.digest_of)[0].pinned == DIGEST
        assert image_base.pinned(written, image_base.images(written, image_base.digest_of)) == written
        with pytest.raises(SystemExit, match="no such image"):
            image_base.digest_of(name.replace("3.13", "2.0"))
    assert [(image.argument, image.digest) for image in found] == [("PYTHON_IMAGE", DIGEST), ("UV_IMAGE", "")]


class Advisories:
    """A stand-in for OSV: it knows of one vulnerability in one package."""

    def __init__(self, package: str = "") -> None:
        self.package = package
        self.app = Starlette(
            routes=[
                Route("/v1/querybatch", self.query, methods=["POST"]),
                Route("/v1/vulns/{id}", self.vulnerability),
            ]
        )

    async def query(self, request: Request) -> Response:
        queries = (await request.json())["queries"]
        found = {"vulns": [{"id": "OSV-2026-1", "modified": "2026-11-01T00:00:00Z"}]}
        return JSONResponse(
            {"results": [found if self.package in str(one) and self.package else {} for one in queries]}
        )

    async def vulnerability(self, request: Request) -> Response:
        package = {"name": self.package, "ecosystem": "PyPI"}
        return JSONResponse(
            {
                "id": request.path_params["id"],
                "modified": "2026-11-01T00:00:00Z",
                "published": "2026-11-01T00:00:00Z",
                "summary": "A hole in a package",
                "affected": [{"package": package, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]}],
            }
        )


def test_a_known_vulnerability_fails_the_check_and_none_passes_it() -> None:
    with serving(Advisories("jinja2").app) as url:
        found = recipe("advisories", ROSTER_OSV_URL=url)
    assert found.returncode != 0
    assert "OSV-2026-1" in found.stdout + found.stderr
    with serving(Advisories().app) as url:
        nothing = recipe("advisories", ROSTER_OSV_URL=url)
    assert nothing.returncode == 0, nothing.stderr
    assert "skipped" not in nothing.stdout


def test_without_a_database_of_advisories_the_check_says_that_it_is_skipped() -> None:
    done = recipe("advisories", ROSTER_OSV_URL="http://127.0.0.1:9")
    assert (done.returncode, done.stdout) == (0, "skipped: no advisory database answers\n")
