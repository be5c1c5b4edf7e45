"""The agents and skills that come in the box. They enter through the same doors as anybody's; nothing imports them."""
