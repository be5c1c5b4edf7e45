"""Jobs through their HTTP interface: begun, followed, cancelled, resumed; and only ever by their owner."""

import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.support.chatting import Person
from tests.support.jobs import CARD, SKILL, begin, done_in, events, fill
from tests.support.roster_process import ROSTER, RosterProcess, clean_environment, run_roster
from tests.support.stand_ins.hub import HubServer, Repository


@pytest.fixture
def folder(library_root: Path) -> Path:
    return library_root / f"jobs-{uuid4().hex[:8]}"


@pytest.fixture
def anna(offline_proxy: RosterProcess) -> Iterator[httpx.Client]:
    with offline_proxy.http(Person(offline_proxy, f"jobs-{uuid4().hex[:8]}").key) as client:
        yield client


def finished(client: httpx.Client, job: str, items: int) -> None:
    """Return once so many items are done, as the event stream tells."""
    with client.stream("GET", f"/roster/api/jobs/{job}/events") as stream:
        done = (line for line in stream.iter_lines() if line == "event: item")
        for _ in range(items):
            next(done)


def test_a_job_is_begun_followed_and_completed(anna: httpx.Client, hub: HubServer, folder: Path) -> None:
    hub.repositories["a/ink"] = Repository(CARD)
    fill(folder, 3)
    job = begin(anna, folder.name)
    found = events(anna, job)
    assert [one["event"] for one in found] == ["started", "item", "item", "item", "completed"]
    assert [one["id"] for one in found] == ["1", "2", "3", "4", "5"]
    whose = {"skill": "enrich-hf-metadata", "job": job}
    assert found[0]["data"] == {**whose, "total": 3, "done": 0, "changed": 0, "failed": 0}
    assert [(one["data"]["done"], one["data"]["changed"], one["data"]["total"]) for one in found[1:4]] == [
        (1, 1, 3),
        (2, 2, 3),
        (3, 3, 3),
    ]
    assert all(one["data"].items() >= whose.items() for one in found)
    assert found[1]["data"]["updated"]["base_model"] == "SDXL 1.0"
    assert found[1]["data"]["provenance"]["base_model"] == {
        "source": "card", "evidence": "base_model of the card", "card": "a/ink"
    }  # fmt: skip
    last = found[-1]["data"]
    assert last.items() >= {**whose, "total": 3, "done": 3, "changed": 3, "failed": 0, "errors": []}.items()
    assert last["summary"] == "3 in all: 3 changed, 0 unchanged, 0 failed."
    assert sorted(one["item"] for one in last["updated_items"]) == sorted(one["data"]["item"] for one in found[1:4])
    assert all("base_model" in one["updated_fields"] for one in last["updated_items"])
    shown = anna.get(f"/roster/api/jobs/{job}").json()
    assert (shown["state"], shown["total"], shown["done"], shown["changed"]) == ("completed", 3, 3, 3)
    assert [one["id"] for one in anna.get("/roster/api/jobs").json()["data"]] == [job]
    assert len(done_in(folder)) == 3


def test_events_are_replayed_from_a_number(anna: httpx.Client, hub: HubServer, folder: Path) -> None:
    hub.repositories["a/ink"] = Repository(CARD)
    fill(folder, 2)
    job = begin(anna, folder.name)
    every = events(anna, job)
    assert events(anna, job, after=2) == every[2:]
    assert events(anna, job, headers={"Last-Event-ID": "3"}) == every[3:]
    assert events(anna, job, after=99) == []


def test_a_job_of_more_items_than_a_part_of_its_events_is_replayed_whole(
    anna: httpx.Client, hub: HubServer, folder: Path
) -> None:
    hub.repositories["a/ink"] = Repository(CARD)
    fill(folder, 520)
    found = events(anna, begin(anna, folder.name))
    assert [one["id"] for one in found] == [str(number) for number in range(1, 523)]
    assert len({one["data"]["item"] for one in found if one["event"] == "item"}) == 520


