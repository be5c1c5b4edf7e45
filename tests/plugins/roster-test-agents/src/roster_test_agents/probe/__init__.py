"""A skill that tries what a skill must not be able to do."""
