"""How a client is shown what an agent says and does."""
