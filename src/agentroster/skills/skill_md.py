"""`SKILL.md`: folders of the Agent Skills specification, loaded as instructions without tools.

Scripts and other files beside it are never opened, imported or executed.
"""

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agentroster.errors import SkillBroken
from agentroster.skills.manifest import Manifest
from agentroster.skills.yaml_text import YamlText, read_text

_MOST_BYTES = 1_000_000
_PARTS = re.compile(r"---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)(.*)", re.DOTALL | re.MULTILINE)


class _FrontMatter(BaseModel):
    """What the specification knows; other keys, which some tools add, mean nothing here."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)
    description: Annotated[str, Field(min_length=1, max_length=1024, pattern=r"\S")]
    license: str | None = None
    compatibility: str | None = Field(default=None, min_length=1, max_length=500)
    metadata: dict[str, Any] = {}
    allowed_tools: str | list[str] | None = Field(default=None, alias="allowed-tools")


def read_skill_md(folder: Path) -> tuple[Manifest, str]:
    """Return what `SKILL.md` declares, and its instructions. Raises SkillBroken with file, line and reason."""
    path = folder / "SKILL.md"
    parts = _PARTS.fullmatch(read_text(path, _MOST_BYTES))
    if parts is None:
        raise SkillBroken([f"{path}:1: does not begin with YAML front matter between two lines of ---"])
    front = YamlText.read(path, parts[1], first_line=2)
    try:
        declared = _FrontMatter.model_validate(front.value)
    except ValidationError as error:
        raise front.broken(error) from error
    if declared.name != folder.name:
        line = front.line(["name"])
        raise SkillBroken([f"{path}:{line}: name: the skill is named {declared.name} but its folder {folder.name}"])
    manifest = Manifest(
        name=declared.name,
        title=declared.name.replace("-", " ").capitalize(),
        description=declared.description,
        kind="prompt",
    )
    return manifest, parts[2].strip()
