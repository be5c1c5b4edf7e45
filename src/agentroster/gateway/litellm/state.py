"""Holds the runtime of the current event loop: set by `roster serve`, or opened on first use.

Kept apart from the handler, because LiteLLM may load the handler's module a second time.
"""

import asyncio
import logging
from weakref import WeakKeyDictionary

from agentroster.credentials.secret_file import load_with_secrets
from agentroster.gateway.litellm.router_model import RouterModel
from agentroster.runtime import Runtime

logger = logging.getLogger(__name__)

_runtimes: "WeakKeyDictionary[asyncio.AbstractEventLoop, Runtime]" = WeakKeyDictionary()


def install(runtime: Runtime) -> None:
    """Use this runtime in the running event loop."""
    _runtimes[asyncio.get_running_loop()] = runtime


def current() -> Runtime:
    """Return the runtime of the running loop, opening one from the environment under plain LiteLLM."""
    loop = asyncio.get_running_loop()
    runtime = _runtimes.get(loop)
    if runtime is None:
        settings, notice = load_with_secrets()
        if notice:
            logger.warning("%s", notice)
        runtime = _runtimes[loop] = Runtime.open(settings, RouterModel)
    return runtime
