"""Shows what a message probably asks for, where it is not certain: the plan, and the command that does it.

Nothing here is ever done. A plan is made of the words that are known, and of those that are nearly spelt like one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from agentroster import spelling
from agentroster.builtin.skills.enrich_hf_metadata.understanding import sentence, targets, wish, written
from agentroster.builtin.skills.enrich_hf_metadata.understanding.sentence import UNKNOWN, Token
from agentroster.builtin.skills.enrich_hf_metadata.understanding.vocabulary import Language, languages
from agentroster.library.library import Library
from agentroster.library.names import Names, folded
from agentroster.messages import say
from agentroster.skills.escape_markdown import escape_markdown
from agentroster.skills.understanding import Plan

_MAX_CHARACTERS, _MAX_UNKNOWN, _MAX_SHOWN = 500, 8, 5
_REFUSED = frozenset({"not", "other", "if", "question", "option", "url"})
_VERBS = frozenset({"verb", "endverb", "endask", "maybeverb"})
_ALL = frozenset({"all", "all_lora", "all_checkpoint", "all_embedding", "maybeall"})
_NAMES = frozenset({"name", "bare"})
_ENDPOINT = "https://huggingface.co"


def is_worth_a_look(text: str) -> bool:
    """Whether a short message holds a word that is nearly one of the verbs."""
    if len(text) > _MAX_CHARACTERS:
        return False
    words = [word.strip(".,;:!?()\"'") for word in folded(text).split()]
    verbs = [verb for language in languages() for verb in _words(language, _VERBS)]
    return any(word in verbs or spelling.nearest(word, verbs) for word in words[:40])


def planned(text: str, reason: str, names: Names, library: Library) -> Plan | None:
    """Return what would be done and the command for it; None where nothing is likely."""
    if len(text) > _MAX_CHARACTERS:
        return None
    read = [(language, list(sentence.tokens(text, language, names))) for language in languages()]
    fewest = min(_unknown(tokens) for _, tokens in read)
    # In another language than its own a sentence has lost its "if" and its "not".
    best = [(language, tokens) for language, tokens in read if _unknown(tokens) == fewest]
    if any(token.kind in _REFUSED for _, tokens in best for token in tokens):
        return None
    for language, tokens in best:
        arguments = _arguments(list(_repaired(tokens, language, names)), language)
        if arguments is not None:
            return shown(arguments, reason, names, library)
    return None


def _unknown(tokens: Sequence[Token]) -> int:
    return sum(len(token.text) for token in tokens if token.kind == UNKNOWN)


def shown(arguments: dict[str, Any], reason: str, names: Names, library: Library) -> Plan | None:
    """Return the plan in words; None where the command for it cannot be written, or means no model."""
    command = written.command(arguments)
    found, refused = targets.resolve(arguments, library, _ENDPOINT)
    if not _means(command, arguments, names) or refused or not found:
        return None
    listed = ", ".join(target.label for target in found[:_MAX_SHOWN])
    models = listed if len(found) <= _MAX_SHOWN else say("enrich.and_more", names=listed, more=len(found) - _MAX_SHOWN)
    plan = say("enrich.plan", count=len(found), models=escape_markdown(models), command=command)
    return Plan(say("enrich.nothing_yet", reason=reason, plan=plan), arguments)


def choice(several: Sequence[str], problem: str, names: Names, library: Library) -> str:
    """Return what a name with several meanings would complete, with a command for each of them."""
    meanings = [{"targets": [name]} for name in several]
    commands = [written.command(meaning) for meaning in meanings]
    found, refused = targets.resolve({"targets": list(several)}, library, _ENDPOINT)
    is_clear = all(_means(command, meaning, names) for command, meaning in zip(commands, meanings, strict=True))
    if not commands or not is_clear or refused:
        return ""
    listed = escape_markdown(", ".join(target.label for target in found[:_MAX_SHOWN]))
    plan = say(
        "enrich.plan_of_several",
        models=listed,
        commands=say("enrich.or_separator").join(f"`{one}`" for one in commands),
    )
    return say("enrich.nothing_yet", reason=problem, plan=plan)


def _means(command: str, arguments: dict[str, Any], names: Names) -> bool:
    """Whether a command that is shown is read as what it was written for."""
    tokens = list(sentence.tokens(command.removeprefix("/enrich "), languages()[0], names))
    understood = wish.command(tokens) if command else None
    return understood is not None and understood.arguments == arguments


def _arguments(tokens: Sequence[Token], language: Language) -> dict[str, Any] | None:
    kinds = {token.kind for token in tokens}
    wanted = kinds & (_ALL | _NAMES | {"missing"})
    if kinds & _REFUSED or "several" in kinds or not kinds & _VERBS or not wanted:
        return None
    known = [token for token in tokens if token.kind not in {UNKNOWN, "vague", "qmark"}]
    by_grammar = wish.sentence(known, verb_last=language.name.startswith("zh"))
    if by_grammar is not None:
        return by_grammar.arguments
    # What changes the meaning of the rest must have its place.
    if kinds & {"except", "exceptpost", "exceptend", "from", "overwrite", "refresh"}:
        return None
    named = list(dict.fromkeys(token.value for token in tokens if token.kind in _NAMES))
    types = {token.kind.partition("_")[2] for token in tokens if token.kind in _ALL}
    arguments: dict[str, Any] = {"targets": named or ["everything"]}
    if len(types) == 1 and (model_type := types.pop()) and not named:
        arguments["model_type"] = model_type
    return {**arguments, "dry_run": True} if "dry" in kinds else arguments


def _repaired(tokens: Sequence[Token], language: Language, names: Names) -> Iterator[Token]:
    """Yield the tokens, with those that nobody knows as what they are nearly spelt like, where there is one such."""
    place = tried = 0
    while place < len(tokens):
        token = tokens[place]
        if token.kind == "maybeverb":
            token = replace(token, kind="verb")
        elif token.kind == "maybeall":
            token = replace(token, kind="all")
        elif token.kind == UNKNOWN and tried < _MAX_UNKNOWN:
            tried += 1
            end = next((at for at in range(place, len(tokens)) if tokens[at].kind != UNKNOWN), len(tokens))
            whole = " ".join(unknown.text for unknown in tokens[place:end])
            if end > place + 1 and (name := names.nearest(whole)):
                yield Token("name", name, whole)
                place = end
                continue
            token = _meant(token, language, names)
        yield token
        place += 1


def _meant(token: Token, language: Language, names: Names) -> Token:
    word = folded(token.text.rstrip(".,;:!?"))
    known = _words(language, None)
    if found := spelling.nearest(word, known):
        return Token(known[found], known[found], token.text)
    if name := names.nearest(word):
        return Token("name", name, token.text)
    return token


def _words(language: Language, kinds: frozenset[str] | None) -> dict[str, str]:
    pairs = (pair for phrases in language.phrases.values() for pair in phrases)
    return {phrase: kind for phrase, kind in pairs if kinds is None or kind in kinds}
