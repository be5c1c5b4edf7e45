"""Parses what a sentence asks for: a wish, in which each word has a place in the grammar.

    sentence  = courtesy* [ask] verb parts courtesy*  |  courtesy* [ask] parts verb courtesy*
    parts     = target, further targets, "from" an address, "except" names, a dry run, "overwrite" fields, "refresh"

A sentence that does not fit to its last word is no wish. The grammar of a slash command is `parts` alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from agentroster.builtin.skills.enrich_hf_metadata.understanding.sentence import Token
from agentroster.builtin.skills.enrich_hf_metadata.understanding.vocabulary import FIELDS

_ALL = frozenset({"all", "all_lora", "all_checkpoint", "all_embedding"})
_NAMES = frozenset({"name", "bare", "several"})
_BEFORE = frozenset({"fill", "noun", "of"})
_COURTESY = ("polite", "comma", "stop")
_SEPARATORS = ("and", "comma", "polite")
_OPTIONS = {"dry-run": "dry", "refresh": "refresh", "overwrite": "overwrite", "from": "from", "except": "except"}
OPTIONS = tuple(f"--{name}" for name in _OPTIONS)


@dataclass(slots=True)
class Wish:
    """What is asked for; `names` are all files and folders it names, `several` those that can mean more than one."""

    targets: list[Token] = field(default_factory=list[Token])
    excluded: list[Token] = field(default_factory=list[Token])
    source: str = ""
    overwrite: list[str] = field(default_factory=list[str])
    refresh: bool = False
    dry_run: bool = False
    model_type: str = ""

    @property
    def names(self) -> list[Token]:
        """Files and folders, wanted or left out."""
        return [token for token in (*self.targets, *self.excluded) if token.kind in _NAMES]

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the skill's tool."""
        named = ("everything" if token.kind in _ALL else token.value for token in self.targets)
        targets = list(dict.fromkeys(named))
        optional: dict[str, Any] = {
            "source": self.source,
            "exclude": [token.value for token in self.excluded],
            "overwrite": self.overwrite,
            "refresh": self.refresh,
            "dry_run": self.dry_run,
            "model_type": self.model_type,
        }
        return {"targets": targets, **{name: value for name, value in optional.items() if value}}


class NotThis(Exception):
    """The words do not fit the grammar."""


def sentence(tokens: Sequence[Token], *, verb_last: bool) -> Wish | None:
    """Return what a sentence asks for, or None. `verb_last`: any verb of the language may follow what it is about."""
    return _Reader(tokens).read(lambda reader: reader.sentence(verb_last=verb_last))


def command(tokens: Sequence[Token]) -> Wish | None:
    """Return what the text after a slash command asks for, or None."""
    return _Reader(tokens).read(lambda reader: reader.command())


