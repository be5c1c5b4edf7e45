"""Decides facts from what was read: base model, trigger words, tags, picture, description."""
