"""Agents in every OpenAI-compatible client: Agno agents behind a LiteLLM proxy."""

__version__ = "0.1.0"
