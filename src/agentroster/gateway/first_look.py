"""What an operator is told of the library at a start: a folder that is not there, or one without a model yet."""

import os
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from agentroster.library.walk import MODEL_SUFFIXES, is_model_name
from agentroster.messages import say

_MAX_FOLDERS = 500
"""Who has more folders than that knows how a file gets into them."""


def library_notices(roots: Sequence[Path]) -> list[str]:
    """Return a sentence for each folder that is not there, and one when the others hold no model file yet."""
    folders = [root for root in roots if root.is_dir()]
    missing = [say("gateway.library_missing", path=root) for root in roots if root not in folders]
    if not folders or not all(_is_without_models(folder) for folder in folders):
        return missing
    return [*missing, say("gateway.library_empty", path=folders[0], suffixes=", ".join(sorted(MODEL_SUFFIXES)))]


def _is_without_models(root: Path) -> bool:
    seen = 0
    for _, _, files in islice(os.walk(root), _MAX_FOLDERS):
        seen += 1
        if any(is_model_name(Path(file)) for file in files):
            return False
    return seen < _MAX_FOLDERS
