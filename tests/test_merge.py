"""The merge rules for every sidecar and every card, on real files: what is a person's own stays a person's own."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentroster.builtin.skills.enrich_hf_metadata.applying import merge
from agentroster.builtin.skills.enrich_hf_metadata.applying.merge import MergePolicy
from agentroster.builtin.skills.enrich_hf_metadata.applying.previews import Preview
from agentroster.builtin.skills.enrich_hf_metadata.applying.provenance import Origins
from agentroster.builtin.skills.enrich_hf_metadata.deciding.evidence import Evidence
from agentroster.builtin.skills.enrich_hf_metadata.deciding.extract import Extraction
from agentroster.builtin.skills.enrich_hf_metadata.deciding.tags import additions
from agentroster.library.library import Library, ModelFile
from agentroster.library.sidecar import Sidecar, Sidecars
from agentroster.skills.report import ItemReport
from agentroster.skills.tally import Tally

REPLACEABLE = ("base_model", "trainedWords", "modelDescription", "civitai.description")
FILLED = {"base_model", "modelDescription", "preview_url"}
OURS = {"tags", "civitai", "metadata_source", "llm_enriched_at", "agentroster", *FILLED}
ORIGINS = Origins(
    card="a/b",
    evidence={"base_model": (Evidence.FILE_NAME, ""), "civitai.description": (Evidence.MODEL, "")},
    model="qwen",
)

words = st.text(min_size=1, max_size=12)
# With halves of surrogate pairs, which other programs leave in JSON.
any_text = st.text(st.characters(), max_size=8)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=5,
)
card_tags = st.sampled_from(
    ["Ink", "ink", "fog", "LoRA", "license:mit", "flux", "a", "b", "c", "d", "e", "f", "g", "h"]
)
extractions = st.builds(
    Extraction,
    base_model=st.sampled_from([None, "SDXL 1.0", "Pony"]),
    base_model_evidence=st.just(Evidence.FILE_NAME),
    trained_words=st.none() | st.lists(words, max_size=3, unique=True),
    tags=st.lists(card_tags | words, max_size=20),
    html=st.sampled_from(["", "<p>one</p>", "<p>two</p>"]),
    short=st.sampled_from(["", "One.", "Two."]),
    lineage=st.just(()),
    preview_url=st.none(),
)
civitais = st.dictionaries(st.sampled_from(["trainedWords", "description", "images", "id"]), anything, max_size=4)
sidecars = st.fixed_dictionaries(
    {},
    optional={
        "base_model": st.sampled_from(["", "Unknown", "SD 1.5"]) | anything,
        "notes": any_text,
        "tags": st.lists(words | st.sampled_from(["ink", " Fog "]), max_size=4) | anything,
        "modelDescription": st.just("") | anything,
        "preview_url": st.just("") | any_text,
        "civitai": civitais | anything,
        "agentroster": anything,
        "usage_tips": any_text,
        **{f"other {number}": anything for number in range(3)},
    },
)
previews = st.sampled_from([None, Preview(path=Path("/l/m.webp")), Preview(kept="there is one"), Preview(missing="no")])


@contextmanager
def file_of(sidecar: Sidecar) -> Iterator[ModelFile]:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "m.pt").write_bytes(b"x")
        (Path(folder) / "m.metadata.json").write_text(json.dumps(sidecar), encoding="utf-8")
        yield Library([Path(folder)]).find("m.pt")[0]


def enrich(
    model: ModelFile, found: Extraction, preview: Preview | None = None, policy: MergePolicy = merge.FILL_ONLY
) -> tuple[merge.Merge, dict[str, Any]]:
    """Do what the pipeline does, and return what is in the file then."""
    result = merge.Merge()

    def change(sidecar: Sidecar) -> bool:
        nonlocal result
        result = merge.apply(sidecar, found, preview, policy, ORIGINS)
        return bool(result.updated)

    Sidecars().update(model, change)
    return result, read(model)


def read(model: ModelFile) -> dict[str, Any]:
    return json.loads(model.sidecar.read_text(encoding="utf-8"))


def value_of(sidecar: dict[str, Any], field: str) -> Any:
    civitai = sidecar.get("civitai")
    inner = civitai if isinstance(civitai, dict) else {}
    return {"trainedWords": inner.get("trainedWords"), "civitai.description": inner.get("description")}.get(
        field, sidecar.get(field)
    )


def is_set(field: str, value: Any) -> bool:
    return bool(value) if field == "trainedWords" else value not in (None, "", "Unknown")


@settings(max_examples=60, deadline=None)
@given(sidecars, extractions, previews)
def test_a_second_run_changes_not_one_byte(before: Sidecar, found: Extraction, preview: Preview | None) -> None:
    with file_of(before) as model:
        enrich(model, found, preview)
        once = model.sidecar.read_bytes(), model.sidecar.stat().st_mtime_ns
        for policy in (merge.FILL_ONLY, MergePolicy(refresh=True)):
            enrich(model, found, preview, policy)
            assert (model.sidecar.read_bytes(), model.sidecar.stat().st_mtime_ns) == once


@settings(max_examples=60, deadline=None)
@given(sidecars, extractions, previews, st.booleans())
def test_what_a_person_or_another_program_wrote_stays_in_its_place(
    before: Sidecar, found: Extraction, preview: Preview | None, refresh: bool
) -> None:
    with file_of(before) as model:
        _, after = enrich(model, found, preview, MergePolicy(refresh=refresh))
    assert list(after)[: len(before)] == list(before)
    assert set(after) - set(before) <= OURS
    for name, value in before.items():
        if name not in OURS or (name in FILLED and is_set(name, value)):
            assert after[name] == value
    tags, civitai, ours = before.get("tags"), before.get("civitai"), before.get("agentroster")
    if isinstance(tags, list):
        assert after["tags"][: len(tags)] == tags
    elif tags is not None:
        assert after["tags"] == tags
    if isinstance(civitai, dict):
        assert list(after["civitai"])[: len(civitai)] == list(civitai)
        kept = {name: value for name, value in civitai.items() if is_set(name, value)}
        assert {name: after["civitai"][name] for name in kept} == kept
    elif civitai is not None:
        assert after["civitai"] == civitai
    if ours is not None and not isinstance(ours, dict):
        assert after["agentroster"] == ours


@settings(max_examples=40, deadline=None)
@given(sidecars, extractions, previews)
def test_what_is_stamped_was_learnt_and_says_what_set_it(
    before: Sidecar, found: Extraction, preview: Preview | None
) -> None:
    before.pop("agentroster", None)
    with file_of(before) as model:
        untouched = model.sidecar.read_bytes()
        result, after = enrich(model, found, preview)
        assert bool(result.updated) == (model.sidecar.read_bytes() != untouched)
    assert set(after.get("agentroster", {})) == set(result.updated)
    assert ("metadata_source" in after) == ("llm_enriched_at" in after) == bool(result.updated)
    for name, entry in after.get("agentroster", {}).items():
        assert entry["at"] == after["llm_enriched_at"]
        wanted = {"base_model": "file name", "civitai.description": "language model"}.get(name, "card")
        assert entry["source"] == wanted
        assert (entry.get("model") == "qwen") == (wanted == "language model")


@settings(max_examples=40, deadline=None)
@given(st.lists(card_tags | words, max_size=30), st.lists(words, max_size=5))
def test_added_tags_are_lower_case_new_few_and_no_noise(candidates: list[str], existing: list[str]) -> None:
    added = additions(candidates, existing)
    assert len(added) <= 8
    assert added == [" ".join(tag.lower().split()) for tag in added]
    assert len({*added, *(" ".join(tag.lower().split()) for tag in existing)}) >= len(added)
    assert not {"lora", "license:mit", "flux", ""} & set(added)
    assert [tag for tag in dict.fromkeys(" ".join(tag.lower().split()) for tag in candidates) if tag in added] == added
    assert additions(candidates, [*existing, *added]) == []


@settings(max_examples=40, deadline=None)
@given(sidecars, extractions, st.sampled_from(REPLACEABLE))
def test_overwriting_a_field_touches_no_other(before: Sidecar, found: Extraction, field: str) -> None:
    with file_of(before) as model:
        _, filled = enrich(model, found)
        mine = {**filled, "base_model": "SD 1.5", "modelDescription": "mine", "notes": "mine"}
        mine["civitai"] = {"trainedWords": ["mine"], "description": "mine", "id": 1}
        model.sidecar.write_text(json.dumps(mine), encoding="utf-8")
        _, after = enrich(model, found, policy=MergePolicy(overwrite=frozenset({field})))
    for name in {*REPLACEABLE, "tags", "notes"} - {field}:
        assert value_of(after, name) == value_of(mine, name)
    new = {
        "base_model": found.base_model,
        "trainedWords": list(found.trained_words or ()),
        "modelDescription": found.html,
        "civitai.description": found.short,
    }[field]
    assert value_of(after, field) == (new or value_of(mine, field))


@pytest.mark.parametrize("field", REPLACEABLE)
@settings(max_examples=15, deadline=None)
@given(first=extractions, second=extractions)
def test_a_refresh_replaces_what_an_earlier_run_wrote_and_never_what_a_person_changed(
    field: str, first: Extraction, second: Extraction
) -> None:
    with file_of({}) as model:
        enrich(model, first)
        sidecar = read(model)
        ours = value_of(sidecar, field)
        _, plain = enrich(model, second)
        assert not ours or value_of(plain, field) == ours
        _, refreshed = enrich(model, second, policy=MergePolicy(refresh=True))
        new = {
            "base_model": second.base_model,
            "trainedWords": list(second.trained_words or ()),
            "modelDescription": second.html,
            "civitai.description": second.short,
        }[field]
        assert value_of(refreshed, field) == (new or ours)
        hand = {**refreshed, "base_model": "Mine", "modelDescription": "Mine"}
        hand["civitai"] = {"trainedWords": ["Mine"], "description": "Mine"}
        model.sidecar.write_text(json.dumps(hand), encoding="utf-8")
        result, after = enrich(model, first, policy=MergePolicy(refresh=True))
        assert value_of(after, field) == value_of(hand, field)
        assert result.kept[field] == ("changed by a person" if new or ours else "already set")


def test_a_tag_that_a_person_took_away_does_not_come_back() -> None:
    found = Extraction(
        base_model=None,
        base_model_evidence=Evidence.NONE,
        trained_words=None,
        tags=["ink", "fog", "moss"],
        html="",
        short="",
        lineage=(),
    )
    with file_of({"tags": ["own"]}) as model:
        enrich(model, found)
        sidecar = read(model)
        sidecar["tags"].remove("fog")
        model.sidecar.write_text(json.dumps(sidecar), encoding="utf-8")
        assert enrich(model, found)[1]["tags"] == ["own", "ink", "moss"]


# Written by the version of 2026-11-28, before provenance was an enum.
WRITTEN_BEFORE = {
    "base_model": "SDXL 1.0",
    "tags": ["ink", "fog"],
    "modelDescription": "<p>old</p>",
    "civitai": {"trainedWords": ["old word"], "description": "Old."},
    "metadata_source": "agent:enrich_hf_metadata",
    "llm_enriched_at": "2026-11-28T03:26:29+00:00",
    "agentroster": {
        "base_model": {
            "source": "card",
            "evidence": "the text of the card",
            "card": "a/b@v1",
            "digest": "d70dab289ae279eb",
        },
        "trainedWords": {"source": "file name", "digest": "cd2cff6bc4513bc9"},
        "tags": {"source": "card", "card": "a/b@v1", "added": ["ink", "fog"]},
        "modelDescription": {"source": "card", "card": "a/b@v1", "digest": "1f9fb755b1620e70"},
        "civitai.description": {
            "source": "language model",
            "card": "a/b@v1",
            "model": "qwen",
            "digest": "358632eb6d473ec5",
        },
    },
}
NEW = Extraction(
    base_model="Pony",
    base_model_evidence=Evidence.DECLARED,
    trained_words=["new word"],
    tags=["ink", "moss"],
    html="<p>new</p>",
    short="New.",
    lineage=(),
)


def test_a_sidecar_of_an_earlier_version_is_refreshed() -> None:
    with file_of(WRITTEN_BEFORE) as model:
        result, after = enrich(model, NEW)
        assert set(result.updated) == {"tags"}
        assert after["tags"] == ["ink", "fog", "moss"]
        result, after = enrich(model, NEW, policy=MergePolicy(refresh=True))
        assert set(result.updated) == set(REPLACEABLE)
    assert [value_of(after, field) for field in REPLACEABLE] == ["Pony", ["new word"], "<p>new</p>", "New."]


def test_what_a_person_changed_in_a_sidecar_of_an_earlier_version_stays() -> None:
    mine = {**WRITTEN_BEFORE, "base_model": "SD 1.5", "modelDescription": "mine", "tags": ["fog"]}
    mine["civitai"] = {"trainedWords": ["mine"], "description": "mine"}
    with file_of(mine) as model:
        result, after = enrich(model, NEW, policy=MergePolicy(refresh=True))
    assert {name: result.kept[name] for name in REPLACEABLE} == dict.fromkeys(REPLACEABLE, "changed by a person")
    assert after["tags"] == ["fog", "moss"]


@pytest.mark.parametrize(
    ("evidence", "detail", "entry"),
    [
        (Evidence.CARD, "", {"source": "card", "card": "a/b"}),
        (Evidence.SECTION, "", {"source": "card", "evidence": "the card's section for this file", "card": "a/b"}),
        (Evidence.ABOUT_FILE, "", {"source": "card", "evidence": "the text about this file", "card": "a/b"}),
        (Evidence.DECLARED, "", {"source": "card", "evidence": "base_model of the card", "card": "a/b"}),
        (Evidence.BASE_TAGS, "", {"source": "card", "evidence": "base_model tags", "card": "a/b"}),
        (Evidence.LABEL, "", {"source": "card", "evidence": "a label of the card", "card": "a/b"}),
        (Evidence.TAGS, "", {"source": "card", "evidence": "tags of the card", "card": "a/b"}),
        (Evidence.TEXT, "", {"source": "card", "evidence": "the text of the card", "card": "a/b"}),
        (Evidence.OPENING, "", {"source": "card", "evidence": "the opening of the card", "card": "a/b"}),
        (Evidence.TRAINER, "", {"source": "card", "evidence": "the service it was trained with", "card": "a/b"}),
        (Evidence.ALL_FILES, "", {"source": "card", "evidence": "what the card says of all files", "card": "a/b"}),
        (Evidence.LINEAGE, "c/{d}", {"source": "card", "evidence": "the card of c/{d}", "card": "a/b"}),
        (Evidence.PICTURE, "https://x/{0}.png", {"source": "card", "evidence": "https://x/{0}.png", "card": "a/b"}),
        (Evidence.FILE_NAME, "", {"source": "file name"}),
        (Evidence.REPOSITORY_NAME, "", {"source": "repository name"}),
        (Evidence.HEADER, "", {"source": "file header"}),
        (Evidence.MODEL, "", {"source": "language model", "card": "a/b", "model": "qwen"}),
    ],
)
def test_what_sidecars_and_reports_say_of_each_kind_of_evidence_stays(
    evidence: Evidence, detail: str, entry: dict[str, str]
) -> None:
    origins = Origins(card="a/b", model="qwen", evidence={"base_model": (evidence, detail)})
    assert origins.of("base_model") == entry


def test_a_long_table_is_cut_and_what_a_tool_returns_stays_readable_json() -> None:
    tally = Tally(1200, 5_000)
    for number in range(1200):
        tally.add(ItemReport(item=f"m{number}", updated={"base_model": "Pony"}))
    title, rows = tally.folded()
    assert rows.count("Base model: Pony") == 500
    assert (title, rows.splitlines()[-1][:14]) == ("All 1200", "- 700 more are")
    assert tally.opened() == "1200 in all: 1200 changed, 0 unchanged, 0 failed.\n"
    returned = tally.to_json()
    assert len(json.dumps(returned)) <= 5_000
    assert returned["total"] == 1200
    assert returned["items_left_out"] == 1200 - len(tally.kept)
    assert tally.kept


def test_a_row_shows_pictures_links_and_markup_as_they_are_written() -> None:
    picture, markup = "![x](//elsewhere.invalid/p.png)", "<img src=//elsewhere.invalid>"
    report = ItemReport(item="m", updated={"tags": [picture, markup]}, missing={"card": "[x](http://a.invalid)"})
    for row in (report.line(), report.lines()):
        assert "\\![x]\\(//elsewhere" in row
        assert "[x]\\(http" in row
        assert "&lt;img" in row
