"""Accounts of people at providers: connecting them, keeping them fresh, and using them for a tool."""
