"""The checks before LiteLLM: keys, paths, and clean request bodies."""
