"""Runs: one answer of an agent, from a request to its events."""
