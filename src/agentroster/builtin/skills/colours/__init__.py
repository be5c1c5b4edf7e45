"""Colours: palettes, themed text, schemes; remembers a favourite."""
