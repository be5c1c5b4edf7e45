"""The real Open WebUI in front of the real proxy: `uv run just test-openwebui`."""
