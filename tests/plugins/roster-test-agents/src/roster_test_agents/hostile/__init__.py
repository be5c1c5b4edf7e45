"""A skill that ignores what it declared: it may reach one host and the hub, and nothing else."""
