"""Serves `/v1/models`: the agents of the moment with their details, beside the direct models LiteLLM lists."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, cast
from urllib.parse import unquote

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agentroster.agents.icon import icon_of
from agentroster.agents.registry import AgentRegistry
from agentroster.agents.spec import AgentSpec
from agentroster.errors import ModelNotFound
from agentroster.gateway.model_names import did_you_mean
from agentroster.gateway.request_context import current
from agentroster.llm.backend import AGENT_PREFIX
from agentroster.messages import say
from agentroster.web.error_forms import error_response

_LIST_PATHS = ("/v1/models", "/models")
_ONE = ("/v1/models/", "/models/")
_FORWARDED = frozenset({"signed_token", "forwarder"})
# What LiteLLM says of every model.
_CREATED, _OWNER = 1677610602, "openai"


class ModelsEndpoint:
    """Lists for a key what it may use; behind a forwarder's key one list for everybody, whoever looks at it.

    Open WebUI keeps one list for all its people, and refuses what the last one who looked was not shown.
    """

    def __init__(self, app: ASGIApp, agents: AgentRegistry) -> None:
        self._app = app
        self._agents = agents

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the list and single models; pass everything else on."""
        path = scope.get("path", "")
        if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"}:
            await self._app(scope, receive, send)
        elif path in _LIST_PATHS:
            await (await self._listed(scope, receive, wanted=None))(scope, receive, send)
        elif path.startswith(_ONE):
            # Agents have a slash in their name, which LiteLLM's own route does not accept.
            wanted = unquote(path.removeprefix("/v1").removeprefix("/models/"))
            inner = {**scope, "path": _LIST_PATHS[0], "raw_path": _LIST_PATHS[0].encode()}
            await (await self._listed(inner, receive, wanted=wanted))(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _listed(self, scope: Scope, receive: Receive, *, wanted: str | None) -> Response:
        inner = _Captured()
        # LiteLLM knows no HEAD; the server sends no body in answer to one.
        await self._app({**scope, "method": "GET"}, receive, inner.send)
        body = inner.json() if inner.status == 200 else None  # noqa: PLR2004
        if body is None:
            return inner.response()
        agents = {spec.model_name: spec for spec in self._visible()}
        if body.get("object") != "list":
            # Other clients' shapes (Anthropic's, Codex's) come through the same path.
            return _json_response(_in_other_shape(body, agents))
        theirs = {str(row.get("id")): row for row in cast("list[dict[str, Any]]", body["data"])}
        rows = [row for name, row in theirs.items() if not name.startswith(AGENT_PREFIX)]
        rows += [{**theirs.get(name, _row(name)), **_extra(spec)} for name, spec in agents.items()]
        if wanted is None:
            return _json_response({**body, "data": rows})
        row = next((row for row in rows if row.get("id") == wanted), None)
        if row is None:
            names = [str(row.get("id")) for row in rows]
            return error_response(ModelNotFound(_no_model(wanted[:100], names)))
        return _json_response(row)

    def _visible(self) -> list[AgentSpec]:
        context = current.get()
        caller = context.caller if context else None
        if caller is None:
            return []
        specs = self._agents.for_everybody() if caller.proof in _FORWARDED else self._agents.all()
        return [spec for spec in specs if caller.may(spec.model_name)]


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


def _no_model(name: str, known: list[str]) -> str:
    if not known:
        return say("gateway.no_model_at_all", name=name)
    return say("gateway.no_model_of", name=name, hint=did_you_mean(name, known), known=", ".join(known))


def _json_response(value: Mapping[str, Any]) -> Response:
    return Response(json.dumps(value, ensure_ascii=False), media_type="application/json")


def _extra(spec: AgentSpec) -> dict[str, Any]:
    """Return the fields Open WebUI reads; agents run their own tools, so its built-in ones are switched off."""
    capabilities = {"builtin_tools": False, "usage": True, "vision": spec.vision, "citations": False}
    said = [(one, "", one) if isinstance(one, str) else (*one, one[1]) for one in spec.suggestions]
    suggestions = [{"title": [title, below], "content": message} for title, below, message in said]
    return {
        "name": spec.display_name,
        "description": spec.description,
        "tags": [{"name": "agent"}],
        "info": {
            "meta": {
                "description": spec.description,
                # Open WebUI 0.12 shows the icon of a record of its own only; other clients and versions show this one.
                "profile_image_url": icon_of(spec.name),
                "suggestion_prompts": suggestions,
                "capabilities": capabilities,
            }
        },
    }


def _row(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": _CREATED, "owned_by": _OWNER, "mode": "chat"}


def _in_other_shape(body: Mapping[str, Any], agents: Iterable[str]) -> dict[str, Any]:
    """Return a list in whatever shape with the agents of the moment: those of LiteLLM's own are those of the start."""
    made = dict(body)
    for section in ("data", "models"):
        rows: object = body.get(section)
        if not isinstance(rows, list):
            continue
        given = {_name_of(row): row for row in cast("list[dict[str, Any]]", rows)}
        example = next((name for name in given if name.startswith(AGENT_PREFIX)), "")
        kept = [row for name, row in given.items() if not name.startswith(AGENT_PREFIX)]
        wanted = [name for name in agents if example or name in given]
        made[section] = [*kept, *(given.get(name) or _renamed(given[example], example, name) for name in wanted)]
    if "first_id" in made and isinstance(made.get("data"), list):
        ids = [row.get("id") for row in made["data"]] or [None]
        made |= {"first_id": ids[0], "last_id": ids[-1]}
    return made


def _name_of(row: Mapping[str, Any]) -> str:
    return str(row.get("source_model") or row.get("id") or row.get("slug"))


def _renamed(row: Mapping[str, Any], old: str, new: str) -> dict[str, Any]:
    return json.loads(json.dumps(row).replace(json.dumps(old)[1:-1], json.dumps(new)[1:-1]))
