"""Thinking that models write into their answer between tags: told apart as it streams, and never sent back."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from agentroster.llm.dialects.rule import Rule

_TAGS = (
    ("<think>", "</think>"), ("<thinking>", "</thinking>"), ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"), ("[THINK]", "[/THINK]"), ("\u25c1think\u25b7", "\u25c1/think\u25b7"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"), ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<unused94>thought", "<unused95>"), ("<|channel>thought", "<channel|>"), ("<mm:think>", "</mm:think>"),
    ("<|channel|>analysis<|message|>", "<|end|>"),
    ("<|start|>assistant<|channel|>analysis<|message|>", "<|end|>"),
)  # fmt: skip
_LONGEST = max(len(tag) for pair in _TAGS for tag in pair)


def _either(tags: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, sorted(tags, key=len, reverse=True))), re.IGNORECASE | re.ASCII)


_CLOSINGS = {opening.lower(): closing for opening, closing in _TAGS}
_OPENING = _either(_CLOSINGS)
# The last words of a thought whose beginning stood in the prompt: nothing else ends in these.
_BARE = ("</think>", "</thinking>", "[/THINK]", "</seed:think>", "\u25c1/think\u25b7")
_BARE_CLOSING = _either(_BARE)
_FENCES = ("```", "~~~")
_MAX_BLOCK, _MAX_UNDECIDED = 16_000, 64_000
_THINKING_MODELS = re.compile(
    r"think|reason|\br1\b|-r1|qwq|qwen-?3|deepseek|magistral|glm-?[45z]|minimax|kimi|nemotron|phi-?4|exaone|smollm3|"
    r"granite|seed|step|hunyuan|gpt-oss|cogito|olmo|marco-o1|o1",
    re.IGNORECASE,
)

RULES = (
    Rule(
        name="thinking in the answer",
        seen=", ".join(f"`{opening}`" for opening, _ in _TAGS[:8])
        + " and others at the beginning of the answer or of a "
        "line, several, in pieces, or without an end; anywhere once the answer had one",
        done="shown as thinking, and never sent back to the model; inside a code block it is text",
        source="agno#2443, litellm#20246; model cards of Qwen3, DeepSeek-R1, Magistral, Kimi-VL, Seed-OSS",
    ),
    Rule(
        name="only the end of thinking",
        seen="`</think>` without a beginning, which stood in the prompt",
        done="what stands before it is thinking. The first answer of a model whose name says that it thinks is held "
        "back until that is known; from then on it streams",
        source="DeepSeek-R1 and QwQ chat templates",
    ),
)


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of an answer: thinking, or text."""

    text: str
    is_thinking: bool


def may_think_unopened(model: str) -> bool:
    """Whether a model's name says that it thinks, and so may leave out where its thinking begins."""
    return _THINKING_MODELS.search(model) is not None


