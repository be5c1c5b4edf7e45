"""Settings: read once at the start, and what they may hold."""
