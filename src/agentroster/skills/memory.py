"""A few short values that a skill remembers per person."""

from sqlalchemy import Connection, MetaData, Table, Text, and_, bindparam, delete, literal, select

from agentroster.db.database import Database
from agentroster.db.schema import insert_into, required
from agentroster.errors import BadInput, NotAllowed
from agentroster.identity.caller import Caller
from agentroster.messages import say

_MAX_VALUE = 4000

memories = Table(
    "memories",
    MetaData(),
    *required(Text, "issuer", "subject", "skill", "name", is_key=True),
    *required(Text, "value"),
    sqlite_with_rowid=False,
)
_C = memories.c
_GET = select(_C.value).where(*(_C[name] == bindparam(name) for name in ("issuer", "subject", "skill", "name")))


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
            raise NotAllowed(say("skills.nobody_to_remember"))
        if len(value) > _MAX_VALUE:
            raise BadInput(say("skills.too_long_to_remember", characters=_MAX_VALUE))
        await self._database.run(_set, {**self._owner, "name": name}, value)


def purge_memories(connection: Connection, issuer: str, subject: str) -> int:
    """Delete what all skills remember of a person; return how many values."""
    return connection.execute(delete(memories).where(_C.issuer == issuer, _C.subject == subject)).rowcount


def forget_skill(connection: Connection, skill: str) -> int:
    """Delete what a skill remembers of everybody; return how many values."""
    return connection.execute(delete(memories).where(_C.skill == skill)).rowcount


def relink_memories(connection: Connection, issuer: str, old: str, new: str) -> int:
    """Give memories to another id of the same person; where both have one, the newer id's stays."""
    theirs = and_(_C.issuer == issuer, _C.subject == old)
    rows = select(_C.issuer, literal(new), _C.skill, _C.name, _C.value).where(theirs)
    into = insert_into(connection, memories).from_select(["issuer", "subject", "skill", "name", "value"], rows)
    moved = connection.execute(into.on_conflict_do_nothing().returning(_C.name)).all()
    connection.execute(delete(memories).where(theirs))
    return len(moved)


def _get(connection: Connection, key: dict[str, str]) -> str | None:
    return connection.execute(_GET, key).scalar_one_or_none()


def _set(connection: Connection, key: dict[str, str], value: str) -> None:
    row = insert_into(connection, memories).values(**key, value=value)
    connection.execute(row.on_conflict_do_update(index_elements=list(key), set_={"value": value}))