@dataclass(slots=True)
class ThinkingSplitter:
    """Takes text in chunks and tells thinking from text; holds back no more than what may be a tag.

    `unopened`: True when this model is known to begin in thinking, False when it is known not to, None when the first
    answer has to show it; then nothing is passed on before that is known.
    """

    unopened: bool | None = False
    _held: str = ""
    _closing: str = ""
    _block: list[str] = field(default_factory=list[str])
    _block_size: int = 0
    _is_first: bool = True
    _line_start: bool = True
    _in_fence: bool = False
    _trims: bool = False
    _has_blocks: bool = False

    def feed(self, text: str) -> list[Segment]:
        """Take more text; return what nothing later can change."""
        is_plain = not (self._held or self._closing or self._line_start or self._has_blocks or "\n" in text)
        if is_plain and self.unopened is False:
            return [Segment(text, is_thinking=False)]
        self._held += text
        return [segment for segment in self._read(ended=False) if segment.text]

    def close(self) -> list[Segment]:
        """Return what was held back."""
        segments = list(self._read(ended=True))
        # A block in the middle of an answer that has no end was a mention of the tag.
        segments.append(Segment("".join(self._block) + self._held, is_thinking=bool(self._closing and self._is_first)))
        self._block.clear()
        self._held = ""
        return [segment for segment in segments if segment.text]

    def settle(self) -> None:
        """Note that the thinking comes in a field of its own, so that there is nothing to wait for."""
        if self.unopened is None:
            self.unopened = False

    def _is_undecided(self) -> bool:
        return self.unopened is not False and self._is_first and not self._closing

    def _read(self, *, ended: bool) -> Iterator[Segment]:
        if self._is_undecided():
            yield from self._read_unopened(ended=ended)
            if self._is_undecided():
                return
        while self._held:
            if self._trims:
                # The line breaks around a block belong to the block.
                self._held = self._held.lstrip("\n")
                self._trims = not self._held
                continue
            before = len(self._held)
            yield from self._read_thinking(ended=ended) if self._closing else self._read_text(ended=ended)
            if len(self._held) == before:
                return

    def _read_unopened(self, *, ended: bool) -> Iterator[Segment]:
        """Decide whether an answer begins in thinking that nothing opens."""
        if _OPENING.match(self._held.lstrip()):
            self.unopened = False
            return
        closing = _BARE_CLOSING.search(self._held)
        if closing and self.unopened is None and _OPENING.search(self._held, 0, closing.start()):
            self.unopened = False  # an answer about such tags
        elif closing:
            self.unopened, self._is_first = True, False
            yield Segment(self._held[: closing.start()], is_thinking=True)
            self._held, self._trims, self._has_blocks = self._held[closing.end() :], True, True
        elif self.unopened:
            safe = len(self._held) if ended else _certain(self._held, _BARE)
            yield Segment(self._held[:safe], is_thinking=True)
            self._held = self._held[safe:]
        elif ended or len(self._held) > _MAX_UNDECIDED:
            self.unopened = False

    def _read_thinking(self, *, ended: bool) -> Iterator[Segment]:
        end = _either((self._closing,)).search(self._held)
        if end is None:
            safe = len(self._held) if ended else _certain(self._held, (self._closing,))
            yield from self._thought(self._held[:safe])
            self._held = self._held[safe:]
            return
        yield from self._thought(self._held[: end.start()])
        if self._block:
            yield Segment("".join(self._block[1:]), is_thinking=True)
            self._block.clear()
        self._held, self._trims = self._held[end.end() :], True
        self._closing, self._is_first, self._line_start, self._has_blocks = "", False, True, True

    def _thought(self, text: str) -> Iterator[Segment]:
        if self._is_first:
            yield Segment(text, is_thinking=True)
            return
        self._block.append(text)
        self._block_size += len(text)
        if self._block_size > _MAX_BLOCK:
            yield Segment("".join(self._block), is_thinking=False)
            self._block.clear()
            self._closing = ""

    def _read_text(self, *, ended: bool) -> Iterator[Segment]:
        line, has_end, _ = self._held.partition("\n")
        if (leftover := self._leftover(line)) is not None:
            self._held, self._trims = self._held[leftover:], True
            return
        opening = self._opening_in(line)
        if opening:
            before = line[: opening.start()]
            self._held, self._trims = self._held[opening.end() :], True
            self._pass(before)
            self._closing = _CLOSINGS[opening[0].lower()]
            if not self._is_first:
                self._block, self._block_size = [opening[0]], 0
            yield Segment(before if before.strip() else "", is_thinking=False)
        elif has_end:
            self._pass(line)
            yield Segment(f"{line}\n", is_thinking=False)
            self._held = self._held[len(line) + 1 :]
            self._line_start = True
        else:
            safe = len(line) if ended else self._safe(line)
            self._pass(line[:safe])
            yield Segment(line[:safe], is_thinking=False)
            self._held = self._held[safe:]
            self._line_start = self._line_start and not safe

    def _leftover(self, line: str) -> int | None:
        """Return where the text begins behind the end of a thought that came in a field of its own."""
        closing = _BARE_CLOSING.match(line.lstrip()) if self._is_first else None
        return len(line) - len(line.lstrip()) + closing.end() if closing else None

    def _opening_in(self, line: str) -> re.Match[str] | None:
        """Return the beginning of a block: at the start of a line, or anywhere once this answer had one."""
        if self._in_fence:
            return None
        start = len(line) - len(line.lstrip())
        found = _OPENING.match(line, start) if self._line_start else None
        if found or not self._has_blocks:
            return found
        found = _OPENING.search(line)
        return found if found and line[max(0, found.start() - 1) : found.start()] != "`" else None

    def _safe(self, line: str) -> int:
        """Return how much of an unfinished line cannot be the beginning of a tag."""
        begun = line.lstrip()
        tags = (*_FENCES, *_CLOSINGS, *(_BARE if self._is_first else ()))
        if self._line_start and _may_become(begun, tags):
            return 0
        return _certain(line, _CLOSINGS) if self._has_blocks else len(line)

    def _pass(self, line: str) -> None:
        self._is_first = self._is_first and not line.strip()
        self._in_fence ^= self._line_start and line.lstrip().startswith(_FENCES)


def _certain(text: str, tags: Iterable[str]) -> int:
    """Return how much of a text cannot be the beginning of a tag."""
    for start in range(max(0, len(text) - _LONGEST), len(text)):
        if _may_become(text[start:], tags):
            return start
    return len(text)


def _may_become(text: str, tags: Iterable[str]) -> bool:
    return any(tag.lower().startswith(text.lower()) for tag in tags)
