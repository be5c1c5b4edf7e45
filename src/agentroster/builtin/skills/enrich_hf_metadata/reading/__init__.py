"""Reads a card: addresses, Markdown, HTML, front matter, the parts about one file, labels and sentences."""
