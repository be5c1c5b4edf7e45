"""Signals: word of a change, for whoever waits for it in this process or in another one on the same database."""
