"""Strict stand-ins for the services that take a token by form: Jira Cloud and Server, Seerr, Forgejo, a model endpoint.

Sources: the REST references of Jira Cloud (v3) and Data Center, Seerr's seerr-api.yml, Forgejo's API, OpenAI's models
endpoint. Each looks at the form of authentication that the real one wants, and at nothing else.
"""

import base64
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

TOKEN = "canary-token-of-the-services-4711"
EMAIL = "anna@example.com"


Endpoint = Callable[[Request], Awaitable[Response]]


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _guarded(header: str, value: str, answer: object) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        if request.headers.get(header) != value:
            return JSONResponse({"message": "Unauthorized"}, 401)
        return JSONResponse(answer)

    return endpoint


def _open(answer: object) -> Endpoint:
    async def endpoint(_request: Request) -> Response:
        return JSONResponse(answer)

    return endpoint


def _service(*routes: tuple[str, Endpoint]) -> list[Route]:
    return [Route(path, endpoint) for path, endpoint in routes]


async def _html(_request: Request) -> Response:
    return Response("<h1>hi</h1>", media_type="text/html")


app = Starlette(
    routes=[
        Mount(
            "/cloud",
            routes=_service(
                ("/rest/api/2/serverInfo", _open({"deploymentType": "Cloud"})),
                ("/rest/api/3/myself", _guarded("authorization", _basic(EMAIL, TOKEN), {"displayName": "Anna Cloud"})),
            ),
        ),
        Mount(
            "/server",
            routes=_service(
                ("/rest/api/2/serverInfo", _open({"deploymentType": "Server"})),
                ("/rest/api/2/myself", _guarded("authorization", f"Bearer {TOKEN}", {"displayName": "Anna Server"})),
            ),
        ),
        Mount(
            "/seerr", routes=_service(("/api/v1/auth/me", _guarded("x-api-key", TOKEN, {"displayName": "Anna Seerr"})))
        ),
        Mount(
            "/forgejo",
            routes=_service(("/api/v1/user", _guarded("authorization", f"token {TOKEN}", {"login": "anna-f"}))),
        ),
        Mount(
            "/llm",
            routes=_service(("/v1/models", _guarded("authorization", f"Bearer {TOKEN}", {"data": [{"id": "m1"}]}))),
        ),
        Mount("/bearer", routes=_service(("/v1/", _guarded("authorization", f"Bearer {TOKEN}", {})))),
        Mount("/html", routes=[Route("/{path:path}", _html)]),
    ]
)
