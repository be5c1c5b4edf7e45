"""The border to LiteLLM. A LiteLLM config names it: `custom_handler: agentroster.provider.agno`."""

from agentroster.provider.handler import AgnoProvider

agno = AgnoProvider()

__all__ = ["agno"]
