"""The base images of the Containerfile, by digest: what their registry says a tag is today.

`uv run just image-base` says it, `--write` writes `NAME:TAG@sha256:...` into the Containerfile, where a digest that is
there already is compared. Where no registry answers, nothing is changed and it says `skipped`. Protocol: OCI
distribution 1.1, tokens as in the registry specification of Docker.
"""

import argparse
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

CONTAINERFILE = Path(__file__).parent.parent / "Containerfile"
_LINE = re.compile(r"^ARG (\w+_IMAGE)=([^\s@]+)(?:@(sha256:[0-9a-f]{64}))?$", re.MULTILINE)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_KINDS = ", ".join(
    ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json",
     "application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
)  # fmt: skip
_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Image:
    """A base image: the name of its argument, its tag, the digest in the Containerfile, and the registry's."""

    argument: str
    name: str
    pinned: str
    found: str

    @property
    def digest(self) -> str:
        """The digest a build gets: the pinned one, else today's; empty when nobody said."""
        return self.pinned or self.found


def images(text: str, ask: Callable[[str], str]) -> list[Image]:
    """Return the images of a Containerfile; `ask` returns the digest of a name with its tag, or an empty text."""
    return [Image(argument, name, pinned, ask(name)) for argument, name, pinned in _LINE.findall(text)]


def digest_of(name: str) -> str:
    """Return the digest that the registry gives a tag, or an empty text where none answers.

    Raises SystemExit when it answers that there is no such image.
    """
    registry, _, rest = name.partition("/")
    repository, _, tag = rest.rpartition(":")
    host = "registry-1.docker.io" if registry == "docker.io" else registry
    scheme = "http" if host.split(":")[0] in {"127.0.0.1", "localhost"} else "https"
    try:
        with httpx.Client(timeout=_TIMEOUT_SECONDS, follow_redirects=True) as client:
            address, headers = f"{scheme}://{host}/v2/{repository}/manifests/{tag}", {"accept": _KINDS}
            answer = client.head(address, headers=headers)
            if answer.status_code == httpx.codes.UNAUTHORIZED:
                token = _token(client, answer.headers.get("www-authenticate", ""))
                answer = client.head(address, headers={**headers, "authorization": f"Bearer {token}"})
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError):
        return ""
    if answer.status_code == httpx.codes.NOT_FOUND:
        sys.exit(f"{name}: the registry knows no such image")
    digest = answer.headers.get("docker-content-digest", "")
    return digest if answer.is_success and _DIGEST.fullmatch(digest) else ""


def _token(client: httpx.Client, challenge: str) -> str:
    values = dict(_CHALLENGE.findall(challenge))
    answer = client.get(values.pop("realm"), params=values)
    body = answer.raise_for_status().json()
    return body.get("token") or body["access_token"]


def report(say: Callable[[str], None]) -> list[Image]:
    """Say of each image which digest it has, or that the check is skipped; return them."""
    found = images(CONTAINERFILE.read_text(encoding="utf-8"), digest_of)
    for image in found:
        if not image.found:
            say(f"{image.name}: skipped: no registry answers" + (f"; pinned to {image.pinned}" if image.pinned else ""))
        elif image.pinned and image.pinned != image.found:
            say(f"{image.name}: pinned to {image.pinned}, and the tag is {image.found} by now")
        else:
            say(f"{image.name}: {image.found}" + (", as pinned" if image.pinned else ", not pinned"))
    return found


def pinned(text: str, found: list[Image]) -> str:
    """Return the Containerfile with the registry's digest at each image that has one."""
    for image in found:
        if image.found:
            line = re.compile(rf"^ARG {image.argument}=.*$", re.MULTILINE)
            text = line.sub(f"ARG {image.argument}={image.name}@{image.found}", text)
    return text


def main() -> None:
    """Say the digests, and with --write put them into the Containerfile."""
    parser = argparse.ArgumentParser(prog="just image-base", description="Base images by digest.")
    parser.add_argument("--write", action="store_true", help="write the digests of today into the Containerfile")
    write: bool = parser.parse_args().write
    found = report(print)
    if write:
        text = CONTAINERFILE.read_text(encoding="utf-8")
        CONTAINERFILE.write_text(pinned(text, found), encoding="utf-8")


if __name__ == "__main__":
    main()
