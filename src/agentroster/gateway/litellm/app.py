"""LiteLLM's own ASGI app. Importing this module takes seconds of CPU: only `roster serve` does."""

import io
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, redirect_stdout
from importlib.util import find_spec
from typing import Any, cast

from litellm.proxy.proxy_server import app
from starlette.types import ASGIApp

litellm_app = cast("ASGIApp", app)

# LiteLLM tries to import these with every request, and looks through all of `sys.path` for them.
for _name in ("prisma", "opentelemetry.sdk"):
    if find_spec(_name.partition(".")[0]) is None or find_spec(_name) is None:
        cast("dict[str, object]", sys.modules)[_name] = None


@asynccontextmanager
async def litellm_lifespan() -> AsyncGenerator[None]:
    """Run LiteLLM's start and end around a block: a mounted app's lifespan does not run by itself."""
    router: Any = cast("Any", app).router
    async with AsyncExitStack() as stack:
        # It prints its model list, wildcard included, to standard output.
        with redirect_stdout(io.StringIO()):
            await stack.enter_async_context(router.lifespan_context(app))
        yield
