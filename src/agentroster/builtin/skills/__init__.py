"""Skills that come with agentroster."""
