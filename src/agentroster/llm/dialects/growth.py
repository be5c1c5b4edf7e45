"""Text that comes more than once: servers that send all of it with each chunk, or once more at the end."""

from dataclasses import dataclass, field

from agentroster.llm.dialects.rule import Rule

_MIN_SURE = 3
_MIN_REPEAT = 8

RULES = (
    Rule(
        name="text that grows",
        seen="each chunk holds all text so far, or the last one holds the whole answer once more",
        done="what is new in it is shown once",
        source="DashScope without `incremental_output`; MiniMax's last chunk",
    ),
    Rule(
        name="halves of characters",
        seen="an emoji as two surrogates in two chunks, a surrogate alone, bytes that are no UTF-8",
        done="halves are joined over chunks; what has no other half becomes U+FFFD",
        source="RFC 8259, section 8.2",
    ),
)


@dataclass(slots=True)
class NewText:
    """Gives what is new in each chunk's text."""

    _parts: list[str] = field(default_factory=list[str])
    _size: int = 0
    _grows: bool = False
    _half: str = ""
    _doubt: str = ""

    def of(self, chunk: str) -> str:
        """Return what a chunk adds."""
        known = self._size
        if self._doubt:
            doubt, self._doubt = self._doubt, ""
            if not chunk.startswith(doubt):
                return self._take(doubt) + self.of(chunk)
            self._grows = True
        if self._parts and len(chunk) >= known and chunk.startswith(so_far := self._so_far()):
            grown = self._grows or (len(chunk) > known >= _MIN_SURE and any(map(str.isalpha, so_far)))
            repeated = len(chunk) == known >= _MIN_REPEAT and len(self._parts) > 1
            if grown or repeated:
                self._grows = self._grows or grown
                return self._take(chunk[known:])
            if len(self._parts) == 1 and len(chunk) > known and so_far.isalpha():
                # One or two letters that come again: the next chunk tells.
                self._doubt = chunk
                return ""
        return self._take(chunk)

    def rest_of(self, whole: str) -> str:
        """Return what a complete message adds to the chunks before it."""
        if not self._parts:
            return self.of(whole)
        if self._doubt and whole.startswith(self._doubt):
            self._doubt = ""
        so_far = self._so_far()
        if whole.startswith(so_far):
            return self._take(whole[self._size :])
        return "" if whole.strip() == so_far.strip() else self.of(whole)

    def close(self) -> str:
        """Return what is left: the sign for half a character without its other half."""
        doubt, self._doubt = self._doubt, ""
        rest = self._take(doubt) if doubt else ""
        half, self._half = self._half, ""
        return f"{rest}\ufffd" if half else rest

    def _so_far(self) -> str:
        text = "".join(self._parts)
        if not self._grows and len(self._parts) == 1:
            return text
        self._parts = [text, ""]
        return text

    def _take(self, new: str) -> str:
        if new:
            self._parts.append(new)
            self._size += len(new)
        if not self._half and new.isascii():
            return new
        text, self._half = self._half + new, ""
        if "\ud800" <= text[-1:] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
