"""What a server wants, in words for a person: how a request to it differs from an ordinary one."""

from collections.abc import Iterator

from agentroster.llm.dialects.habits import Habits

_ORDINARY = Habits()


def wishes_of(habits: Habits) -> tuple[str, ...]:
    """Return one phrase for each way in which this server is asked differently."""
    return tuple(_wishes(habits))


def _wishes(habits: Habits) -> Iterator[str]:
    if habits.limit != _ORDINARY.limit:
        yield f"the token limit as `{habits.limit}`" if habits.limit else "without a token limit"
    unsent = ", ".join(f"`{name}`" for name in sorted(habits.left_out))
    if unsent:
        yield f"without {unsent}"
    unreturned = ", ".join(f"`{name}`" for name in sorted(habits.not_back))
    if unreturned:
        yield f"without {unreturned} of earlier turns"
    if habits.stream is not None:
        yield "always streamed" if habits.stream else "never streamed: people wait for the whole answer"
    if habits.system_role != _ORDINARY.system_role:
        yield "instructions in the first question" if habits.system_role == "user" else "instructions as `developer`"
    yield from (words for words, is_so in _simple(habits) if is_so)


def _simple(habits: Habits) -> Iterator[tuple[str, bool]]:
    yield "forms of answers in words", habits.format_step > 0
    yield "schemas that are not strict", not habits.is_strict
    yield "one tool call a turn", habits.one_call
    yield "messages of one role in a row as one", habits.alternates
    yield "a turn of the assistant after each tool's result", habits.answers_tools
    yield "ids of tool calls as nine letters and digits", habits.short_ids
    yield "content as one text", habits.plain_content
    yield "tool calls read from words", habits.words_only
    yield "thinking without a beginning", bool(habits.unopened)
