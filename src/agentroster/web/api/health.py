"""`/health/readiness`: whether this process can do its work; `/health/liveliness`, in LiteLLM's words: that it runs."""

import asyncio
import logging
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from agentroster.db.database import Database
from agentroster.errors import StorageFailed

logger = logging.getLogger(__name__)

_TIMEOUT_SECONDS = 3.0
_OK = "ok"


class Readiness:
    """Asks each database to read something; what is asked already is not asked a second time."""

    def __init__(self, databases: Mapping[str, Database]) -> None:
        self._databases = databases
        self._asking: dict[str, asyncio.Task[str]] = {}

    def routes(self) -> list[Route]:
        """Return the routes."""
        alive = [Route(path, _alive, methods=["GET"]) for path in ("/health/liveliness", "/health/liveness")]
        return [Route("/health/readiness", self._answer, methods=["GET"]), *alive]

    async def _answer(self, _request: Request) -> Response:
        found = await asyncio.gather(*(self._state(name) for name in self._databases))
        states = dict(zip(self._databases, found, strict=True))
        is_ready = set(found) == {_OK}
        body = {"status": "ready" if is_ready else "not ready", "databases": states}
        return JSONResponse(body, 200 if is_ready else 503, {"cache-control": "no-store"})

    async def _state(self, name: str) -> str:
        task = self._asking.get(name)
        if task is None:
            # Outlives this request: a database that hangs must not collect threads that wait for it.
            task = self._asking[name] = asyncio.create_task(_ping(self._databases[name]))
            task.add_done_callback(lambda _: self._asking.pop(name, None))
        done, _ = await asyncio.wait([task], timeout=_TIMEOUT_SECONDS)
        return task.result() if done else "slow"


async def _alive(_request: Request) -> Response:
    return JSONResponse("I'm alive!")


async def _ping(database: Database) -> str:
    try:
        await database.in_reader(database.ping)
    except StorageFailed as error:
        return error.kind
    except Exception:
        logger.exception("a database does not answer")
        return "other"
    return _OK
