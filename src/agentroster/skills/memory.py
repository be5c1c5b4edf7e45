"""A few short values that a skill remembers per person."""

from sqlalchemy import Connection, text

from agentroster.db.database import Database
from agentroster.errors import BadInput, NotAllowed
from agentroster.identity.caller import Caller

_LONGEST_VALUE = 4000


class Memory:
    """The memory of one skill for one caller; a caller who is nobody in particular has none."""

    def __init__(self, database: Database, caller: Caller, skill: str) -> None:
        self._database = database
        self._is_person = caller.is_person
        self._owner = {"issuer": caller.issuer, "subject": caller.user or "", "skill": skill}

    async def get(self, name: str) -> str | None:
        """Return what was remembered under this name, or None."""
        if not self._is_person:
            return None
        return await self._database.in_reader(self._database.call, _get, {**self._owner, "name": name})

    async def set(self, name: str, value: str) -> None:
        """Remember a value. Raises NotAllowed for a caller without a proven identity, BadInput if too long."""
        if not self._is_person:
            raise NotAllowed("I can only remember things for somebody I know: ask with a key of your own.")
        if len(value) > _LONGEST_VALUE:
            raise BadInput(f"That is too long to remember (more than {_LONGEST_VALUE} characters).")
        await self._database.run(_set, {**self._owner, "name": name, "value": value})


def _get(connection: Connection, row: dict[str, str]) -> str | None:
    return connection.execute(
        text(
            "SELECT value FROM memories "
            "WHERE issuer = :issuer AND subject = :subject AND skill = :skill AND name = :name"
        ),
        row,
    ).scalar_one_or_none()


def _set(connection: Connection, row: dict[str, str]) -> None:
    connection.execute(
        text(
            "INSERT INTO memories (issuer, subject, skill, name, value) "
            "VALUES (:issuer, :subject, :skill, :name, :value) "
            "ON CONFLICT (issuer, subject, skill, name) DO UPDATE SET value = excluded.value"
        ),
        row,
    )
