"""Checks that each tool call of a conversation is answered once, before anybody says something else."""

from dataclasses import dataclass

from agentroster.errors import FieldInvalid


@dataclass(frozen=True, slots=True)
class PendingCall:
    """A call that waits for its answer; `path` is where its id stands."""

    id: str
    path: str


class ToolPairs:
    """Follows a conversation, message by message."""

    def __init__(self) -> None:
        self._pending: list[PendingCall] = []

    def called(self, call_id: str, path: str) -> None:
        """Note a call."""
        self._pending.append(PendingCall(call_id, path))

    def answered(self, call_id: str, path: str) -> None:
        """Note an answer. Raises FieldInvalid when no call before it has that id.

        A call or an answer without an id goes with the first that waits: some servers and older clients send none.
        """
        found = next((call for call in self._pending if call.id == call_id), None)
        if found is None:
            found = next((call for call in self._pending if not call.id or not call_id), None)
        if found is None:
            raise FieldInvalid(path, "answers no tool call: the message with that call must come before it.")
        self._pending.remove(found)

    def all_answered(self) -> None:
        """Note that somebody says something else, or nothing more. Raises FieldInvalid for a call without an answer."""
        if self._pending:
            raise FieldInvalid(self._pending[0].path, "is a tool call without an answer: send its result after it.")
