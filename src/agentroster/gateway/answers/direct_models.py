"""Lists the operator's direct models without asking LiteLLM each time. Pure ASGI."""

from collections.abc import Mapping
from typing import Any, cast

import httpx
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from agentroster.gateway.config.proxy_config import direct_model_names
from agentroster.gateway.request_context import current
from agentroster.llm.backend import AGENT_PREFIX

_PATHS = frozenset({"/v1/models", "/models"})


class DirectModels:
    """Keeps LiteLLM's list of the start, and shows each caller their part of it.

    The list comes from a config that is read once. Where LiteLLM makes it of something else (patterns such as
    `openai/*`, health checks), or in another shape (Anthropic's, Codex's), it is asked each time.
    """

    def __init__(self, app: ASGIApp, config: Mapping[str, Any]) -> None:
        self._app = app
        changes = config["general_settings"].get("model_list_healthy_only")
        self._is_fixed = not changes and not any("*" in name for name in direct_model_names(config))
        self._rows: list[dict[str, Any]] | None = None

    async def load(self, master_key: str) -> None:
        """Ask LiteLLM once, as the operator. Raises httpx.HTTPStatusError."""
        transport = httpx.ASGITransport(cast("Any", self._app))
        headers = {"authorization": f"Bearer {master_key}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://start", headers=headers) as client:
            rows = (await client.get("/v1/models")).raise_for_status().json()["data"]
        self._rows = [row for row in rows if not row["id"].startswith(AGENT_PREFIX)] if self._is_fixed else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what is asked in OpenAI's shape and without wishes; pass everything else on."""
        context = current.get()
        caller = context.caller if context is not None else None
        is_plain = scope["type"] == "http" and scope["path"] in _PATHS and not scope["query_string"]
        if caller is None or self._rows is None or not is_plain or _is_anthropic(scope):
            await self._app(scope, receive, send)
            return
        rows = [row for row in self._rows if caller.may(row["id"])]
        await JSONResponse({"data": rows, "object": "list"})(scope, receive, send)


def _is_anthropic(scope: Scope) -> bool:
    return any(name == b"anthropic-version" for name, _ in scope["headers"])
