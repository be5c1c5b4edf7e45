"""The way in: one app around LiteLLM's, and the agents in it."""
