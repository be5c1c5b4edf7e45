"""Modules that Python has on some systems only."""

from importlib import import_module
from typing import Any


def module_or_none(name: str) -> Any:
    """Return a module, or None where it cannot be imported. Its type is known on one system only."""
    try:
        return import_module(name)
    except ImportError:
        return None
