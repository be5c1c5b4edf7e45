"""Strict stand-ins for remote services, written from their published APIs."""
