"""Removes from the environment what libraries stumble over when they are imported."""

import logging
import os

import httpx

from agentroster.errors import StartRefused
from agentroster.operating_system.processes import take_utc

logger = logging.getLogger(__name__)

_PROXIES = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")


def require_usable_connections() -> None:
    """Raise StartRefused for proxy variables or a certificate file that no HTTP client can be made with.

    Ours ignores proxies; LiteLLM's, for the models of its own list, obeys them.
    """
    bundle = os.environ.get("SSL_CERT_FILE")
    try:
        if bundle:
            with open(bundle, "rb"):  # noqa: PTH123 - the variable is taken as it is
                pass
        httpx.Client().close()
    except ImportError as error:
        raise StartRefused(
            f"{_proxies()} names a SOCKS proxy, and the package for it is not installed: "
            "pip install socksio, or unset the variable"
        ) from error
    except OSError as error:
        raise StartRefused("SSL_CERT_FILE or SSL_CERT_DIR cannot be used: correct or unset it") from error
    except (ValueError, httpx.InvalidURL) as error:
        raise StartRefused(f"{_proxies()} is no address of a proxy: correct or unset it") from error


def use_known_time_zone() -> None:
    """Take UTC where the local time zone has no name, as with TZ=EST5EDT,M3.2.0: LiteLLM's scheduler wants one."""
    try:
        import tzlocal  # noqa: PLC0415 - comes with LiteLLM

        tzlocal.get_localzone()
    except ImportError:
        return
    except Exception:  # noqa: BLE001 - it raises several kinds, for several mistakes
        logger.warning("the time zone of this machine has no name that is known (TZ): UTC is used")
        take_utc()


def _proxies() -> str:
    names = [name for upper in _PROXIES for name in (upper, upper.lower()) if os.environ.get(name)]
    return " or ".join(names) or "A proxy variable"
