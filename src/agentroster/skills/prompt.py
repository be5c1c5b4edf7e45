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
    def checked(cls, text: str, declared: Collection[str], path: str) -> "Prompt":
        """Return the prompt of a file. Raises BadInput, naming the file, for a variable nobody declared."""
        unknown = next((match for match in _VARIABLE.finditer(text) if match[1] not in declared), None)
        if unknown is not None:
            line = text.count("\n", 0, unknown.start()) + 1
            known = f"declares {', '.join(declared)}" if declared else "declares none in PROMPT_VARIABLES"
            raise BadInput(f"{path}:{line}: the variable {unknown[1]} is unknown: handler.py {known}")
        return cls(text)

    def fill(self, values: Mapping[str, str]) -> str:
        """Return the text with all values put in, in one pass: a value is never looked into. Raises KeyError."""
        return _VARIABLE.sub(lambda match: values[match[1]], self.text)
