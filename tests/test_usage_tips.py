"""The strength and clip skip that a card recommends stand in the sidecar as LoRA Manager reads them."""

import json

import pytest

from agentroster.builtin.skills.enrich_hf_metadata.applying.merge import apply
from agentroster.builtin.skills.enrich_hf_metadata.deciding.extract import extract
from agentroster.builtin.skills.enrich_hf_metadata.reading.card import parse_card
from agentroster.builtin.skills.enrich_hf_metadata.reading.hub import RepositoryFacts
from agentroster.builtin.skills.enrich_hf_metadata.reading.source import Source
from agentroster.library.peers import Peer


def source_of(card: str, **more: object) -> Source:
    fields = {"facts": RepositoryFacts(), "repo": "a/b", "file_name": "x.safetensors", "header": {}, **more}
    return Source(card=parse_card(card), **fields)


def tips(card: str, **more: object) -> dict[str, float]:
    text = extract(source_of(card, **more)).usage_tips
    return json.loads(text) if text else {}


@pytest.mark.parametrize(
    ("card", "found"),
    [
        ("Recommended strength: 0.8", {"strength": 0.8}),
        ("**Recommended weight:** 0.6-0.9", {"strength_min": 0.6, "strength_max": 0.9}),
        ("- LoRA strength: `0.7` – `1.0`", {}),
        ("- LoRA strength: 0.7 – 1.0", {"strength_min": 0.7, "strength_max": 1.0}),
        ("Strength: 1", {"strength": 1}),
        ("Weight: 0,8", {"strength": 0.8}),
        ("| Strength | 0.8 |\n|---|---|", {"strength": 0.8}),
        ("I recommend a weight of 0.8.", {"strength": 0.8}),
        ("The best strength is between 0.5 and 0.7.", {"strength_min": 0.5, "strength_max": 0.7}),
        ("Use it with a LoRA strength of 0.75 for portraits.", {"strength": 0.75}),
        ("Works best at strength 0.9, clip skip 2.", {"strength": 0.9, "clip_skip": 2}),
        ("Clip skip: 2", {"clip_skip": 2}),
        ("clip_skip=1", {"clip_skip": 1}),
        # nothing about how strongly this file is to be used
        ("Weights: 1.5 GB", {}), ("weight decay: 0.01", {}), ("CFG scale: 7", {}), ("guidance scale of 1 is best", {}),
        ("Recommended steps: 4", {}), ("Recommended weight: 80", {}), ("ControlNet strength: 0.5", {}),
        ("Do not use a strength above 0.8.", {}), ("Best weights are in the folder 1.", {}),
        ("Denoising strength: 0.4", {}), ("<lora:x:0.8> Steps: 30, Sampler: Euler, Clip skip: 2, Seed: 1", {}),
        ("Learning rate weight: 1", {}), ("Clip skip: 99", {}), ("strength: 0", {}), 
        ("Version 1.0, weight class 2", {}),
        # two that contradict each other
        ("Strength: 0.8\n\nRecommended weight: 0.5", {}), ("Clip skip: 1\n\nClip skip: 2", {}),
        ('{"strength": 0.8}', {}),
    ],
)  # fmt: skip
def test_what_a_card_recommends_is_read(card: str, found: dict[str, float]) -> None:
    assert tips(card) == found


def test_of_a_card_of_several_files_only_the_own_part_counts() -> None:
    facts = RepositoryFacts((), ("x.safetensors", "other.safetensors"))
    card = "Strength: 0.3\n\n## x.safetensors\nStrength: 0.8\n\n## other.safetensors\nStrength: 0.5\n"
    assert tips(card, facts=facts) == {"strength": 0.8}
    assert tips("Strength: 0.3\n\n## other.safetensors\nStrength: 0.5\n", facts=facts) == {}
    assert tips("Strength: 0.3", facts=RepositoryFacts(unknown="not listed")) == {}


def test_the_card_goes_before_the_header_and_that_before_another_program() -> None:
    header = {"modelspec.usage_hint": "Recommended strength: 0.6, clip skip 2"}
    peers = [Peer(file_name="x.json", strength=0.4)]
    assert tips("Strength: 0.8", header=header, peers=peers) == {"strength": 0.8, "clip_skip": 2}
    assert tips("", header=header, peers=peers) == {"strength": 0.6, "clip_skip": 2}
    assert tips("", peers=peers) == {"strength": 0.4}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, '{"strength": 0.8}'),
        ({"usage_tips": "{}"}, '{"strength": 0.8}'),
        ({"usage_tips": ""}, '{"strength": 0.8}'),
        ({"usage_tips": '{"strength": 0.5}'}, '{"strength": 0.5}'),
        ({"usage_tips": "mine"}, "mine"),
        ({"model_type": "checkpoint", "usage_tips": "{}"}, "{}"),
        ({"model_type": "embedding", "usage_tips": "{}"}, "{}"),
    ],
)
def test_tips_fill_what_is_empty_and_replace_nothing(before: dict[str, object], after: str) -> None:
    sidecar = dict(before)
    merged = apply(sidecar, extract(source_of("Recommended strength: 0.8")))
    assert sidecar["usage_tips"] == after
    assert ("usage_tips" in merged.written) == (
        before.get("usage_tips") in (None, "", "{}") and "model_type" not in before
    )


def test_a_card_without_advice_is_not_missed() -> None:
    sidecar: dict[str, object] = {"usage_tips": "{}"}
    assert "usage_tips" not in apply(sidecar, extract(source_of("A heron."))).missing
    assert sidecar["usage_tips"] == "{}"


def test_hostile_cards_keep_nobody_busy() -> None:
    for text in ("strength " * 40_000, "recommended " * 30_000, "use weight " * 30_000, "0.8-" * 90_000):
        tips(text)
