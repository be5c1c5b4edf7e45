"""Applies what was decided: fills the sidecar, keeps provenance, writes the preview."""
