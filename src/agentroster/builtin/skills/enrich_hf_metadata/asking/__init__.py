"""Asks a language model about what the rules left open, and checks its answer against the card."""