def test_a_websocket_has_the_same_events(
    anna: httpx.Client, hub: HubServer, folder: Path, offline_proxy: RosterProcess
) -> None:
    hub.repositories["a/ink"] = Repository(CARD)
    fill(folder, 2)
    job = begin(anna, folder.name)
    address = f"{offline_proxy.url.replace('http', 'ws')}/roster/api/jobs/{job}/ws"
    headers = {"authorization": anna.headers["authorization"]}
    with connect(address, additional_headers=headers) as socket:
        found = [json.loads(message) for message in socket]
    assert [(str(one["id"]), one["event"], one["data"]) for one in found] == [
        (one["id"], one["event"], one["data"]) for one in events(anna, job)
    ]
    with pytest.raises(InvalidStatus), connect(address):
        pass


def test_a_cancelled_job_stops_at_once_and_keeps_what_is_done(anna: httpx.Client, hub: HubServer, folder: Path) -> None:
    hub.repositories["a/ink"] = Repository(CARD)
    held = hub.repositories["a/held"] = Repository(CARD, hold=threading.Event())
    fill(folder / "a", 5)
    fill(folder / "b", 5, "a/held")
    job = begin(anna, f"{folder.name}/a", f"{folder.name}/b")
    assert held.holding.wait(20)
    finished(anna, job, 5)
    answer = anna.post(f"/roster/api/jobs/{job}/cancel")
    assert answer.status_code == 200
    assert answer.json()["state"] == "cancelled"
    assert held.hold is not None
    held.hold.set()
    found = events(anna, job)
    assert found[-1]["event"] == "cancelled"
    items = [one["data"]["item"] for one in found if one["event"] == "item"]
    assert len(items) == found[-1]["data"]["done"] == anna.get(f"/roster/api/jobs/{job}").json()["done"]
    assert len(done_in(folder / "a")) == 5
    assert not done_in(folder / "b")
    again = anna.post(f"/roster/api/jobs/{job}/cancel")
    assert again.status_code == 409
    assert "cancelled already" in again.json()["error"]["message"]


def test_one_persons_many_jobs_hold_nobody_up_are_bounded_and_end_with_the_key(
    anna: httpx.Client, hub: HubServer, folder: Path, offline_proxy: RosterProcess
) -> None:
    hub.repositories["a/ink"] = Repository(CARD)
    held = hub.repositories["a/held"] = Repository(CARD, hold=threading.Event())
    fill(folder / "a", 1, "a/held")
    fill(folder / "b", 1)
    assert held.hold is not None
    leaver = Person(offline_proxy, f"leaver-{uuid4().hex[:8]}")
    try:
        with offline_proxy.http(leaver.key) as client:
            jobs = [begin(client, f"{folder.name}/a") for _ in range(3)]
            while sum(job["state"] == "running" for job in client.get("/roster/api/jobs").json()["data"]) < 3:
                assert not held.hold.wait(0.05)
            jobs += [begin(client, f"{folder.name}/a") for _ in range(100)]
            refused = client.post(SKILL, json={"targets": [f"{folder.name}/a"]})
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")
            assert refused.json()["error"]["code"] == "too_many_jobs"
            assert "100 of your jobs wait already" in refused.json()["error"]["message"]
        # Somebody else is served at once, though three of the leaver's jobs are held and a hundred wait.
        assert events(anna, begin(anna, f"{folder.name}/b"))[-1]["event"] == "completed"
        offline_proxy.cli("keys", "revoke", leaver.key.split("_")[1])
        again = Person(offline_proxy, leaver.name)
        with offline_proxy.http(again.key) as client:
            for job in jobs:
                last = events(client, job)[-1]
                assert last["event"] == "failed"
                assert "was revoked" in last["data"]["error"]
            shown = client.get("/roster/api/jobs?limit=200").json()["data"]
    finally:
        held.hold.set()
    assert {job["id"] for job in shown} == set(jobs)
    assert {(job["state"], job["done"]) for job in shown} == {("failed", 0)}
    assert not done_in(folder / "a")


def test_somebody_elses_job_does_not_exist(
    anna: httpx.Client, hub: HubServer, folder: Path, offline_proxy: RosterProcess
) -> None:
    hub.repositories["a/ink"] = Repository(CARD)
    fill(folder, 1)
    job = begin(anna, folder.name)
    events(anna, job)
    with offline_proxy.http(Person(offline_proxy, "jobs-stranger").key) as stranger:
        for method, path in (("GET", ""), ("GET", "/events"), ("POST", "/cancel")):
            theirs = stranger.request(method, f"/roster/api/jobs/{job}{path}")
            none = stranger.request(method, f"/roster/api/jobs/job_none{path}")
            assert theirs.status_code == none.status_code == 404
            assert theirs.json()["error"]["message"].replace(job, "job_none") == none.json()["error"]["message"]
        assert stranger.get("/roster/api/jobs").json() == {"data": []}


