"""Makes the history that a client sends back short enough to be read again: tools, lists and pictures.

Clients send the whole conversation with each message. The model learns what it did, with the newest tools as calls and
results; it is not sent the same list, the same card and the same pictures again for ever.
"""

from collections.abc import Callable, Mapping, Sequence

from agentroster.json_values import as_list, as_object
from agentroster.runs.presentation.channel_thread import without_cards_of_others
from agentroster.runs.presentation.earlier_cards import has_cards, with_calls, without_cards
from agentroster.runs.presentation.earlier_lists import shortened_lists
from agentroster.runs.presentation.earlier_pictures import with_few_pictures, without_picture_data

_MAX_ANSWERS_WITH_CALLS = 8

Message = Mapping[str, object]


def short_history(messages: Sequence[Message]) -> list[Message]:
    """Return a conversation as the model gets it; the last message stays, whatever it is.

    An answer that was nothing but a card of long ago is left out. Only an assistant's messages, and the system's where
    Open WebUI tells the thread of a channel, are looked at for cards: what a person wrote is never taken for one.
    """
    *earlier, last = messages
    told = [at for at, message in enumerate(earlier) if has_cards(message) and not message.get("tool_calls")]
    newest = frozenset(told[-_MAX_ANSWERS_WITH_CALLS:])
    made: list[Message] = []
    for at, given in enumerate(earlier):
        is_answer = given.get("role") == "assistant"
        message = _with_texts(given, without_picture_data, shortened_lists) if is_answer else given
        if at in newest:
            made += with_calls(message)
            continue
        clean = _cleaned(message)
        if clean is message or _says_something(clean):
            made.append(clean)
    return with_few_pictures([*made, _cleaned(last)])


def _cleaned(message: Message) -> Message:
    match message.get("role"):
        case "assistant":
            return without_cards(message)
        case "system":
            return _with_texts(message, without_cards_of_others)
        case _:
            return message


def _with_texts(message: Message, *changes: Callable[[str], str]) -> Message:
    """Return a message whose texts are changed; the same object where nothing was."""

    def changed(text: str) -> str:
        for change in changes:
            text = change(text)
        return text

    content = message.get("content")
    if isinstance(content, str):
        made: object = changed(content)
    elif content:
        made = [
            {**as_object(part), "text": changed(text)} if isinstance(text := as_object(part).get("text"), str) else part
            for part in as_list(content)
        ]
    else:
        return message
    return message if made == content else {**message, "content": made}


def _says_something(message: Message) -> bool:
    content = message.get("content")
    if message.get("tool_calls") or isinstance(content, str):
        return bool(message.get("tool_calls") or content)
    return any(
        as_object(part).get("text") or as_object(part).get("type") not in {"text", "output_text"}
        for part in as_list(content)
    )
