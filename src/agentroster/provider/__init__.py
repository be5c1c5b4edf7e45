"""Dotted names that stand in people's LiteLLM configs, such as `custom_handler: agentroster.provider.agno`.

The code behind them lives in `agentroster.gateway.litellm` and may move; these names may not.
"""

from agentroster.gateway.litellm.handler import AgnoProvider

agno = AgnoProvider()

__all__ = ["agno"]
