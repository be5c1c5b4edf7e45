"""Holds all there is to read about one model file, and finds the parts of a shared card about it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from agentroster.builtin.skills.enrich_hf_metadata.reading.card import Card
from agentroster.builtin.skills.enrich_hf_metadata.reading.file_names import model_key, names_in
from agentroster.builtin.skills.enrich_hf_metadata.reading.file_sections import FilePart, parts_for, shared_part
from agentroster.builtin.skills.enrich_hf_metadata.reading.html import plain_markup
from agentroster.builtin.skills.enrich_hf_metadata.reading.hub import RepositoryFacts
from agentroster.library.peers import Peer

# A part of a pipeline by its folder and by the name that all such parts have: a file with a name of its own in such a
# folder is a model.
_COMPONENT = re.compile(
    r"(?:^|/)(?:text_encoder(?:_\d)?|unet|vae|transformer(?:_\d)?|image_encoder|safety_checker|prior|optimizer"
    r"|checkpoint-\d+)/(?:diffusion_|flax_|tf_)?(?:(?:pytorch_)?(?:model|lora_weights)|adapter_model|optimizer|scheduler)"
    r"[\w.-]*\.\w+$"
    r"|(?:^|/)(?:optimizer|scheduler|random_states?\w*|rng_state\w*|training_args|scaler)\.\w+$",
    re.IGNORECASE,
)
_EMBEDDING = re.compile(r"_emb(?:eddings?)?(?=\.\w+$)", re.IGNORECASE)
# The name of every LoRA that diffusers trains.
_DIFFUSERS_NAME = "pytorch_lora_weights"
_DESCRIPTION = re.compile(r"!\[[^\[\]\n]{1,500}\](?=[(\[])")
_MAX_LINES = 6_000
_NEIGHBOURS = ("one neighbour.safetensors", "another neighbour.safetensors")
# Whoever gives orders to a language model states nothing about the file.
_ORDER = re.compile(
    r"\b(?:ignore|disregard|forget)\s(?:\w{1,12}\s){0,4}(?:instructions?|prompts?|rules)\b|<\|\w{1,20}\|>|\[/?INST\]"
    r"|^\s{0,3}(?:system|assistant)\s?:"
    # Spoken to a model, and not about one.
    r"|\b(?:attention|notes?|notice|message|dear|hey|instructions?)\W{1,3}(?:(?:to|for|all|any|every|the)\s){0,2}"
    r"(?:language models?|llms?|ais?\b|assistants?|ai agents?|bots?|crawlers?)"
    r"|\b(?:language models?|llms?|ai (?:systems?|models?|assistants?|agents?)|assistants?)\W{1,3}(?:you\s)?"
    r"(?:must|should|shall|have to|answer|respond|reply|output|return|set|write|record)\b"
    r"|\byou (?:must|should|shall|have to|will) (?:now )?(?:answer|respond|reply|output) with\b"
    r"|\bignor(?:iere?|ez|a|e|er|are)\s.{0,40}(?:anweisung|instruc|instru[çc]|istruzion)|игнорир\w{1,4}\s.{0,40}инструкц"
    r"|忽略.{0,12}(?:指令|指示|说明|規則|规则)|指示.{0,6}無視|지시.{0,8}무시",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, kw_only=True)
class Source:
    """All there is to read about one model file."""

    card: Card
    facts: RepositoryFacts
    repo: str
    file_name: str
    header: Mapping[str, str]
    model_type: str = ""
    revision: str = "main"
    folder: str = ""
    peers: Sequence[Peer] = ()

    @cached_property
    def markup(self) -> str:
        """The visible part of the card, its HTML read as Markdown."""
        return "\n".join(plain_markup(self.card.body).split("\n", _MAX_LINES)[:_MAX_LINES])

    @cached_property
    def body(self) -> str:
        """What the card says to a reader."""
        return spoken(self.markup)

    @property
    def possible(self) -> tuple["Source", ...]:
        """What this source may be: itself; where the repository's files are not known, of one model or of several."""
        if not self.facts.unknown:
            return (self,)
        own = self.file_name or "model.safetensors"
        stem = own.rsplit(".", 1)[0]
        # With a file of a similar name beside it, a title no longer tells which of the two it is about.
        for_files = ((own,), (own, *_NEIGHBOURS), (own, f"{stem}.alike", *_NEIGHBOURS))
        return tuple(replace(self, facts=replace(self.facts, weight_files=files, unknown="")) for files in for_files)

    @cached_property
    def is_collection(self) -> bool:
        """Whether the repository holds more than one model: a shared statement may then be another file's."""
        files = {name for name in self.facts.weight_files if not _COMPONENT.search(name)}
        names = {name.rsplit("/", 1)[-1].lower() for name in files} or names_in(self.body)
        # Checkpoints and precisions of one training are one model.
        return len(self._without_companions({model_key(name) for name in names}, names)) > 1

    def _without_companions(self, keys: set[str], names: set[str]) -> set[str]:
        """Return the keys without what pivotal tuning writes along with a model: `x`, `x_emb` and diffusers' form.

        The embedding itself is a model of its own: what a card says of the two is not known to be about it.
        """
        embeddings = [name for name in names if _EMBEDDING.search(name)]
        if len(embeddings) != 1 or _EMBEDDING.search(self.file_name):
            return keys
        stem = model_key(_EMBEDDING.sub("", embeddings[0]))
        others = keys - {model_key(embeddings[0])}
        return {stem} if others and others <= {stem, f"{stem}_lora", f"{stem}-lora", _DIFFUSERS_NAME} else keys

    @cached_property
    def parts(self) -> tuple[FilePart, ...]:
        """The parts of a shared card that are about this file, the surest first."""
        if not self.file_name or not self.is_collection:
            return ()
        return parts_for(self.markup, self.file_name, self.facts.weight_files)

    @cached_property
    def declared(self) -> Sequence[str]:
        """The base models of the front matter."""
        return self.card.strings("base_model")

    @cached_property
    def tags(self) -> Sequence[str]:
        """The tags of the front matter and of the hub."""
        return [*self.card.strings("tags"), *self.facts.tags]

    @cached_property
    def shared(self) -> str:
        """What the card says of all its files: the body of a card of one model."""
        return shared_part(self.body) if self.is_collection else self.body

    @property
    def name(self) -> str:
        """The repository's name without its owner."""
        return self.repo.split("/", 1)[-1]

    @property
    def stem(self) -> str:
        """The file's name without its ending."""
        return self.file_name.rsplit(".", 1)[0]


def spoken(markup: str) -> str:
    """Return the text that may state something: without descriptions of pictures and orders to a language model."""
    text = _DESCRIPTION.sub("![]", markup)
    return "\n\n".join(_without_orders(block) for block in text.split("\n\n"))


def _without_orders(block: str) -> str:
    """Return a paragraph, or nothing when it gives orders; of a table only the rows that do are lost."""
    if not _ORDER.search(block):
        return block
    rows = [line for line in block.split("\n") if line.lstrip().startswith("|") and not _ORDER.search(line)]
    return "\n".join(rows)
