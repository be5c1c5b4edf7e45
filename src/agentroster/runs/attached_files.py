"""Finds what a person wrote in a message before which Open WebUI put the text of attached files."""

_OPENING = "### Task:\nRespond to the user query using the provided context"
_FIRST, _LAST = "<context>", "</context>"
_SOURCE = "</source>"


def without_attachments(text: str) -> str:
    """Return what stands behind the files; the whole text where it is not surely Open WebUI's template.

    What a file holds must never be taken for what the person wrote. A file may hold `</context>` itself, so the last
    one counts; and behind each file stands `</source>`, so where that follows, the end is the file's own.
    (`open_webui/config.py`, DEFAULT_RAG_TEMPLATE: the person's text follows the template after a line break.)
    """
    if not text.startswith(_OPENING) or _FIRST not in text:
        return text
    before, end, written = text.rpartition(_LAST)
    if not end or _SOURCE in written or not before.rstrip().endswith(_SOURCE):
        return text
    return written
