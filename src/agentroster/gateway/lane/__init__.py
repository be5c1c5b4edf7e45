"""Our own lane for chat completions with agents, without LiteLLM in between."""
