"""YAML that knows its lines, for messages that say where something is wrong."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from agentroster.errors import SkillBroken


@dataclass(frozen=True, slots=True)
class YamlText:
    """What a YAML text says; `first_line` is where it begins in its file."""

    path: Path
    value: Any
    root: yaml.Node | None
    text: str
    first_line: int = 1

    @classmethod
    def read(
        cls,
        path: Path,
        text: str,
        first_line: int = 1,
        loader: type[yaml.SafeLoader | yaml.BaseLoader] = yaml.SafeLoader,
    ) -> "YamlText":
        """Read a text. Raises SkillBroken with file, line and reason; a key given twice is an error too."""
        try:
            root = yaml.compose(text, Loader=loader)
            value = yaml.load(text, Loader=loader)  # noqa: S506 - neither of the two makes objects
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            reason = ", ".join(filter(None, (error.context, error.problem)))
            line = (mark.line if mark else 0) + first_line
            raise SkillBroken([f"{path}:{line}: not valid YAML: {reason}"]) from error
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise SkillBroken([f"{path}: not valid YAML: {' '.join(str(error).split())}"]) from error
        twice = [
            f"{path}:{key.start_mark.line + first_line}: {key.value}: this key stands here twice"
            for key in _repeated_keys(root, set())
        ]
        if twice:
            raise SkillBroken(twice)
        return cls(path, value, root, text, first_line)

    def line(self, keys: Sequence[str | int]) -> int:
        """Return the line of a key, or of the nearest thing around it that is there."""
        node, line = self.root, self.first_line
        for step in keys:
            if isinstance(node, yaml.MappingNode):
                found = next((pair for pair in node.value if pair[0].value == step), None)
                if found is None:
                    break
                line, node = found[0].start_mark.line + self.first_line, found[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
                node = node.value[step]
                line = node.start_mark.line + self.first_line
            else:
                break
        return line

    def broken(self, error: ValidationError, below: Sequence[str] = ()) -> SkillBroken:
        """Return all that does not fit, each with its line; `below` is where in the text the values stand."""
        problems: list[str] = []
        for one in error.errors(include_url=False, include_input=False):
            steps = (*below, *one["loc"])
            key = ".".join(map(str, steps)) or "the file"
            problems.append(f"{self.path}:{self.line(steps)}: {key}: {one['msg'].removeprefix('Value error, ')}")
        return SkillBroken(problems)


def read_text(path: Path, max_bytes: int) -> str:
    """Return a file's text. Raises SkillBroken."""
    try:
        raw = path.read_bytes()
        if len(raw) > max_bytes:
            raise SkillBroken([f"{path}: larger than {max_bytes // 1000} kB"])
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise SkillBroken([f"{path}: cannot be read"]) from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise SkillBroken([f"{path}:{line}: not UTF-8"]) from error


def _repeated_keys(node: yaml.Node | None, seen: set[int]) -> Iterator[yaml.Node]:
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        keys: set[str] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in keys:
                    yield key
                keys.add(key.value)
            yield from _repeated_keys(value, seen)
    elif isinstance(node, yaml.SequenceNode):
        for child in node.value:
            yield from _repeated_keys(child, seen)
