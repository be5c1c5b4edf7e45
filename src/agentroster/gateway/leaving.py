"""Ends a start at once, when somebody does not wait for it."""

import os
from types import FrameType
from typing import NoReturn

_KILLED_BY = 128


def leave(number: int, _frame: FrameType | None = None) -> NoReturn:
    """Answer Ctrl-C or SIGTERM before anything is served: LiteLLM's import would hold it up, or show a traceback.

    Nobody waits for an answer yet, and the databases survive an end at any moment.
    """
    os.write(2, b"roster stopped before it was ready\n")
    os._exit(_KILLED_BY + number)
