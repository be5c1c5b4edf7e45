"""`prompt.md` of a skill that asks a language model: our words, with `{{name}}` where a value goes."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from agentroster.errors import BadInput

_VARIABLE = re.compile(r"\{\{[ \t]{0,20}([\w.-]+)[ \t]{0,20}\}\}")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt whose variables are known to be declared."""

    text: str

    @classmethod
    def checked(cls, text: str, declared: Collection[str], place: str) -> "Prompt":
        """Return the prompt of a file. Raises BadInput, naming the file, for a variable nobody declared."""
        unknown = sorted({match[1] for match in _VARIABLE.finditer(text)} - set(declared))
        if unknown:
            known = f"declares {', '.join(declared)}" if declared else "declares none in PROMPT_VARIABLES"
            raise BadInput(f"{place}: the variable {unknown[0]} is unknown: handler.py {known}")
        return cls(text)

    def fill(self, values: Mapping[str, str]) -> str:
        """Return the text with all values put in, in one pass: a value is never looked into. Raises KeyError."""
        return _VARIABLE.sub(lambda match: values[match[1]], self.text)
