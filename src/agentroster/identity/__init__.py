"""Who asks: proof of identity, and the small value the rest of the code receives."""
