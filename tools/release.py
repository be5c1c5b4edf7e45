"""Builds what a release hands out into one folder: sdist, wheel, SBOM, provenance, checksums.

`uv run just release [FOLDER]`. The provenance is an in-toto statement in the form of SLSA's provenance v1: what was
built, from which commit and lock, by whom. Nobody has signed it, unless RELEASE_SIGNER names a command that signs the
file it is given, such as `minisign -Sm`. RELEASE_BUILDER names the builder; in GitHub Actions it is the workflow.
"""

import argparse
import hashlib
import json
import os
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tools import image_base

ROOT = Path(__file__).parent.parent
_BUILD_TYPE = "urn:agentroster:just-release:v1"


def run(*command: str, **environment: str) -> str:
    """Run a command in the repository and return what it printed. Raises SystemExit with its errors."""
    done = subprocess.run(  # noqa: S603 - commands of this file
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, encoding="utf-8", check=False
    )
    if done.returncode:
        sys.exit(f"{shlex.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def say(text: str) -> None:
    """Tell what was done."""
    sys.stdout.write(f"{text}\n")


def sha256(path: Path) -> str:
    """Return the digest of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def build(folder: Path, commit_time: str) -> list[Path]:
    """Build sdist and wheel; the same commit gives the same bytes."""
    run("uv", "build", "--quiet", "--out-dir", str(folder), SOURCE_DATE_EPOCH=commit_time)
    return sorted(path for path in folder.iterdir() if path.name.endswith((".whl", ".tar.gz")))


def write_sbom(path: Path) -> None:
    """Write all packages of the lock that an installation may have, in CycloneDX 1.5."""
    options = ("--locked", "--no-dev", "--all-extras", "--format", "cyclonedx1.5")
    run("uv", "export", "--quiet", "--preview-features", "sbom-export", *options, "--output-file", str(path))


def statement(artefacts: Sequence[Path], *, started: datetime, images: Sequence[image_base.Image]) -> dict[str, object]:
    """Return the provenance of the artefacts (https://slsa.dev/spec/v1.0/provenance)."""
    commit, changed = run("git", "rev-parse", "HEAD").strip(), run("git", "status", "--porcelain").strip()
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": path.name, "digest": {"sha256": sha256(path)}} for path in artefacts],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": _BUILD_TYPE,
                "externalParameters": {"commit": commit, "uncommittedChanges": bool(changed)},
                "internalParameters": {
                    "uv": run("uv", "--version").split()[1],
                    "python": ".".join(map(str, sys.version_info[:3])),
                },
                "resolvedDependencies": [
                    {"uri": f"git:{commit}", "digest": {"gitCommit": commit}},
                    {"uri": "uv.lock", "digest": {"sha256": sha256(ROOT / "uv.lock")}},
                    *(_base(image) for image in images if image.digest),
                ],
            },
            "runDetails": {
                "builder": {"id": builder(os.environ)},
                "metadata": {"startedOn": _time(started), "finishedOn": _time(datetime.now(UTC))},
            },
        },
    }


def builder(environment: Mapping[str, str]) -> str:
    """Return who builds: RELEASE_BUILDER, the workflow of GitHub Actions, or some machine that is not named."""
    if chosen := environment.get("RELEASE_BUILDER"):
        return chosen
    if (server := environment.get("GITHUB_SERVER_URL")) and (workflow := environment.get("GITHUB_WORKFLOW_REF")):
        return f"{server}/{workflow}"
    return "urn:agentroster:builder:local"


def sign(path: Path, signer: str) -> None:
    """Have the configured command sign the file, or say that nobody did."""
    if not signer:
        say(f"{path.name} is NOT signed: set RELEASE_SIGNER to a command that signs the file it is given.")
        return
    run(*shlex.split(signer), str(path))
    say(f"{path.name} is signed by: {shlex.split(signer)[0]}")


def main() -> None:
    """Build into a folder that is empty or new."""
    parser = argparse.ArgumentParser(prog="just release", description="Build sdist, wheel, SBOM and provenance.")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "dist", help="empty or new (default: dist)")
    folder: Path = parser.parse_args().folder.resolve()
    if folder.is_dir() and any(folder.iterdir()):
        sys.exit(f"{folder.name} is not empty: delete what is in it, or name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    started = datetime.now(UTC)
    run("uv", "lock", "--check", "--quiet")
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    artefacts = build(folder, run("git", "log", "-1", "--format=%ct").strip())
    sbom = folder / f"agentroster-{version}.cdx.json"
    write_sbom(sbom)
    images = image_base.report(say)
    provenance = folder / f"agentroster-{version}.provenance.json"
    text = json.dumps(statement([*artefacts, sbom], started=started, images=images), indent=2)
    provenance.write_text(text + "\n", encoding="utf-8")
    made = [*artefacts, sbom, provenance]
    (folder / "SHA256SUMS").write_text("".join(f"{sha256(path)}  {path.name}\n" for path in made), encoding="utf-8")
    for path in made:
        say(f"{path.name}  {path.stat().st_size:,} bytes")
    sign(provenance, os.environ.get("RELEASE_SIGNER", ""))
    if run("git", "status", "--porcelain", "--untracked-files=no").strip():
        say("The working tree has changes that are in no commit; the provenance says so.")


def _base(image: image_base.Image) -> dict[str, object]:
    kind, _, value = image.digest.partition(":")
    return {"uri": f"docker:{image.name}", "digest": {kind: value}}


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


if __name__ == "__main__":
    main()