@pytest.mark.parametrize("path", ["/roster/api/jobs", "/roster/api/skills", "/roster/api/me/llm"])
def test_nothing_is_shown_without_a_key(path: str, offline_proxy: RosterProcess) -> None:
    with httpx.Client(base_url=offline_proxy.url, trust_env=False) as client:
        assert client.get(path).status_code == 401
        assert client.get(path, headers={"authorization": "Bearer wrong"}).status_code == 401
        assert client.get(path, headers={"authorization": "Basic x"}).status_code == 401


@pytest.mark.parametrize(
    ("skill", "body", "status", "words"),
    [
        ("no-such-skill", {}, 404, "There is no skill"),
        ("enrich-hf-metadata", {}, 422, "'targets' is a required property"),
        ("enrich-hf-metadata", {"targets": [], "other": 1}, 422, "other"),
        ("enrich-hf-metadata", {"targets": [5]}, 422, "targets.0: 5 is not of type 'string'"),
        ("colours", {}, 422, "no pipeline"),
        ("enrich-hf-metadata", [], 400, "JSON object"),
    ],
)
def test_a_bad_beginning_is_refused_with_every_complaint(
    skill: str, body: Any, status: int, words: str, anna: httpx.Client
) -> None:
    answer = anna.post(f"/roster/api/skills/{skill}/execute", json=body)
    assert answer.status_code == status
    assert words in json.dumps(answer.json(), ensure_ascii=False).replace('\\"', '"')
    assert anna.get("/roster/api/jobs").json() == {"data": []}


def test_skills_are_listed_with_their_schemas(anna: httpx.Client) -> None:
    skills = {skill["name"]: skill for skill in anna.get("/roster/api/skills").json()["data"]}
    assert skills["enrich-hf-metadata"]["input_schema"]["required"] == ["targets"]
    assert skills["github"]["credentials"] == ["github"]


def test_a_job_outside_the_library_reports_each_refusal(anna: httpx.Client, tmp_path: Path) -> None:
    found = events(anna, begin(anna, str(tmp_path), "../../etc/passwd"))
    assert found[-1]["data"]["failed"] == found[-1]["data"]["total"] == 2


@pytest.mark.parametrize("way", [signal.SIGKILL, signal.SIGTERM])
def test_a_job_survives_the_end_of_its_process_and_repeats_nothing(
    way: int, base_environment: dict[str, str], hub: HubServer, tmp_path: Path
) -> None:
    library = tmp_path / "models"
    hub.repositories["a/ink"] = Repository(CARD)
    held = hub.repositories["a/held"] = Repository(CARD, hold=threading.Event())
    fill(library / "a", 20)
    fill(library / "b", 20, "a/held")
    environment = {**base_environment, "ROSTER_LIBRARY": str(library)}
    process = RosterProcess(tmp_path / "run", environment).start()
    anna = Person(process, "anna")
    with process.http(anna.key) as client:
        job = begin(client, "a", "b")
        assert held.holding.wait(20)
        assert held.hold is not None
        while client.get(f"/roster/api/jobs/{job}").json()["done"] < 15:
            held.hold.wait(0.05)
    process.stop(way)
    held.hold.set()
    process.start()
    try:
        with process.http(anna.key) as client:
            found = events(client, job)
    finally:
        process.stop()
    items = [one["data"]["item"] for one in found if one["event"] == "item"]
    assert len(items) == len(set(items)) == 40
    assert [one["event"] for one in found if one["event"] != "item"] == ["started", "completed"]
    assert [one["id"] for one in found] == [str(number) for number in range(1, len(found) + 1)]
    assert found[-1]["data"]["total"] == found[-1]["data"]["done"] == 40
    assert len(found[-1]["data"]["updated_items"]) == found[-1]["data"]["changed"]
    assert len(done_in(library / "a")) == len(done_in(library / "b")) == 20


