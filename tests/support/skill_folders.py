"""Folders of skills, written for one test."""

from collections.abc import Mapping
from pathlib import Path


def written(parent: Path, name: str, files: Mapping[str, str]) -> Path:
    for file, text in files.items():
        path = parent / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return parent / name
