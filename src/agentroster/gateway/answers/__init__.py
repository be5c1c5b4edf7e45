"""What stands behind LiteLLM: answers and errors in the form of each interface."""