# --- the same from the command line


def command(base_environment: dict[str, str], tmp_path: Path, *arguments: str) -> Any:
    environment = {**base_environment, "ROSTER_DATA_DIR": str(tmp_path / "data"), "ROSTER_LIBRARY": ""}
    return run_roster("enrich", *arguments, environment=environment)


def test_the_command_completes_a_folder_and_ends_with_a_table(
    base_environment: dict[str, str], hub: HubServer, tmp_path: Path
) -> None:
    hub.repositories["a/ink"] = Repository(CARD)
    fill(tmp_path / "models", 3)
    done = command(base_environment, tmp_path, str(tmp_path / "models"))
    assert done.returncode == 0, done.stderr
    assert "3 in all: 3 changed, 0 failed." in done.stdout
    assert "base_model" in done.stdout
    assert len(done_in(tmp_path / "models")) == 3
    again = json.loads(command(base_environment, tmp_path, str(tmp_path / "models"), "--json").stdout)
    assert [set(item) for item in again["items"]] == [{"item", "kept", "missing"}] * 3


def test_the_command_needs_no_secrets_and_leaves_only_sidecars_in_the_folder(
    base_environment: dict[str, str], hub: HubServer, tmp_path: Path
) -> None:
    hub.repositories["a/ink"] = Repository(CARD)
    models = tmp_path / "models"
    fill(models, 2)
    before = {file.name for file in models.iterdir()}
    secrets = {"LITELLM_MASTER_KEY", "ROSTER_ENCRYPTION_KEY"}
    environment = {name: value for name, value in base_environment.items() if name not in secrets}
    for again in (False, True):
        environment |= {"TMPDIR": str(tmp_path), "ROSTER_REQUIRE_SECRETS": "1"}
        done = run_roster("enrich", ".", *(["--refresh"] if again else []), environment=environment, cwd=models)
        assert done.returncode == 0, done.stderr
        assert "secrets" not in done.stderr
        assert f"2 in all: {0 if again else 2} changed, 0 failed." in done.stdout
    assert {file.name for file in models.iterdir()} - before <= {"m0000.metadata.json", "m0001.metadata.json"}
    assert [path.name for path in tmp_path.iterdir()] == ["models"]


