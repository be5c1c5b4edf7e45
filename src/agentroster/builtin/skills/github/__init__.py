"""GitHub, read-only, with the caller's own account."""
