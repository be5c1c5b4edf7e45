"""A skill that may write into the library, and tries to write elsewhere."""
