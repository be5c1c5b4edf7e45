"""Every outgoing HTTP request goes through here."""
