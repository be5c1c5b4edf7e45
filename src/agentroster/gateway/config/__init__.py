"""The config that LiteLLM gets."""