class _Reader:
    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._place = 0
        self._wish = Wish()
        self._asked = ""
        self._is_qualified = False
        self._has_verb = False

    def read(self, rule: Callable[["_Reader"], None]) -> Wish | None:
        try:
            rule(self)
            self._check()
        except NotThis:
            return None
        return self._wish

    def sentence(self, *, verb_last: bool) -> None:
        self._skip(*_COURTESY)
        while self._kind in {"ask", "mayask", "dry", "from", "except"}:
            self._before_verb()
        if self._kind == "verb":
            self._take("verb")
            self._has_verb = True
            self._parts()
        else:
            began = self._place
            self._parts()
            self._skip(*_SEPARATORS)
            # "All models update" may tell what they do: only after a first word it is a request.
            kinds = {"endverb", "endask", *(("verb",) if verb_last and self._is_introduced(began) else ())}
            if self._kind not in kinds:
                raise NotThis
            self._asked = self._asked or ("ask" if self._kind == "endask" else "")
            self._take(*kinds)
            self._skip("noun")
        self._skip("polite", "particle", *(("ma",) if self._asked == "mayask" else ()))
        self._close(may_ask=self._asked != "")

    def command(self) -> None:
        self._parts()
        self._close(may_ask=False)

    def _before_verb(self) -> None:
        kind = self._kind
        if kind in {"ask", "mayask"}:
            self._asked = self._take(kind).kind
        elif kind == "dry":
            self._dry()
        elif kind == "from":
            self._source()
        else:
            self._except()
        self._skip(*_SEPARATORS)

    def _is_introduced(self, began: int) -> bool:
        return began > 0 or self._kind_at(began) == "fill"

    def _parts(self) -> None:
        while True:
            start = self._place
            is_listed = self._skip(*_SEPARATORS) and any(
                token.kind != "polite" for token in self._tokens[start : self._place]
            )
            if not self._part(is_listed=is_listed):
                self._place = start
                return

    def _part(self, *, is_listed: bool) -> bool:
        kind, targets = self._kind, self._wish.targets
        if kind == "option":
            kind = _OPTIONS.get(self._tokens[self._place].value, "")
            if not kind:
                raise NotThis
        is_source = kind in {"from", "of", "particle"} and self._kind_after == "url" and bool(targets)
        beside = kind == "url" and targets and not is_listed and targets[-1].kind in _NAMES
        if is_source or kind == "from":
            self._source()
        elif beside or (kind == "url" and self._kind_after == "from"):
            self._set_source(self._take("url").value)
            self._skip("from")
        elif kind == "exceptpost" and targets and not self._wish.excluded:
            self._take("exceptpost")
            self._wish.excluded, self._wish.targets = targets, []
        elif rule := {"dry": self._dry, "refresh": self._refresh, "overwrite": self._overwrite,
                      "except": self._except}.get(kind):  # fmt: skip
            rule()
        elif kind in self._before | _NAMES | _ALL | {"url"}:
            self._target(is_listed=is_listed)
            return True
        else:
            return False
        self._is_qualified = bool(self._wish.targets)
        return True

    def _target(self, *, is_listed: bool) -> None:
        start = self._place
        self._skip(*self._before)
        asks_for_gaps = any(token.kind == "missing" for token in self._tokens[start : self._place])
        is_plain = self._place == start and self._kind in {"name", "url"}
        targets = self._wish.targets
        # "a.pt b.pt" is a list; "a.pt later" is none, although a model may be called "later".
        if targets and not is_listed and not (is_plain and targets[-1].kind == self._kind):
            raise NotThis
        # "a.pt as a dry run, b.pt" may mean both or one of them.
        if targets and self._is_qualified:
            raise NotThis
        token = self._take(*_NAMES, *_ALL, "url")
        if token.kind in _ALL:
            self._wish.model_type = token.kind.partition("_")[2]
            token = self._place_of_all() or token
        while self._kind == "noun" or (self._kind == "of" and self._kind_after == "noun"):
            self._place += 1
        if asks_for_gaps:
            # "Was in loras/ fehlt": the verb of the clause is its last word.
            self._skip("gap")
        targets.append(token)

    def _place_of_all(self) -> Token | None:
        """Return the folder in "everything in loras/", which does not mean everything; None without one."""
        start = self._place
        self._skip(*_BEFORE)
        if self._kind in _NAMES and any(token.kind == "of" for token in self._tokens[start : self._place]):
            return self._take(*_NAMES)
        self._place = start
        return None

    def _source(self) -> None:
        self._place += 1
        self._set_source(self._take("url").value)

    def _set_source(self, url: str) -> None:
        if self._wish.source:
            raise NotThis
        self._wish.source = url

    def _dry(self) -> None:
        self._place += 1
        self._skip("colon")
        self._wish.dry_run = True

    def _refresh(self) -> None:
        self._place += 1
        self._wish.refresh = True

    def _overwrite(self) -> None:
        self._place += 1
        self._wish.overwrite.append(self._take(*FIELDS).kind)
        while True:
            start = self._place
            self._skip("and", "comma")
            if self._kind not in FIELDS:
                self._place = start
                return
            self._wish.overwrite.append(self._take(*FIELDS).kind)

    def _except(self) -> None:
        self._place += 1
        while True:
            self._skip(*_BEFORE)
            self._wish.excluded.append(self._take(*_NAMES))
            self._skip("noun", "exceptend", "exceptpost")
            start = self._place
            if not self._skip("and", "comma") or self._kind not in _BEFORE | _NAMES:
                self._place = start
                return

    def _close(self, *, may_ask: bool) -> None:
        """Take the end of a sentence: only courtesy may follow."""
        self._skip(*_COURTESY)
        if may_ask:
            self._skip("qmark")
            self._skip(*_COURTESY)
        if self._place < len(self._tokens):
            raise NotThis

    def _check(self) -> None:
        wish = self._wish
        kinds = {token.kind for token in wish.targets}
        is_everything = bool(kinds & _ALL)
        if not wish.targets or ((is_everything or wish.model_type) and len(wish.targets) > 1):
            raise NotThis
        if kinds == {"url"} and (wish.excluded or wish.overwrite or wish.refresh):
            raise NotThis
        # In some languages "you can" is also a permission; only with its mark it is a request.
        if self._asked == "mayask" and not any(token.kind in {"qmark", "ma"} for token in self._tokens):
            raise NotThis
        wish.overwrite = list(dict.fromkeys(wish.overwrite))

    @property
    def _before(self) -> frozenset[str]:
        """What may stand before a name; "what is missing in loras/" is a question until a verb stood before it."""
        return _BEFORE | {"missing"} if self._has_verb else _BEFORE

    @property
    def _kind(self) -> str:
        return self._kind_at(self._place)

    @property
    def _kind_after(self) -> str:
        return self._kind_at(self._place + 1)

    def _kind_at(self, place: int) -> str:
        return self._tokens[place].kind if place < len(self._tokens) else ""

    def _take(self, *kinds: str) -> Token:
        if self._kind not in kinds:
            raise NotThis
        self._place += 1
        return self._tokens[self._place - 1]

    def _skip(self, *kinds: str) -> bool:
        start = self._place
        while self._kind in kinds:
            self._place += 1
        return self._place > start
