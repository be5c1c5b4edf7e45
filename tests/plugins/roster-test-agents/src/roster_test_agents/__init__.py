"""Agents that misbehave in one way each."""
