"""What a person reads of a pipeline: requests first, names in people's words, also of a run that is cut short."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from agentroster.identity.caller import Caller
from agentroster.skills.context import SkillContext
from agentroster.skills.field_names import field_name
from agentroster.skills.manifest import Manifest
from agentroster.skills.pipeline import Pipeline, Selection, run_pipeline
from agentroster.skills.report import ItemReport
from agentroster.skills.tally import Tally


@dataclass(frozen=True)
class Named:
    label: str


class Handler:
    """Does two items, and never ends with the third."""

    def __init__(self) -> None:
        self.is_stuck = asyncio.Event()

    async def select(self, context: SkillContext, arguments: Mapping[str, Any]) -> Selection:
        return Selection([Named("b"), Named("a"), Named("stuck")])

    async def prepare(self, context: SkillContext, item: Named) -> None:
        if item.label == "stuck":
            self.is_stuck.set()
            await asyncio.Event().wait()

    async def post_process(self, context: SkillContext, item: Named, prepared: None) -> ItemReport:
        return ItemReport(item=item.label, updated={"base_model": "Pony"})


def test_a_run_that_is_cut_short_tells_what_it_has_done() -> None:
    told: list[tuple[str, str]] = []

    async def cut_short() -> None:
        handler = Handler()
        manifest = Manifest.model_validate(
            {
                "name": "x",
                "title": "X",
                "description": "x",
                "kind": "pipeline",
                "input_schema": {"type": "object"},
                "limits": {"parallel_items": 1},
            }
        )
        context = SkillContext(skill="x", caller=Caller(user="a", proof="own_key"))
        context = context.showing(context.show, lambda text, title="": told.append((text, title)))
        run = asyncio.create_task(run_pipeline(Pipeline(manifest=manifest, handler=handler), context, {}, None))
        await handler.is_stuck.wait()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

    asyncio.run(cut_short())
    text = "".join(text for text, _ in told)
    assert text.startswith("Stopped: 2 of 3 are done, and stay done. 2 in all: 2 changed")
    assert text.index("**a**") < text.index("**b**")


def test_hundreds_that_need_somebody_are_counted_and_not_all_listed() -> None:
    tally = Tally(300, 1_000)
    for number in range(300):
        tally.add(ItemReport(item=f"m{number:03}", error="not there"))
    text = tally.opened()
    assert "**Needs you (300)**" in text
    assert text.count("not there") == 100
    assert "200 more are not listed here" in text
    assert tally.folded() == ("", "")


def test_what_somebody_asked_to_leave_alone_needs_nobody() -> None:
    tally = Tally(1, 1_000)
    tally.add(ItemReport(item="m", error="the sidecar asks to leave this model alone", is_intended=True))
    assert "Needs you" not in tally.opened()
    assert "- **m**: the sidecar asks to leave this model alone" in tally.opened()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("base_model", "Base model"),
        ("trainedWords", "Trigger words"),
        ("civitai.description", "Short description"),
        ("usage_tips", "Usage tips"),
        ("someNewField", "Some New Field"),
        ("SHA256", "SHA256"),
        ("![x](y)", "\\![x]\\(y)"),
    ],
)
def test_a_field_is_named_in_peoples_words(name: str, words: str) -> None:
    assert field_name(name) == words


def test_a_sentence_to_send_stands_as_it_is_typed() -> None:
    plain = ItemReport(item="a <b>", error="gone.", ask='/enrich "a <b>"').request()
    assert plain == '- **a &lt;b>**: gone. Send: `/enrich "a <b>"`\n'
    assert "`" not in ItemReport(item="x", error="gone", ask="/enrich a`b").request().replace("a`b", "")
