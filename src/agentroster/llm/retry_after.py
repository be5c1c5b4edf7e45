"""Computes how long to wait for a language model that asks to slow down."""

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from agentroster.errors import UpstreamRateLimited

_MAX_SECONDS = 60.0
_UNTOLD_SECONDS = 2.0
_JITTER = 0.25


def pause_seconds(error: UpstreamRateLimited, now: datetime | None = None) -> float:
    """Return the seconds to wait: as told, else two, and a little more so that not all come back at once."""
    told = _told(error, now or datetime.now(UTC))
    seconds = _UNTOLD_SECONDS if told is None else told
    jitter = random.uniform(0, _JITTER)  # noqa: S311 - spreads callers, hides nothing
    return min(seconds * (1 + jitter), _MAX_SECONDS)


def _told(error: UpstreamRateLimited, now: datetime) -> float | None:
    milliseconds = _number(error.retry_after_ms)
    if milliseconds is not None:
        return milliseconds / 1000
    seconds = _number(error.retry_after)
    return seconds if seconds is not None else _until(error.retry_after, now)


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    # Also keeps out "nan", which is smaller than nothing and greater than nothing.
    return value if value >= 0 else None


def _until(text: str | None, now: datetime) -> float | None:
    try:
        moment = parsedate_to_datetime(text or "")
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())
