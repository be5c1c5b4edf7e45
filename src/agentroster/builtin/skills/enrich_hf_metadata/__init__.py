"""Completes sidecars of model files from their HuggingFace model card."""
