"""The folders of model files, and the sidecar beside each file."""
