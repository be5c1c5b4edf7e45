"""Tool calls that a model writes into its answer as words, because its server has no reader for its template.

A call in words runs only where it is unambiguous: in a known notation, outside code blocks, of a known tool. Everything
else stays the text that it is.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from agentroster.llm.dialects import spoken_forms as forms
from agentroster.llm.dialects.arguments import BadArguments, read_arguments
from agentroster.llm.dialects.names import known_name
from agentroster.llm.dialects.rule import Rule
from agentroster.messages import say

_MAX_CALL = 1_000_000
_MAX_ALONE = 100_000
_MAX_HEAD = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Form(Rule):
    """A notation: how it opens and closes (None: at the end of the answer), and who reads it."""

    opening: str
    closing: str | None
    readers: tuple[forms.Reader, ...]
    keeps_opening: bool = False


def _form(
    family: str, opening: str, closing: str | None, *readers: forms.Reader, source: str, keeps_opening: bool = False
) -> Form:
    return Form(
        name=f"calls in words: {family}",
        seen=f"`{opening}` ... `{closing}`" if closing else f"`{opening}` ...",
        done="run as a tool call where the tool is known; never shown",
        source=source,
        opening=opening,
        closing=closing,
        readers=readers,
        keeps_opening=keeps_opening,
    )


_JSON, _PYTHON = forms.json_calls, forms.python_calls
_TAGGED = (forms.function_tag, forms.pairs, forms.invoke, _JSON, _PYTHON)

FORMS: tuple[Form, ...] = (
    _form("Hermes, Qwen, GLM", "<tool_call>", "</tool_call>", *_TAGGED, source="Hermes function calling; GLM-4.5"),
    _form("Granite, Phi-4", "<|tool_call|>", "<|/tool_call|>", _JSON, source="Granite 3 and Phi-4-mini templates"),
    _form("Mistral", "[TOOL_CALLS]", None, _JSON, forms.mistral, source="mistral-common v3 to v13"),
    _form("Llama 3", "<|python_tag|>", "<|eom_id|>", _JSON, _PYTHON, source="Llama 3.1 prompt format"),
    _form("Llama 4", "<|python_start|>", "<|python_end|>", _PYTHON, _JSON, source="Llama 4 prompt format"),
    _form("LFM2", "<|tool_call_start|>", "<|tool_call_end|>", _PYTHON, _JSON, source="LFM2 model card"),
    _form("Kimi K2", "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>", forms.kimi, source="Kimi K2 guide"),
    _form("Kimi K2", "<|tool_call_section_begin|>", "<|tool_call_section_end|>", forms.kimi, source="Kimi K2 guide"),
    _form("Kimi K2", "<|tool_call_begin|>", "<|tool_call_end|>", forms.kimi, source="Kimi K2 guide", keeps_opening=True),
    *(
        _form("DeepSeek", f"<{bar}tool{low}calls{low}begin{bar}>", f"<{bar}tool{low}calls{low}end{bar}>", forms.deepseek, forms.invoke,
              source="DeepSeek V3 and V3.1 templates")
        for bar in "|\uff5c" for low in "_\u2581"
    ),
    *(
        _form("DeepSeek", f"<{bar}tool{low}call{low}begin{bar}>", f"<{bar}tool{low}call{low}end{bar}>", forms.deepseek, forms.invoke,
              source="DeepSeek V3 and V3.1 templates", keeps_opening=True)
        for bar in "\uff5c" for low in "_\u2581"
    ),
    *(
        _form("DeepSeek V3.2", f"<\uff5cDSML\uff5c{word}>", f"</\uff5cDSML\uff5c{word}>", forms.invoke, source="DeepSeek V3.2")
        for word in ("function_calls", "tool_calls")
    ),
    _form("MiniMax M2", "<minimax:tool_call>", "</minimax:tool_call>", forms.invoke, _JSON, source="MiniMax M2 guide"),
    _form("MiniMax M1, Jamba", "<tool_calls>", "</tool_calls>", _JSON, *_TAGGED, source="MiniMax M1 and Jamba cards"),
    _form("Seed-OSS", "<seed:tool_call>", "</seed:tool_call>", *_TAGGED, source="Seed-OSS template"),
    _form("Nemotron", "<TOOLCALL>", "</TOOLCALL>", _JSON, source="Llama-Nemotron template"),
    _form("Olmo 3 and others", "<function_calls>", "</function_calls>", forms.invoke, _PYTHON, _JSON, source="Olmo 3"),
    _form("Qwen3-Coder, Functionary", "<function=", "</function>", forms.function_tag, source="Qwen3-Coder template",
          keeps_opening=True),
    _form("invocations", "<invoke name=", "</invoke>", forms.invoke, source="MiniMax M2 guide", keeps_opening=True),
    *(
        _form("gpt-oss", f"{start}{header} to=", "<|call|>", forms.harmony, source="harmony response format", keeps_opening=True)
        for start in ("<|start|>assistant", "") for header in ("<|channel|>commentary", "<|channel|>analysis")
    ),
    _form("gpt-oss", "<|start|>assistant to=", "<|call|>", forms.harmony, source="harmony response format", keeps_opening=True),
    _form("FunctionGemma", "<start_function_call>", "<end_function_call>", forms.gemma_call, source="FunctionGemma card"),
    _form("Gemma 4", "<|tool_call>", "<tool_call|>", forms.gemma_call, _JSON, source="Gemma 4 template"),
    _form("MiniMax M3", "]<]minimax[>[<tool_call>", "]<]minimax[>[</tool_call>", forms.invoke, source="MiniMax M3 template"),
    _form("Cohere", "<|START_ACTION|>", "<|END_ACTION|>", _JSON, source="Command A template"),
    _form("InternLM", "<|action_start|>", "<|action_end|>", _JSON, source="InternLM2.5 template"),
    _form("Apertus", "<|tools_prefix|>", "<|tools_suffix|>", _JSON, source="Apertus template"),
)  # fmt: skip
_AT_LINE_START: tuple[Form, ...] = (
    _form("Gemma", "```tool_code", "```", _PYTHON, _JSON, source="Gemma 3 function calling guide"),
    _form("small models", "```tool_call", "```", _JSON, _PYTHON, source="small models that mix two templates"),
    _form("Cohere", "Action: ```json", "```", _JSON, source="Command R template"),
    _form("Phi, FireFunction", "functools[", None, _JSON, source="Phi-4-mini and FireFunction templates", keeps_opening=True),
)  # fmt: skip
ALONE = Rule(
    name="calls in words: nothing else in the answer",
    seen='`{"name": ..., "parameters": ...}`, a list of such, `[f(a=1)]`, or one fence around them, and no other word',
    done="run as a tool call where the tool is known; with any other text beside it, it is text",
    source="Llama 3 and 4, xLAM, Gemma 3 templates",
)
MARKS = Rule(
    name="special tokens in the answer",
    seen="`<|channel|>final<|message|>`, `<|im_end|>`, `<|eot_id|>` and their like",
    done="left out, outside code",
    source="harmony response format; chat templates",
)
RULES: tuple[Rule, ...] = (*FORMS, *_AT_LINE_START, ALONE, MARKS)

_DROPPED = (
    "<|channel|>final<|message|>", "<|channel|>commentary<|message|>", "<|start|>assistant", "<|return|>", "<|end|>",
    "<|call|>", "<|START_RESPONSE|>", "<|END_RESPONSE|>", "<|START_TEXT|>", "<|END_TEXT|>", "<|im_end|>", "<|eot_id|>",
    "<|eom_id|>", "<|endoftext|>", "<|end_of_text|>", "<end_of_turn>", "<|end_of_turn|>", "<|message|>",
    "<\uff5cend\u2581of\u2581sentence\uff5c>", "<|begin_of_solution|>", "<|end_of_solution|>", "<|/tool_call|>",
    "<|tool_response>", "<|tool_calls_section_end|>", "<|tool_call_section_end|>",
)  # fmt: skip
_BY_OPENING = {form.opening: form for form in FORMS}
_TOKENS = sorted((*_BY_OPENING, *_DROPPED), key=len, reverse=True)
_TOKEN = re.compile("|".join(map(re.escape, _TOKENS)))
_LONGEST = len(_TOKENS[0])
_STRAY = ("</tool_call>", "</tool_calls>", "</function_calls>", "<|tool_calls_section_end|>", "<|tool_response>")
_STRAY_CLOSING = re.compile(rf"\s*(?:{'|'.join(map(re.escape, _STRAY))})")
_FENCES = ("```", "~~~")
_FENCE = re.compile(r"`{3,}")
_FIRST_KEYS = "name|function|type|tool|tool_name|tool_calls|parameters|arguments|id|action|recipient_name"
_ALONE_OBJECT = re.compile(rf"(?:```(?:json)?\s*)?\[?\s*\{{\s*\"(?:{_FIRST_KEYS})\"\s*:")
_ALONE_SO_FAR = re.compile(r"(?:`{0,2}|```[a-z]{0,4}\s*)?\[?\s*(?:\{\s*(?:\"\w{0,20}\"?\s*:?)?)?")
_ALONE_NAME = re.compile(r"\{\s*\"(?:name|tool|tool_name|function|action|recipient_name)\"\s*:\s*\"([^\"]*)\"")
_ALONE_PYTHON = re.compile(r"\[\s*([A-Za-z_][\w.]*)(\(?)")


@dataclass(frozen=True, slots=True)
class SpokenCall:
    """A call that stood in the text; `error`, for the model, is why it must not run."""

    name: str
    arguments: dict[str, object]
    error: str = ""


Said: TypeAlias = str | SpokenCall


@dataclass(slots=True)
class SpokenCalls:
    """Takes an answer's text in chunks and gives back text and calls; holds back what may be the beginning of one."""

    tools: forms.Schemas
    _held: str = ""
    _form: Form | None = None
    _searched: int = 0
    _line_start: bool = True
    _in_fence: bool = False
    _is_first: bool = True
    _alone: bool = False
    _last: str = "\n"
    _after_call: bool = False
    _line_forms: dict[str, Form] = field(init=False)

    def __post_init__(self) -> None:
        named = (
            _form("Functionary", f">>>{name}", None, forms.named_body, source="Functionary v3.2", keeps_opening=True)
            for name in self.tools
        )
        self._line_forms = {form.opening: form for form in (*_AT_LINE_START, *named)} if self.tools else {}

    def feed(self, text: str) -> list[Said]:
        """Take more text; return what nothing later can change."""
        if not (self._held or self._form or self._line_start or self._in_fence) and not _may_matter(text):
            self._last = text[-1:] or self._last
            return [text]
        self._held += text
        return _tidy(self._read(ended=False))

    def close(self, *, is_cut: bool = False) -> list[Said]:
        """Return what was held back; `is_cut` when the answer ended at its token limit."""
        said = self._read(ended=True)
        if self._form is not None:
            form, inner = self._form, self._held
            self._form = None
            said += self._calls(form, inner, is_cut=is_cut) or [*self._as_text(form, inner)]
        elif self._alone:
            said += self._lonely(is_cut=is_cut)
        else:
            said.append(self._held)
        self._held = ""
        return _tidy(said)

    def _read(self, *, ended: bool) -> list[Said]:
        if self._alone and len(self._held) > _MAX_ALONE:
            self._alone = self._is_first = False
        said: list[Said] = []
        while self._held and not self._alone:
            before = len(self._held)
            if self._after_call:
                self._skip_closings(ended=ended)
                if self._after_call:
                    break
            if self._form is not None:
                said += self._read_call(self._form)
            elif self._is_first and self._may_be_alone(ended=ended):
                break
            else:
                said += self._read_text(ended=ended)
            if len(self._held) == before:
                break
        return said

    def _may_be_alone(self, *, ended: bool) -> bool:
        """Whether the answer so far may be nothing but a call; then it is held back to its end."""
        begun = self._held.lstrip()
        if not begun or not self.tools:
            return bool(not begun and not ended and self.tools)
        if begun[0] not in "{[`":
            return False
        likely = _ALONE_OBJECT.match(begun)
        if likely:
            name = _ALONE_NAME.search(begun)
            self._alone = known_name(name[1], self.tools) is not None if name else len(begun) > _MAX_HEAD or ended
            return self._alone or not (name or ended)
        python = _ALONE_PYTHON.match(begun)
        if python is None:
            return not ended and _ALONE_SO_FAR.fullmatch(begun) is not None
        self._alone = bool(python[2]) and known_name(python[1], self.tools) is not None
        tail = python[1].rpartition(".")[2]
        begins = python.end() == len(begun) and any(name.startswith(tail) for name in self.tools)
        return self._alone or (begins and not ended)

    def _lonely(self, *, is_cut: bool) -> list[Said]:
        text = _TOKEN.sub("", self._held) if not is_cut else self._held
        self._alone = False
        calls = self._read_by((_JSON, _PYTHON), text.strip()) if not is_cut else None
        return [*calls] if calls else [self._held]

    def _read_text(self, *, ended: bool) -> list[Said]:
        line, line_end, _ = self._held.partition("\n")
        if not self._in_fence and self._line_start and (form := self._line_form(line)):
            return self._open(form, len(line) - len(line.lstrip()), len(form.opening))
        token = None if self._in_fence else _TOKEN.search(line)
        if token:
            return self._read_token(line, token)
        return self._pass(len(line) + 1 if line_end else len(line) if ended else self._certain(line))

    def _read_token(self, line: str, token: re.Match[str]) -> list[Said]:
        before = line[token.start() - 1] if token.start() else self._last
        if before == "`" or line.lstrip().startswith(">"):
            return self._pass(token.end())  # quoted, not meant
        form = _BY_OPENING.get(token.group()) if self.tools else None
        if form is not None:
            return self._open(form, token.start(), len(form.opening))
        if token.group() not in _DROPPED:
            return self._pass(token.end())
        self._held = self._held[token.end() :]
        return self._noted(line[: token.start()])

    def _line_form(self, line: str) -> Form | None:
        begun = line.lstrip()
        return next((form for opening, form in self._line_forms.items() if begun.startswith(opening)), None)

    def _open(self, form: Form, start: int, length: int) -> list[Said]:
        text = self._held[:start]
        self._form, self._searched = form, 0
        self._held = self._held[start if form.keeps_opening else start + length :]
        return self._noted(text)

    def _read_call(self, form: Form) -> list[Said]:
        if form.closing is None:
            if len(self._held) <= _MAX_CALL:
                return []
            end = -1
        else:
            end = self._held.find(form.closing, max(0, self._searched - len(form.closing)))
            self._searched = len(self._held)
            if end == -1 and len(self._held) <= _MAX_CALL:
                return []
        inner = self._held if end == -1 else self._held[:end]
        self._held = "" if end == -1 else self._held[end + len(form.closing or "") :]
        self._form = None
        calls = self._calls(form, inner, is_cut=False)
        if calls:
            self._line_start, self._last, self._after_call = True, "\n", True
            return calls
        return self._as_text(form, inner + (form.closing or "" if end != -1 else ""))

    def _skip_closings(self, *, ended: bool) -> None:
        """Leave out what closes a call that has been read: tags around the notation, and blank lines."""
        while match := _STRAY_CLOSING.match(self._held):
            self._held = self._held[match.end() :]
        if ended or not any(tag.startswith(self._held.lstrip()) for tag in _STRAY):
            self._after_call = False

    def _as_text(self, form: Form, inner: str) -> list[Said]:
        return self._noted(inner if form.keeps_opening else form.opening + inner)

    def _calls(self, form: Form, inner: str, *, is_cut: bool) -> list[Said]:
        """Return the calls, a broken one when a known tool is named, or nothing when it is only text."""
        calls = self._read_by(form.readers, inner.strip())
        if calls is None:
            name = self._named(inner)
            if name is None:
                return []
            return [SpokenCall(name, {}, say("llm.call_cut_off") if is_cut else say("llm.call_unreadable"))]
        return [*calls]

    def _read_by(self, readers: Sequence[forms.Reader], text: str) -> list[SpokenCall] | None:
        for reader in readers:
            said = reader(text, self.tools)
            calls = [self._call(name, arguments) for name, arguments in said or ()]
            if calls and all(calls):
                return [call for call in calls if call is not None]
        return None

    def _call(self, said: str, arguments: object) -> SpokenCall | None:
        name = known_name(said, self.tools)
        if name is None:
            return None
        try:
            return SpokenCall(name, read_arguments(arguments))
        except BadArguments as error:
            return SpokenCall(name, {}, str(error))

    def _named(self, text: str) -> str | None:
        """Return the one known tool that a call which cannot be read names where a name stands."""
        before = r"(?:\"(?:tool_)?name\"\s*:\s*\"|<function=|name=\"?|to=|call:|functions\.|\A[\s\[]*)"
        found = {
            name
            for name in self.tools
            if re.search(rf"{before}(?:functions\.)?{re.escape(name)}(?![\w-])", text[:_MAX_HEAD])
        }
        return found.pop() if len(found) == 1 else None

    def _pass(self, length: int) -> list[Said]:
        text, self._held = self._held[:length], self._held[length:]
        return self._noted(text)

    def _noted(self, text: str) -> list[Said]:
        """Return a text to pass on, having kept track of its lines and code blocks."""
        for line in text.splitlines(keepends=True):
            # A fence inside a line is an odd one, but what follows is an example all the same.
            fences = len(_FENCE.findall(line)) + (self._line_start and line.lstrip().startswith("~~~"))
            self._in_fence ^= bool(fences % 2)
            self._line_start = line.endswith("\n")
            self._is_first = self._is_first and not line.strip()
        self._last = text[-1:] or self._last
        return [text]

    def _certain(self, line: str) -> int:
        """Return how much of the last, unfinished line cannot be the beginning of a call."""
        begun = line.lstrip()
        if self._line_start and any(opening.startswith(begun) for opening in (*_FENCES, *self._line_forms)):
            return 0
        if line.endswith("`") and not line.endswith("```"):
            return len(line.rstrip("`"))
        if self._in_fence:
            return len(line)
        for start in range(max(0, len(line) - _LONGEST), len(line)):
            if line[start] in "<[" and any(token.startswith(line[start:]) for token in _TOKENS):
                return start
        return len(line)


def _may_matter(text: str) -> bool:
    return "\n" in text or "<" in text or "[" in text or "`" in text


def _tidy(said: list[Said]) -> list[Said]:
    return [part for part in said if part]
