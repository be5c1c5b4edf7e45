"""`/v1/models`, plug-ins, and the commands that list what there is."""

import base64
import io
import json
from pathlib import Path

import pytest
from PIL import Image

from tests.support.identity import signed
from tests.support.roster_process import RosterProcess, run_roster


def rows(
    proxy: RosterProcess, key: str | None = None, headers: dict[str, str] | None = None
) -> list[dict[str, object]]:
    with proxy.http(key) as client:
        body = client.get("/v1/models", headers=headers).json()
    assert body["object"] == "list"
    return body["data"]


def test_the_list_has_agents_with_names_descriptions_suggestions_and_capabilities(proxy: RosterProcess) -> None:
    listed = {row["id"]: row for row in rows(proxy)}
    agent = listed["agno/demo-agent"]
    assert agent["object"] == "model"
    assert agent["name"] == "Demo agent"
    info = agent["info"]
    assert isinstance(info, dict)
    assert "palettes" in info["meta"]["description"]
    assert info["meta"]["suggestion_prompts"][0] == {
        "title": ["Five colours around teal", "/palette teal"],
        "content": "/palette teal",
    }
    assert info["meta"]["capabilities"]["builtin_tools"] is False
    assert "plain-model" in listed
    assert "info" not in listed["plain-model"]
    assert "agno/*" not in listed


def test_each_agent_has_a_small_icon_of_its_own_that_stays(proxy: RosterProcess) -> None:
    icons = {
        str(row["id"]): str(row["info"]["meta"]["profile_image_url"])  # type: ignore[index]
        for row in rows(proxy)
        if "info" in row
    }
    assert len(set(icons.values())) == len(icons) > 3
    for icon in icons.values():
        assert len(icon) < 400
        with Image.open(io.BytesIO(base64.b64decode(icon.removeprefix("data:image/png;base64,")))) as image:
            assert image.size == (48, 48)
            assert len(image.convert("RGB").getcolors() or []) == 2
    assert [row for row in rows(proxy) if row["id"] in icons] == [row for row in rows(proxy) if "info" in row]


def test_the_list_is_the_same_for_every_user(proxy: RosterProcess) -> None:
    from tests.support.deployment import OPENWEBUI_KEY  # noqa: PLC0415

    assert rows(proxy, OPENWEBUI_KEY, signed("a")) == rows(proxy, OPENWEBUI_KEY, signed("b")) == rows(proxy)


def test_one_model_can_be_retrieved_by_its_name_with_a_slash(proxy: RosterProcess) -> None:
    assert proxy.openai().models.retrieve("agno/demo-agent").id == "agno/demo-agent"
    with proxy.http() as client:
        missing = client.get("/v1/models/agno/nobody")
    assert missing.status_code == 404
    assert "agno/demo-agent" in missing.json()["error"]["message"]


def test_the_shape_for_anthropic_clients_stays_theirs(proxy: RosterProcess) -> None:
    with proxy.http() as client:
        body = client.get("/v1/models", headers={"anthropic-version": "2023-06-01"}).json()
    assert "has_more" in body or body.get("object") == "list"


def test_an_installed_package_brings_its_agents_without_any_other_edit(proxy: RosterProcess) -> None:
    listed = {row["id"]: row for row in rows(proxy)}
    assert listed["agno/haiku"]["name"] == "Haiku poet"
    assert listed["agno/dice"]["description"] == "Rolls dice for board games."


def test_broken_plugins_are_named_and_skipped(proxy: RosterProcess) -> None:
    listed = {row["id"] for row in rows(proxy)}
    assert not listed & {"agno/broken-import", "agno/Bad_Name", "agno/unknown-skill"}
    for name, reason in [
        ("broken-import", "not_there"),
        ("Bad_Name", "lower-case"),
        ("unknown-skill", "no-such-skill"),
    ]:
        line = next(line for line in proxy.log.splitlines() if f"agent plugin {name} " in line)
        assert "roster-test-agents" in line
        assert reason in line


def test_the_command_lists_agents_with_their_origin_and_broken_ones(plugins: Path) -> None:
    done = run_roster("agents", environment={"PYTHONPATH": str(plugins)})
    assert "agno/haiku" in done.stdout
    assert "roster-haiku" in done.stdout
    assert "broken, skipped: broken-import" in done.stderr
    listing = json.loads(run_roster("agents", "--json", environment={"PYTHONPATH": str(plugins)}).stdout)
    assert "Bad_Name" in listing["broken"]


@pytest.mark.parametrize(
    ("chosen", "there", "not_there"),
    [
        ("none", {"agno/demo-agent"}, {"agno/haiku", "agno/slow-tool"}),
        ("haiku", {"agno/demo-agent", "agno/haiku"}, {"agno/dice", "agno/slow-tool"}),
        ("roster-haiku", {"agno/haiku", "agno/dice"}, {"agno/slow-tool"}),
    ],
)
def test_a_variable_loads_no_plugin_or_some(plugins: Path, chosen: str, there: set[str], not_there: set[str]) -> None:
    environment = {"PYTHONPATH": str(plugins), "ROSTER_PLUGINS": chosen}
    listing = json.loads(run_roster("agents", "--json", environment=environment).stdout)
    names = {row["model"] for row in listing["items"]}
    assert there <= names
    assert not names & not_there


def test_two_packages_with_one_agent_name_are_an_error_that_names_both(tmp_path: Path, plugins: Path) -> None:
    distribution = tmp_path / "other_haiku-1.0.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text("Metadata-Version: 2.1\nName: other-haiku\nVersion: 1.0\n", encoding="utf-8")
    (distribution / "entry_points.txt").write_text("[agentroster.agents]\nhaiku = other:agent\n", encoding="utf-8")
    environment = {"PYTHONPATH": f"{plugins}:{tmp_path}"}
    done = run_roster("serve", "--port", "0", "--data-dir", str(tmp_path / "d"), environment=environment, cwd=tmp_path)
    assert done.returncode == 2
    assert "roster-haiku" in done.stderr
    assert "other-haiku" in done.stderr
    assert "Traceback" not in done.stderr


def test_skills_are_listed() -> None:
    assert "enrich-hf-metadata" in run_roster("skills", environment={}).stdout
