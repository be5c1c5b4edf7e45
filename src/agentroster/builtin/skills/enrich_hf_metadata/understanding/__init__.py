"""Understands a person: which message is a call, in ten languages, and which models it means."""
