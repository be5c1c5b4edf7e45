"""`callbacks: [agentroster.provider.hooks.hooks]`."""

from agentroster.gateway.litellm.hooks import hooks

__all__ = ["hooks"]
