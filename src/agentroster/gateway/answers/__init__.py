"""The filters between LiteLLM and the client: answers and errors in the form of each interface."""
