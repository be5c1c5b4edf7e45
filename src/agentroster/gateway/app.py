"""Builds the outer ASGI app: our filter in front, LiteLLM's app behind it, one lifespan for both.

Importing this module imports LiteLLM: seconds of CPU. Only `roster serve` does.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.types import ASGIApp

from agentroster.gateway.answers.answer_forms import AnswerForms
from agentroster.gateway.answers.anthropic_errors import AnthropicErrors
from agentroster.gateway.answers.cors import Cors
from agentroster.gateway.answers.direct_models import DirectModels
from agentroster.gateway.answers.endings import Endings
from agentroster.gateway.answers.error_filter import ErrorFilter
from agentroster.gateway.answers.last_resort import LastResort
from agentroster.gateway.answers.models_endpoint import ModelsEndpoint
from agentroster.gateway.answers.token_count import TokenCount
from agentroster.gateway.config.proxy_config import direct_model_names, ping_seconds
from agentroster.gateway.lane.chat_lane import ChatLane
from agentroster.gateway.litellm import state
from agentroster.gateway.litellm.app import litellm_app, litellm_lifespan
from agentroster.gateway.litellm.warm_up import warm_up
from agentroster.gateway.litellm.worker_models import WorkerModels
from agentroster.gateway.model_names import ModelNames
from agentroster.gateway.requests.chat_secrets import ChatSecrets
from agentroster.gateway.requests.large_bodies import LargeBodies
from agentroster.gateway.requests.request_filter import RequestFilter
from agentroster.identity.peer import PeerAddress
from agentroster.logs import configure_logging
from agentroster.operating_system.processes import on_hang_up
from agentroster.runtime import Runtime
from agentroster.web.api.health import Readiness
from agentroster.web.api.jobs import JobRoutes
from agentroster.web.api.me import UserModelRoutes
from agentroster.web.api.requests import unexpected, wrong_method
from agentroster.web.api.skills import SkillRoutes
from agentroster.web.pages.connect import ConnectPages
from agentroster.web.pages.home import HomePage
from agentroster.web.request_body import BodyLimits


def build_app(runtime: Runtime, config: Mapping[str, Any], *, has_lane: bool) -> ASGIApp:
    """Return the app that serves this runtime, and the direct models of LiteLLM's config beside its agents.

    With `has_lane`, chat completions with agents are answered by our own lane.
    """
    settings = runtime.settings
    names = ModelNames(runtime.agents, direct_model_names(config))
    direct_models = DirectModels(litellm_app, config)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None]:
        state.install(runtime)
        async with litellm_lifespan():
            configure_logging(runtime.secrets())
            agents = [spec.model_name for spec in runtime.agents.all()]
            runtime.signals.start()
            await warm_up(litellm_app, settings.required("master_key"), agents)
            await direct_models.load(settings.required("master_key"))
            runtime.retention.start()
            active, signals = runtime.authenticator.active, runtime.signals
            watch = asyncio.create_task(runtime.requests.watch_keys(active, signals))
            reloader = runtime.reloader()
            reloader.start()
            on_hang_up(asyncio.get_running_loop(), reloader.hang_up)
            yield
            await reloader.aclose()
            watch.cancel()
        await runtime.aclose()

    door = RequestFilter(
        AnswerForms(TokenCount(ErrorFilter(direct_models, names))),
        authenticator=runtime.authenticator,
        secrets=ChatSecrets(runtime.connector.source.providers.names()),
        limits=BodyLimits(max_bytes=int(settings.max_request_mb * 1_000_000), timeout=settings.body_seconds),
        large_bodies=LargeBodies(settings.large_bodies),
        names=names,
        expose_all=settings.expose_litellm == "all",
        lane=ChatLane(runtime.answers, ping_seconds=ping_seconds(config)) if has_lane else None,
    )
    pages = ConnectPages(runtime.connector, runtime.page_secret)
    home = HomePage(runtime.connector.public_url, settings.host, runtime.agents.for_everybody)
    who, accounts = runtime.authenticator, runtime.connector.source
    readiness = Readiness({"keys and jobs": runtime.database, "credentials": accounts.store.database})
    own = [
        # Before LiteLLM's, which knows nothing of these databases.
        *readiness.routes(),
        *pages.routes(),
        # LiteLLM has a page of its own there.
        *(() if settings.expose_litellm == "all" else home.routes()),
        *SkillRoutes(who, runtime.skills, runtime.jobs, runtime.rights).routes(),
        *JobRoutes(who, runtime.jobs).routes(),
        *WorkerModels(runtime.worker_secret).routes(),
        *UserModelRoutes(who, accounts, runtime.models, runtime.rights).routes(),
    ]
    handlers: Any = {HTTPStatus.METHOD_NOT_ALLOWED: wrong_method, Exception: unexpected}
    app = Starlette(routes=own, lifespan=lifespan, exception_handlers=handlers)
    # Not as a mount, which would take the place of our routes for methods that they do not know.
    app.router.default = ModelsEndpoint(door, runtime.agents)
    app.router.redirect_slashes = False
    endings = Endings(PeerAddress(LastResort(app)), runtime.requests)
    return Cors(AnthropicErrors(endings), settings.cors_origins)
