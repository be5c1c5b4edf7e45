"""Secrets of users, encrypted at rest."""
