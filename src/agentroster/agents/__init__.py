"""Agents: what they are, where they come from, and how one request runs through one."""
