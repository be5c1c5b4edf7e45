"""`/roster/api/jobs`: a person's jobs, and their events as SSE or over a WebSocket, replayed from any number."""

import json
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from agentroster.errors import RosterError
from agentroster.identity.authenticate import Authenticator
from agentroster.identity.caller import Caller
from agentroster.jobs.job import JobEvent
from agentroster.jobs.service import Jobs
from agentroster.web.api.requests import answering, number_of, person

_MAX_LISTED = 200
_SSE_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}
_POLICY_VIOLATION = 1008


@dataclass(frozen=True, slots=True)
class JobRoutes:
    """Shows, follows and cancels jobs; somebody else's job does not exist."""

    authenticator: Authenticator
    jobs: Jobs

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        who = self.authenticator
        return [
            Route("/roster/api/jobs", answering(self._list, who), methods=["GET"]),
            Route("/roster/api/jobs/{job_id}", answering(self._show, who), methods=["GET"]),
            Route("/roster/api/jobs/{job_id}/cancel", answering(self._cancel, who), methods=["POST"]),
            Route("/roster/api/jobs/{job_id}/events", answering(self._events, who), methods=["GET"]),
            WebSocketRoute("/roster/api/jobs/{job_id}/ws", self._socket),
        ]

    async def _list(self, request: Request, caller: Caller) -> Response:
        limit = number_of(request.query_params, "limit", 50, _MAX_LISTED)
        return JSONResponse({"data": [job.to_json() for job in await self.jobs.of_caller(caller, limit)]})

    async def _show(self, request: Request, caller: Caller) -> Response:
        return JSONResponse((await self.jobs.find(caller, request.path_params["job_id"])).to_json())

    async def _cancel(self, request: Request, caller: Caller) -> Response:
        return JSONResponse((await self.jobs.cancel(caller, request.path_params["job_id"])).to_json())

    async def _events(self, request: Request, caller: Caller) -> Response:
        job = await self.jobs.find(caller, request.path_params["job_id"])
        values = {"after": request.headers.get("last-event-id") or request.query_params.get("after", "0")}
        after = number_of(values, "after", 0, 10**11)
        frames = _frames(self.jobs.follow(job.id, after))
        return StreamingResponse(frames, media_type="text/event-stream", headers=_SSE_HEADERS)

    async def _socket(self, socket: WebSocket) -> None:
        try:
            caller = await person(socket, self.authenticator)
            job = await self.jobs.find(caller, socket.path_params["job_id"])
            after = number_of(socket.query_params, "after", 0, 10**11)
        except RosterError as error:
            await socket.close(_POLICY_VIOLATION, error.message[:120])
            return
        await socket.accept()
        with suppress(WebSocketDisconnect):
            async for event in self.jobs.follow(job.id, after):
                if event is not None:
                    await socket.send_json({"id": event.number, "event": event.kind, "data": event.data})
            await socket.close()


async def _frames(events: AsyncGenerator[JobEvent | None]) -> AsyncGenerator[bytes]:
    async for event in events:
        if event is None:
            yield b": still working\n\n"
        else:
            data = json.dumps(event.data, ensure_ascii=False)
            yield f"id: {event.number}\nevent: {event.kind}\ndata: {data}\n\n".encode()
