"""A strict stand-in for the model site's API: versions by hash, one or many at once.

Source: https://developer.civitai.com/site/reference/model-versions.
"""

import re
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

_HASH = re.compile(r"[0-9A-Fa-f]{8,64}")
_MAX_BATCH = 100


def version(digest: str, **fields: object) -> dict[str, object]:
    """A version with one file, as the site writes it."""
    return {
        "id": 2514310,
        "modelId": 827184,
        "name": "v1.0",
        "description": None,
        "baseModel": "Illustrious",
        "trainedWords": [],
        "model": {"name": "Heron", "type": "LORA", "nsfw": False, "poi": False},
        "files": [
            {"id": 1, "name": "x.safetensors", "type": "Model", "hashes": {"SHA256": digest.upper()}, "primary": True}
        ],
        "images": [],
        **fields,
    }


@dataclass
class ModelSiteServer:
    """Knows what tests put into `versions`, by upper-case SHA-256; `status` answers everything else than 200."""

    versions: dict[str, dict[str, object]] = field(default_factory=dict[str, dict[str, object]])
    asked: list[str] = field(default_factory=list[str])
    status: int = 0
    without_batch: bool = False

    def app(self) -> Starlette:
        path = "/api/v1/model-versions/by-hash"
        return Starlette(
            routes=[Route(f"{path}/{{hash}}", self.one, methods=["GET"]), Route(path, self.many, methods=["POST"])]
        )

    def knows(self, digest: str, **fields: object) -> None:
        self.versions[digest.upper()] = version(digest, **fields)

    async def one(self, request: Request) -> Response:
        digest = request.path_params["hash"]
        self.asked.append(f"GET {digest}")
        if self.status:
            return JSONResponse({"error": "trouble"}, self.status)
        if not _HASH.fullmatch(digest):
            return JSONResponse({"error": "Invalid hash"}, 400)
        found = self.versions.get(digest.upper())
        return JSONResponse(found) if found else JSONResponse({"error": "Model not found"}, 404)

    async def many(self, request: Request) -> Response:
        digests = await request.json()
        self.asked.append(f"POST {len(digests)}")
        if self.status or self.without_batch:
            return JSONResponse({"error": "trouble"}, self.status or 404)
        is_list = isinstance(digests, list) and all(isinstance(one, str) and len(one) == 64 for one in digests)
        if not is_list or not 0 < len(digests) <= _MAX_BATCH or "json" not in request.headers["content-type"]:
            return JSONResponse({"error": "Invalid input"}, 400)
        return JSONResponse([found for one in digests if (found := self.versions.get(one.upper()))])
