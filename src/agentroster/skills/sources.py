"""Where skills come from: bundled, installed packages, the folder `ROSTER_SKILLS_DIR`."""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from agentroster.errors import BadInput
from agentroster.plugins import ALL, plugins_of

GROUP = "agentroster.skills"
_BUNDLED = "agentroster.builtin.skills"
_FOLDERS = "agentroster_skill_folders"


@dataclass(frozen=True, slots=True)
class SkillSource:
    """A folder or package that should hold a skill; `folder` and `handler` may fail, and say why."""

    name: str
    origin: str
    folder: Callable[[], Path]
    handler: Callable[[], ModuleType]


def all_sources(skills_dir: Path | None, plugins: Sequence[str] = ALL) -> Iterator[SkillSource]:
    """Yield every place: bundled skills, then those of packages by entry point, then the operator's folders."""
    yield from _bundled()
    for plugin in plugins_of(GROUP, plugins):
        name, module = plugin.name.replace("_", "-"), plugin.value
        yield SkillSource(name, plugin.package, _folder_of(module), _handler_of(module))
    if skills_dir is not None:
        for path in sorted(skills_dir.iterdir() if skills_dir.is_dir() else []):
            if (path / "skill.yaml").exists() or (path / "SKILL.md").exists():
                yield folder_source(path, str(skills_dir))


def folder_source(path: Path, origin: str) -> SkillSource:
    """Return the source of a plain folder."""
    return SkillSource(path.name.replace("_", "-"), origin, lambda: path, lambda: _load_folder(path))


def _bundled() -> Iterator[SkillSource]:
    package = importlib.import_module(_BUNDLED)
    for folder in sorted(path.parent for path in Path(package.__path__[0]).glob("*/skill.yaml")):
        module = f"{_BUNDLED}.{folder.name}"
        yield SkillSource(folder.name.replace("_", "-"), "bundled", _folder_of(module), _handler_of(module))


def _folder_of(module: str) -> Callable[[], Path]:
    def folder() -> Path:
        spec = importlib.util.find_spec(module)
        if spec is None or not spec.submodule_search_locations:
            raise BadInput(f"the entry point names {module}, which is no package")
        return Path(spec.submodule_search_locations[0])

    return folder


def _handler_of(module: str) -> Callable[[], ModuleType]:
    return lambda: importlib.import_module(f"{module}.handler")


def _load_folder(path: Path) -> ModuleType:
    """Import `handler.py` of a folder as part of a package of its own: relative imports work, and two never clash."""
    package = f"{_FOLDERS}.{path.name.replace('-', '_')}"
    for name, location in ((_FOLDERS, None), (package, path)):
        # Anew each time: a folder may have been changed, and `roster skills check` loads it again.
        spec = importlib.util.spec_from_loader(name, loader=None, is_package=True)
        if spec is None:
            raise BadInput(f"{path}: cannot be loaded as a package")
        spec.submodule_search_locations = [str(location)] if location else []
        sys.modules[name] = importlib.util.module_from_spec(spec)
    for name in [name for name in sys.modules if name.startswith(f"{package}.")]:
        del sys.modules[name]
    if not (path / "handler.py").exists():
        raise BadInput(f"{path}/handler.py: is missing")
    return importlib.import_module(f"{package}.handler")
