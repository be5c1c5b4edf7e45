"""The two databases as one file: taken while the proxy runs, put back while it does not."""
