"""`/v1/models` with what LiteLLM leaves out: names, descriptions, suggestions, capabilities."""

import json
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import unquote

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agentroster.agents.registry import AgentRegistry
from agentroster.agents.spec import AgentSpec
from agentroster.errors import ModelNotFound
from agentroster.gateway.model_names import did_you_mean
from agentroster.web.error_forms import error_response

_LIST_PATHS = ("/v1/models", "/models")


class ModelList:
    """Enriches the rows of agents; the same for every caller who may see them."""

    def __init__(self, app: ASGIApp, agents: AgentRegistry) -> None:
        self._app = app
        self._rows = {spec.model_name: _extra(spec) for spec in agents.all()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the list and single models; pass everything else on."""
        path = scope.get("path", "")
        if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"}:
            await self._app(scope, receive, send)
        elif path in _LIST_PATHS:
            await (await self._listed(scope, receive, wanted=None))(scope, receive, send)
        elif path.startswith("/v1/models/"):
            # Agents have a slash in their name, which LiteLLM's own route does not accept.
            wanted = unquote(path.removeprefix("/v1/models/"))
            inner = {**scope, "path": _LIST_PATHS[0], "raw_path": _LIST_PATHS[0].encode()}
            await (await self._listed(inner, receive, wanted=wanted))(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _listed(self, scope: Scope, receive: Receive, *, wanted: str | None) -> Response:
        inner = _Captured()
        # LiteLLM knows no HEAD; the server sends no body in answer to one.
        await self._app({**scope, "method": "GET"}, receive, inner.send)
        body = inner.json() if inner.status == 200 else None  # noqa: PLR2004
        # Other clients' shapes (Anthropic's, Codex's) come through the same path and stay as they are.
        if body is None or body.get("object") != "list":
            return inner.response()
        rows = [{**row, **self._rows.get(str(row.get("id")), {})} for row in cast("list[dict[str, Any]]", body["data"])]
        if wanted is None:
            return _json_response({**body, "data": rows})
        row = next((row for row in rows if row.get("id") == wanted), None)
        if row is None:
            names = [str(row.get("id")) for row in rows]
            hint, known = did_you_mean(wanted, names), ", ".join(names)
            return error_response(
                ModelNotFound(f"There is no model {wanted[:100]!r}.{hint} Known models: {known or 'none'}.")
            )
        return _json_response(row)


class _Captured:
    """Keeps the whole answer of an inner app instead of sending it."""

    def __init__(self) -> None:
        self.status = 500
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self._headers = message["status"], list(message.get("headers", []))
        elif message["type"] == "http.response.body":
            self._body += message.get("body", b"")

    def json(self) -> dict[str, Any] | None:
        try:
            value: object = json.loads(self._body)
        except ValueError:
            return None
        return cast("dict[str, Any]", value) if isinstance(value, dict) else None

    def response(self) -> Response:
        response = Response(self._body, status_code=self.status)
        response.raw_headers = self._headers
        return response


def _json_response(value: Mapping[str, Any]) -> Response:
    return Response(json.dumps(value, ensure_ascii=False), media_type="application/json")


def _extra(spec: AgentSpec) -> dict[str, Any]:
    """Return the fields Open WebUI reads; agents run their own tools, so its built-in ones are switched off."""
    capabilities = {"builtin_tools": False, "usage": True, "vision": spec.vision, "citations": False}
    suggestions = [{"title": [text, ""], "content": text} for text in spec.suggestions]
    return {
        "name": spec.shown_title,
        "description": spec.description,
        "tags": [{"name": "agent"}],
        "info": {
            "meta": {
                "description": spec.description,
                "suggestion_prompts": suggestions,
                "capabilities": capabilities,
            }
        },
    }
