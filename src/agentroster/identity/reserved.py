"""Reserves the name `admin` for the operator, and what looks like it."""

import unicodedata

ADMIN = "admin"
"""The user of the master key; what the operator stored is kept under this name."""

# Letters of other scripts that look like those of the name.
_LOOK_ALIKES = str.maketrans(
    {
        "а": "a", "α": "a", "ɑ": "a", "ａ": "a", "@": "a", "4": "a",
        "ԁ": "d", "ɗ": "d", "ժ": "d",
        "м": "m", "ｍ": "m", "ʍ": "m",
        "і": "i", "ι": "i", "ı": "i", "ɩ": "i", "l": "i", "1": "i", "|": "i", "!": "i", "ӏ": "i",
        "п": "n", "ո": "n", "η": "n", "ｎ": "n",
    }
)  # fmt: skip


def is_reserved(user: str) -> bool:
    """Whether a name is the operator's, or could be taken for it."""
    letters = unicodedata.normalize("NFKD", user).casefold().translate(_LOOK_ALIKES)
    return "".join(letter for letter in letters if letter.isalnum()) == ADMIN
