"""What stands before LiteLLM: keys, paths, and clean request bodies."""
