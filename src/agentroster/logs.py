"""Logging of the whole process: one handler, one format, and no secret in any line.

LiteLLM, Agno and uvicorn bring handlers of their own; a filter would miss their tracebacks, so a formatter
that redacts the finished text is put on every handler there is.
"""

import base64
import json
import logging
import re
import sys
from asyncio import CancelledError
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from contextvars import ContextVar
from urllib.parse import quote, quote_plus

from agentroster.settings.secret_words import Strength, is_placeholder, strength_of, weak_pattern

_FORMAT = "%(asctime)s %(levelname)s {process}%(name)s: %(message)s"
_MASK = "***"
_PERCENT = re.compile("%..")
# What the encoders of .NET, Handlebars, Go and Python escape, and how.
_ESCAPES = (
    ("+<>&'\"`", "\\u{:04X}"), ("+<>&'\"`", "\\u{:04x}"), ("&<>\"'`=", "&#x{:X};"), ("&<>\"'`=/", "&#x{:X};"),
    ("&<>\"'+", "&#{};"), ("&<>\"'", "&#{};"), ("&<>\"'", "&#x{:x};"),
)  # fmt: skip
_SHORTEST_WATCHED = 6
_PATTERNS = re.compile(
    r"""(?x)
    (?:sk-|rst_[0-9a-z]{8}_|ghp_|gho_|ghs_|github_pat_|hf_|glpat-|xox[a-z]-|ATATT|gAAAAA)[A-Za-z0-9_\-=.]{12,}
    | eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]*
    | (?<=[?&]code=)[^&\s"]+ | (?<=[?&]state=)[^&\s"]+
    | (?i:(?<=bearer\ ))[^\s"',]{8,}
    """
)
_NOISY = ("httpx", "httpcore", "LiteLLM", "LiteLLM Proxy", "LiteLLM Router", "agno", "asyncio", "uvicorn.access")


class _Watched:
    """Secrets in use, and all their spellings, found out once."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self.values = set(values)
        self._forms: list[str] | None = None

    def add(self, secrets: Iterable[str]) -> None:
        self.values.update(secrets)
        self._forms = None

    @property
    def forms(self) -> list[str]:
        """The spellings, the longest first."""
        if self._forms is None:
            self._forms = sorted({form for secret in self.values for form in _forms(secret)}, key=len, reverse=True)
        return self._forms


_in_use: ContextVar[_Watched | None] = ContextVar("roster_secrets_in_use", default=None)


class Redactor:
    """Replaces known secret values, and texts that look like secrets, by a mask."""

    def __init__(self) -> None:
        self._values: re.Pattern[str] | None = None
        self._weak: list[re.Pattern[str]] = []

    def learn(self, secrets: Iterable[str]) -> None:
        """Hide these values from now on: plain, base64 and URL-encoded.

        What is a word hides only where a key is written, as `secret_words` says; a placeholder does not.
        """
        by_strength: dict[str, Strength] = {secret: strength_of(secret) for secret in secrets if secret}
        strong = [secret for secret, strength in by_strength.items() if strength == "strong"]
        longest_first = sorted({form for secret in strong for form in _forms(secret)}, key=len, reverse=True)
        self._values = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
        weak = (weak_pattern(secret, strength) for secret, strength in by_strength.items())
        self._weak = [re.compile(pattern) for pattern in weak if pattern]

    @contextmanager
    def watching(self) -> Generator[None]:
        """Hide, in this task and those it starts, the values that `watch` is given before the end of the block."""
        outer = _in_use.get()
        token = _in_use.set(_Watched(outer.values if outer else ()))
        try:
            yield
        finally:
            _in_use.reset(token)

    def watch(self, secrets: Iterable[str]) -> None:
        """Hide these values for as long as the block of `watching` lasts; short ones would hide common words."""
        watched = _in_use.get()
        if watched is not None:
            watched.add(secret for secret in secrets if len(secret) >= _SHORTEST_WATCHED and not is_placeholder(secret))

    def clean(self, text: str) -> str:
        """Return the text with every secret masked."""
        for form in _watched_forms():
            text = text.replace(form, _MASK)
        if self._values is not None:
            text = self._values.sub(_MASK, text)
        for pattern in self._weak:
            text = pattern.sub(_without_weak, text)
        return _PATTERNS.sub(_unless_placeholder, text)

    def clean_bytes(self, data: bytes) -> bytes:
        """Return the data with the watched secrets masked."""
        for form in _watched_forms():
            data = data.replace(form.encode(), _MASK.encode())
        return data


class _ExpectedErrors(logging.Filter):
    """Drops LiteLLM's tracebacks of errors that were raised on purpose; we log a line of our own."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep a record unless it reports an exception marked as expected."""
        error = record.exc_info[1] if record.exc_info else None
        # A task cancelled at the end of the process, or by a client gone, is no error either.
        return not (isinstance(error, CancelledError) or getattr(error, "roster_expected", False))


class RedactingFormatter(logging.Formatter):
    """Formats with another formatter, then redacts all of it, traceback included."""

    def __init__(self, inner: logging.Formatter, redactor: Redactor) -> None:
        super().__init__()
        self._inner = inner
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """Return the finished, redacted line."""
        return self._redactor.clean(self._inner.format(record))


redactor = Redactor()


def configure_logging(secrets: Iterable[str], level: int = logging.INFO, process: str = "") -> None:
    """Send everything to standard error through one redacting handler; call again after late imports.

    `process` names a process that speaks beside the proxy in the same log.
    """
    redactor.learn(secrets)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        RedactingFormatter(logging.Formatter(_FORMAT.format(process=f"[{process}] " if process else "")), redactor)
    )
    handler.addFilter(_ExpectedErrors())
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in list(logging.root.manager.loggerDict):
        logger = logging.getLogger(name)
        if logger.handlers:
            logger.handlers.clear()
            logger.propagate = True
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.ERROR)


def _without_weak(match: re.Match[str]) -> str:
    start, end = (place - match.start() for place in match.span("weak"))
    return match[0][:start] + _MASK + match[0][end:]


def _unless_placeholder(match: re.Match[str]) -> str:
    return match[0] if is_placeholder(match[0]) else _MASK


def _watched_forms() -> list[str]:
    watched = _in_use.get()
    return watched.forms if watched else []


def _forms(secret: str) -> set[str]:
    """Return the spellings of a secret that encoders write: base64 at each offset, percent, JSON."""
    raw = secret.encode()
    quoted = {quote(secret, safe=""), quote_plus(secret)}
    lower = {_PERCENT.sub(lambda match: match[0].lower(), form) for form in quoted}
    as_json = json.dumps(secret)[1:-1]
    escaped = {_escaped(secret, unsafe, form) for unsafe, form in _ESCAPES}
    return {secret, as_json, as_json.replace("/", "\\/"), *quoted, *lower, *escaped, *_base64_forms(raw)}


def _escaped(secret: str, unsafe: str, form: str) -> str:
    return "".join(form.format(ord(char)) if char in unsafe else char for char in secret)


def _base64_forms(raw: bytes) -> set[str]:
    forms: set[str] = set()
    for offset in range(3):
        # The characters at both ends also hold bits of what stands beside the secret.
        start = (0, 2, 3)[offset]
        end = (offset + len(raw)) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            core = encode(b"\0" * offset + raw).decode()[start:end]
            forms |= {core} if len(core) >= _SHORTEST_WATCHED else set()
    return forms
