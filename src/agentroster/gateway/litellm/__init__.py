"""The border to LiteLLM: the only modules that import it."""
