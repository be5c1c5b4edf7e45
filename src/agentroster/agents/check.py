"""Reads a file of agents as the proxy would, and says what is wrong with it."""

from collections.abc import Sequence
from dataclasses import dataclass

from agentroster.agents.entry_points import EntryPointSource
from agentroster.agents.roster import Roster, merged
from agentroster.agents.toml_file import TomlSource
from agentroster.errors import StartRefused
from agentroster.settings.settings import Settings
from agentroster.skills.registry import SkillRegistry


@dataclass(frozen=True, slots=True)
class Checked:
    """What a file holds, by name, and every problem in it as FILE:LINE: sentence."""

    path: str
    agents: Sequence[str] = ()
    backends: Sequence[str] = ()
    problems: Sequence[str] = ()
    details: Sequence[dict[str, object]] = ()

    def to_json(self) -> dict[str, object]:
        """Return the result as JSON values, for programs."""
        return {
            "file": self.path,
            "agents": list(self.agents),
            "backends": list(self.backends),
            "problems": list(self.details),
        }


def check_file(settings: Settings) -> Checked:
    """Check the agents file of these settings, beside the agents of the installed packages."""
    path = str(settings.agents_path)
    sources = [EntryPointSource(settings.plugins), TomlSource(settings.agents_path, is_required=True)]
    try:
        roster = merged(sources, SkillRegistry.load(settings.skills_dir, settings.plugins), Roster())
    except StartRefused as error:
        found = str(error.message)
        line = found.removeprefix(f"{path}:").partition(":")[0]
        return Checked(path, problems=[found], details=[_detail(int(line) if line.isdecimal() else None, "", found)])
    problems = [problem for problem in roster.problems if problem.line]
    return Checked(
        path,
        agents=[name for name, agent in roster.agents.items() if agent.kind == "file"],
        backends=sorted(roster.backends),
        problems=list(map(str, problems)),
        details=[_detail(problem.line, problem.agent, problem.message) for problem in problems],
    )


def _detail(line: int | None, agent: str, message: str) -> dict[str, object]:
    return {"line": line, "agent": agent or None, "message": message}