def test_a_dry_run_shows_a_diff_and_writes_nothing(
    base_environment: dict[str, str], hub: HubServer, tmp_path: Path
) -> None:
    hub.repositories["a/ink"] = Repository(CARD)
    fill(tmp_path / "models", 1)
    (tmp_path / "models" / "bare.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    before = {file: file.read_bytes() for file in (tmp_path / "models").iterdir()}
    done = command(base_environment, tmp_path, str(tmp_path / "models"), "--dry-run")
    assert done.returncode == 0, done.stderr
    assert '-  "base_model": ""' in done.stdout
    assert '+  "base_model": "SDXL 1.0"' in done.stdout
    assert "would be changed" in done.stdout
    assert {file: file.read_bytes() for file in (tmp_path / "models").iterdir()} == before


def test_a_field_is_replaced_only_when_it_is_named(
    base_environment: dict[str, str], hub: HubServer, tmp_path: Path
) -> None:
    hub.repositories["a/ink"] = Repository(CARD)
    fill(tmp_path / "models", 1)
    sidecar = tmp_path / "models" / "m0000.metadata.json"
    written = {"hf_url": "https://huggingface.co/a/ink", "base_model": "Pony", "notes": "mine"}
    sidecar.write_text(json.dumps({**written, "civitai": {"trainedWords": ["own"]}}), encoding="utf-8")
    command(base_environment, tmp_path, str(tmp_path / "models"))
    assert json.loads(sidecar.read_text(encoding="utf-8"))["base_model"] == "Pony"
    command(base_environment, tmp_path, str(tmp_path / "models"), "--overwrite", "base_model")
    now = json.loads(sidecar.read_text(encoding="utf-8"))
    assert (now["base_model"], now["notes"], now["civitai"]["trainedWords"]) == ("SDXL 1.0", "mine", ["own"])


def test_a_refresh_follows_the_card_and_leaves_what_a_person_changed(
    base_environment: dict[str, str], hub: HubServer, tmp_path: Path
) -> None:
    hub.repositories["a/ink"] = Repository(CARD)
    fill(tmp_path / "models", 1)
    sidecar = tmp_path / "models" / "m0000.metadata.json"
    command(base_environment, tmp_path, str(tmp_path / "models"))
    mine = json.loads(sidecar.read_text(encoding="utf-8"))
    mine["civitai"]["trainedWords"] = ["mine"]
    sidecar.write_text(json.dumps(mine), encoding="utf-8")
    hub.repositories["a/ink"] = Repository(CARD.replace("inkwsh", "nwsh").replace("stabilityai/sdxl-turbo", "krea-2"))
    command(base_environment, tmp_path, str(tmp_path / "models"))
    assert json.loads(sidecar.read_text(encoding="utf-8")) == mine
    shown = command(base_environment, tmp_path, str(tmp_path / "models"), "--refresh", "--json").stdout
    now = json.loads(sidecar.read_text(encoding="utf-8"))
    assert (now["base_model"], now["civitai"]["trainedWords"]) == ("Krea 2", ["mine"])
    assert json.loads(shown)["items"][0]["kept"]["trainedWords"] == "changed by a person"


def test_a_skill_is_run_with_its_input_as_json(
    base_environment: dict[str, str], hub: HubServer, tmp_path: Path
) -> None:
    hub.repositories["a/ink"] = Repository(CARD)
    fill(tmp_path / "models", 2)
    environment = {
        **base_environment,
        "ROSTER_DATA_DIR": str(tmp_path / "d"),
        "ROSTER_LIBRARY": str(tmp_path / "models"),
    }
    run = ("skills", "run", "enrich-hf-metadata")
    done = run_roster(*run, "--input", '{"targets": ["everything"]}', "--json", environment=environment)
    assert done.returncode == 0, done.stderr
    assert [item["updated"]["base_model"] for item in json.loads(done.stdout)["items"]] == ["SDXL 1.0"] * 2
    for wrong, words in (("{}", "'targets' is a required property"), ("[]", "JSON object"), ("{", "not valid JSON")):
        refused = run_roster(*run, "--input", wrong, environment=environment)
        assert refused.returncode == 2
        assert words in refused.stderr


def test_an_item_that_fails_shows_in_the_exit_status(
    base_environment: dict[str, str], hub: HubServer, tmp_path: Path
) -> None:
    fill(tmp_path / "models", 1, "no/such")
    done = command(base_environment, tmp_path, str(tmp_path / "models"))
    assert done.returncode == 1
    assert "1 failed" in done.stdout


def test_an_interrupted_command_keeps_what_is_done_and_says_how_to_go_on(
    base_environment: dict[str, str], hub: HubServer, tmp_path: Path
) -> None:
    hub.repositories["a/ink"] = Repository(CARD)
    fill(tmp_path / "models" / "a", 4)
    held = [Repository(CARD, hold=threading.Event()) for _ in range(4)]
    for number, repository in enumerate(held):
        hub.repositories[f"a/held-{number}"] = repository
        fill(tmp_path / "models" / "b" / str(number), 1, f"a/held-{number}")
    environment = {**base_environment, "ROSTER_DATA_DIR": str(tmp_path / "data"), "ROSTER_LIBRARY": ""}
    folders = [str(tmp_path / "models" / name) for name in "ab"]
    with subprocess.Popen(
        [ROSTER, "enrich", *folders],
        env=clean_environment(**environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        # Four go on at a time: each of these waits in the place of one that is done and counted.
        assert all(repository.holding.wait(30) for repository in held)
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=30)
    for repository in held:
        assert repository.hold is not None
        repository.hold.set()
    assert process.returncode == 130
    assert "Stopped: 4 of 8 are done" in error
    assert "Traceback" not in error
    assert "4 in all: 4 changed" in out


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/roster/api/jobs", "GET, HEAD"),
        ("GET", SKILL, "POST"),
        ("POST", "/roster/api/me/llm", "DELETE, GET, HEAD, PUT"),
        ("PATCH", "/roster/api/jobs/x", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_answered_with_the_right_ones(
    anna: httpx.Client, method: str, path: str, allowed: str
) -> None:
    answer = anna.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.json()["error"]["code"] == "method_not_allowed"
    assert allowed in answer.json()["error"]["message"]
