"""The outer ASGI app: our door in front, LiteLLM's app behind it, one lifespan for both.

Importing this module imports LiteLLM: seconds of CPU. Only `roster serve` does.
"""

import asyncio
import io
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, redirect_stdout
from http import HTTPStatus
from typing import Any, cast

from litellm.proxy.proxy_server import app as litellm_app
from starlette.applications import Starlette
from starlette.types import ASGIApp

from agentroster.answer_forms import AnswerForms
from agentroster.anthropic_errors import AnthropicErrors
from agentroster.api.health import Readiness
from agentroster.api.jobs import JobRoutes
from agentroster.api.me import OwnModelRoutes
from agentroster.api.requests import unexpected, wrong_method
from agentroster.api.skills import SkillRoutes
from agentroster.clean_errors import CleanErrors
from agentroster.cors import Cors
from agentroster.endings import Endings
from agentroster.front_door import FrontDoor
from agentroster.identity.peer import PeerAddress
from agentroster.large_bodies import LargeBodies
from agentroster.last_resort import LastResort
from agentroster.logs import configure_logging
from agentroster.model_list import ModelList
from agentroster.model_names import ModelNames
from agentroster.pages.connect import ConnectPages
from agentroster.provider import state
from agentroster.provider.chat_secrets import ChatSecrets
from agentroster.provider.warm_up import warm_up
from agentroster.request_body import BodyLimits
from agentroster.runtime import Runtime
from agentroster.token_count import TokenCount


def build_app(runtime: Runtime, direct_models: Sequence[str]) -> ASGIApp:
    """Return the app that serves this runtime, and these models of the operator's beside its agents."""
    settings = runtime.settings
    names = ModelNames(runtime.agents, direct_models)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None]:
        state.install(runtime)
        # A mounted app's lifespan does not run by itself.
        router: Any = cast("Any", litellm_app).router
        async with AsyncExitStack() as stack:
            # LiteLLM prints its model list, wildcard included, to standard output.
            with redirect_stdout(io.StringIO()):
                await stack.enter_async_context(router.lifespan_context(litellm_app))
            configure_logging(settings.secrets())
            agents = [spec.model_name for spec in runtime.agents.all()]
            await warm_up(cast("ASGIApp", litellm_app), settings.required("master_key"), agents)
            runtime.jobs.worker.start()
            runtime.retention.start()
            watch = asyncio.create_task(runtime.requests.watch_keys(runtime.authenticator.active))
            yield
            watch.cancel()
        await runtime.aclose()

    door = FrontDoor(
        AnswerForms(TokenCount(CleanErrors(cast("ASGIApp", litellm_app), names))),
        authenticator=runtime.authenticator,
        secrets=ChatSecrets(runtime.connector.source.providers.names()),
        limits=BodyLimits(max_bytes=int(settings.max_request_mb * 1_000_000), timeout=settings.body_seconds),
        large_bodies=LargeBodies(settings.large_bodies),
        names=names,
        expose_all=settings.expose_litellm == "all",
    )
    pages = ConnectPages(runtime.connector, runtime.page_secret)
    who, accounts = runtime.authenticator, runtime.connector.source
    readiness = Readiness({"keys and jobs": runtime.database, "credentials": accounts.store.database})
    own = [
        # Before LiteLLM's, which knows nothing of these databases.
        *readiness.routes(),
        *pages.routes(),
        *SkillRoutes(who, runtime.skills, runtime.jobs, runtime.rights).routes(),
        *JobRoutes(who, runtime.jobs).routes(),
        *OwnModelRoutes(who, accounts, runtime.models, runtime.rights).routes(),
    ]
    handlers: Any = {HTTPStatus.METHOD_NOT_ALLOWED: wrong_method, Exception: unexpected}
    app = Starlette(routes=own, lifespan=lifespan, exception_handlers=handlers)
    # Not as a mount, which would take the place of our routes for methods that they do not know.
    app.router.default = ModelList(door, runtime.agents)
    app.router.redirect_slashes = False
    endings = Endings(PeerAddress(LastResort(app)), runtime.requests)
    return Cors(AnthropicErrors(endings), settings.cors_origins)
