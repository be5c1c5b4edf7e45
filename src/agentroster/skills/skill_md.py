"""`SKILL.md`: folders of the Agent Skills specification, loaded as instructions without tools.

Loading is generous, as with every reader of the format; `strict_problems` is what `roster skills check` adds, so that a
folder that passes here passes the specification's reference validator too. Scripts and other files beside it are never
opened, imported or executed.
"""

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from agentroster.errors import SkillBroken
from agentroster.skills.manifest import Manifest, SkillName
from agentroster.skills.yaml_text import YamlText, read_text

_MAX_BYTES = 1_000_000
_PARTS = re.compile(r"---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)(.*)", re.DOTALL | re.MULTILINE)
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_KEYS = ("name", "description", "license", "compatibility", "metadata", "allowed-tools")


def _is_not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty")
    return value


class _FrontMatter(BaseModel):
    """What the specification knows; other keys, which some tools add, mean nothing here."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: SkillName
    description: Annotated[str, Field(max_length=1024), AfterValidator(_is_not_blank)]
    license: str | None = None
    compatibility: str | None = Field(default=None, min_length=1, max_length=500)
    metadata: dict[str, object] = {}
    allowed_tools: str | list[str] | None = Field(default=None, alias="allowed-tools")


def read_skill_md(folder: Path) -> tuple[Manifest, str]:
    """Return what `SKILL.md` declares, and its instructions. Raises SkillBroken with file, line and reason."""
    front, instructions = _parts(folder)
    try:
        declared = _FrontMatter.model_validate(front.value)
    except ValidationError as error:
        raise front.broken(error) from error
    if declared.name != unicodedata.normalize("NFKC", folder.name):
        where = f"{front.path}:{front.line(['name'])}: name"
        raise SkillBroken([f"{where}: the skill is named {declared.name} but its folder {folder.name}"])
    manifest = Manifest(
        name=declared.name,
        title=declared.name.replace("-", " ").capitalize(),
        description=declared.description,
        kind="prompt",
    )
    return manifest, instructions


def strict_problems(folder: Path) -> Iterator[str]:
    """Complain about what loads here, but not everywhere: other keys, and YAML beyond plain keys, texts and lists."""
    front, _ = _parts(folder)
    if front.path.read_bytes().startswith(_BYTE_ORDER_MARK):
        yield f"{front.path}:1: begins with a byte order mark: save it as UTF-8 without one"
    for key in front.value:
        if key not in _KEYS:
            yield f"{front.path}:{front.line([key])}: {key}: only {', '.join(_KEYS)} are allowed; put it into metadata"
    for event in yaml.parse(front.text, Loader=yaml.SafeLoader):
        line = front.first_line + (event.start_mark.line if event.start_mark else 0)
        if isinstance(event, yaml.CollectionStartEvent) and event.flow_style:
            yield f"{front.path}:{line}: lists and mappings in brackets are not allowed: write one entry in each line"
        if isinstance(event, yaml.NodeEvent) and (event.anchor or getattr(event, "tag", None)):
            yield f"{front.path}:{line}: anchors, aliases and tags of YAML are not allowed"


def _parts(folder: Path) -> tuple[YamlText, str]:
    path = folder / "SKILL.md"
    parts = _PARTS.fullmatch(read_text(path, _MAX_BYTES))
    if parts is None:
        raise SkillBroken([f"{path}:1: does not begin with YAML front matter between two lines of ---"])
    # All values are texts there: `version: 1.10` is not 1.1, and `description: yes` not true.
    return YamlText.read(path, parts[1], first_line=2, loader=yaml.BaseLoader), parts[2].strip()
