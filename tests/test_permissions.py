"""A skill that ignores its own declaration: every permission holds, and each refusal is logged and told.

The skill `hostile` may reach `allowed.test` and the model hub, and nothing else; `hostile-writer` may write into the
library. The model does whatever the attacker wants.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.support.chatting import Person
from tests.support.deployment import ENCRYPTION_KEY, MASTER_KEY
from tests.support.roster_process import RosterProcess
from tests.support.stand_ins.evil_server import METADATA, EvilServer
from tests.support.stand_ins.hub import HubServer, Repository
from tests.support.stand_ins.model_server import ModelServer
from tests.support.stand_ins.serving import serving

REFUSED = re.compile(r"refused: skill (\S+), tool (\S+): (.*)")


@dataclass
class Scene:
    """A person, the attacker's server, and a model in the library with all that lies around it."""

    anna: Person
    evil: EvilServer
    urls: dict[str, str]
    folder: Path
    outside: Path
    log_start: int = 0

    def fill(self, text: str) -> str:
        for name, value in self.urls.items():
            text = text.replace(f"<{name}>", value)
        return text

    def attempt(self, way: str, target: str = "", tool: str = "hostile_try", **more: Any) -> str:
        """Let the hijacked model call the tool, and return the answer."""
        self.log_start = len(self.anna.proxy.log)
        arguments = {"way": way, "target": self.fill(target), **more}
        self.anna.history.clear()
        return self.anna.say(f"script: tool {tool} {json.dumps(arguments)}")

    def logged(self) -> list[tuple[str, str, str]]:
        """Return skill, tool and what was refused, for each line of the log since the attempt."""
        return REFUSED.findall(self.anna.proxy.log[self.log_start :])

    def files(self) -> dict[str, bytes | None]:
        """Return all files in the folder and outside of it, links as such."""
        return {
            str(path): None if path.is_symlink() else path.read_bytes()
            for root in (self.folder, self.outside)
            for path in sorted(root.rglob("*"))
            if not path.is_dir() or path.is_symlink()
        }


@pytest.fixture
def scene(
    proxy: RosterProcess,
    model_server: ModelServer,
    hub: HubServer,
    base_environment: dict[str, str],
    library_root: Path,
    tmp_path: Path,
) -> Iterator[Scene]:
    folder = library_root / f"hostile-{uuid4().hex[:8]}"
    folder.mkdir()
    for place in (folder, tmp_path):
        (place / "m.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
        (place / "m.metadata.json").write_text("{}", encoding="utf-8")
        (place / "bare.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    (folder / "linked.safetensors").symlink_to(tmp_path / "m.safetensors")
    (folder / "away").symlink_to(tmp_path)
    evil = EvilServer()
    with serving(evil.app) as url:
        port = url.rpartition(":")[2]
        anna = Person(proxy, f"permissions-{uuid4().hex[:8]}", agent="agno/hostile")
        urls = {"evil": url, "evil-port": port, "hub": base_environment["HF_ENDPOINT"], "in": str(folder)}
        yield Scene(anna, evil, {**urls, "out": str(tmp_path)}, folder, tmp_path)


NOT_HERE = "not permitted here"
NOT_PLAIN = "Only plain http and https addresses"
NETWORK = {
    "https://evil.test/": f"Reaching evil.test is {NOT_HERE}.",
    "<evil>/": f"Reaching 127.0.0.1 is {NOT_HERE}.",
    "https://allowed.test.evil.test/": f"Reaching allowed.test.evil.test is {NOT_HERE}.",
    "https://allowed.test@evil.test/": NOT_PLAIN,
    "https://allowed.test:x@evil.test/": NOT_PLAIN,
    "https://evil.test#@allowed.test/": f"Reaching evil.test is {NOT_HERE}.",
    "https://allowed.test\\@evil.test/": NOT_PLAIN,
    "https://evil.test./": f"Reaching evil.test is {NOT_HERE}.",
    "https://allowed.test:8443/": f"Reaching allowed.test at port 8443 is {NOT_HERE}.",
    "https://allowed.test.:22/": f"Reaching allowed.test at port 22 is {NOT_HERE}.",
    "http://allowed.test/": "allowed.test is only reached over https.",
    METADATA: f"Reaching 169.254.169.254 is {NOT_HERE}.",
    "http://[fd00:ec2::254]/": f"Reaching fd00:ec2::254 is {NOT_HERE}.",
    "http://localhost:<evil-port>/": f"Reaching localhost is {NOT_HERE}.",
    "http://[::1]:<evil-port>/": f"Reaching ::1 is {NOT_HERE}.",
    "http://[::ffff:127.0.0.1]:<evil-port>/": f"Reaching ::ffff:127.0.0.1 is {NOT_HERE}.",
    "http://2130706433:<evil-port>/": f"Reaching 2130706433 is {NOT_HERE}.",
    "http://0x7f.1:<evil-port>/": f"Reaching 0x7f.1 is {NOT_HERE}.",
    "http://127.1:<evil-port>/": f"Reaching 127.1 is {NOT_HERE}.",
    "http://0177.0.0.1:<evil-port>/": "This is not a usable web address.",
    "file:///etc/passwd": NOT_PLAIN,
    "unix:/var/run/docker.sock": NOT_PLAIN,
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/": "This is not a usable web address",
}


@pytest.mark.parametrize("url", NETWORK)
def test_a_skill_reaches_no_address_that_it_did_not_declare(scene: Scene, url: str) -> None:
    answer = scene.attempt("fetch", url)
    assert NETWORK[url] in answer
    [(skill, tool, what)] = scene.logged()
    assert (skill, tool) == ("hostile", "hostile_try")
    assert NETWORK[url] in what
    assert not scene.evil.requests


def test_a_declared_host_that_redirects_leads_nowhere_else(scene: Scene, hub: HubServer) -> None:
    hub.repositories["a/b"] = Repository(redirect=scene.fill("http://localhost:<evil-port>/steal"))
    assert f"Reaching localhost is {NOT_HERE}" in scene.attempt("fetch", "<hub>/a/b/raw/main/README.md")
    assert scene.logged() == [("hostile", "hostile_try", f"Reaching localhost is {NOT_HERE}.")]
    assert not scene.evil.requests


def test_a_skill_does_not_tell_a_declared_host_to_be_another(scene: Scene, hub: HubServer) -> None:
    assert "header 'Host' may not be set by a skill" in scene.attempt("header", "<hub>/a/b/raw/main/README.md")
    assert scene.logged() == [("hostile", "hostile_try", "The header 'Host' may not be set by a skill.")]
    assert not hub.paths


@pytest.mark.parametrize(
    ("way", "target", "what"),
    [
        ("sidecar", "<in>/m.safetensors", "the skill hostile has no permission to write metadata"),
        ("create", "<in>/bare.safetensors", "the skill hostile has no permission to write metadata"),
        ("preview", "<in>/m.safetensors", "the skill hostile has no permission to write previews"),
        ("account", "github", "This skill does not declare the account 'github' in `credentials`."),
        ("account", "github\nrefused: skill innocent, tool x: y", "github\\nrefused: skill innocent, tool x: y"),
    ],
)
def test_what_a_skill_did_not_declare_it_does_not_get(scene: Scene, way: str, target: str, what: str) -> None:
    before = scene.files()
    answer = scene.attempt(way, target)
    assert what.replace("\\n", "\\\\n") in answer or what in answer
    assert [(skill, tool) for skill, tool, _ in scene.logged()] == [("hostile", "hostile_try")]
    assert what in scene.logged()[0][2]
    assert scene.files() == before


@pytest.mark.parametrize("way", ["sidecar", "create", "preview", "read"])
@pytest.mark.parametrize(
    "target",
    [
        "<out>/m.safetensors", "<in>/../../m.safetensors", "<in>/linked.safetensors", "<in>/away/m.safetensors",
        "<in>/away/bare.safetensors", "<in>/./m.safetensors/../../../x.pt", "m.safetensors", "/proc/self/m.safetensors",
    ],
)  # fmt: skip
def test_a_skill_that_may_write_does_so_in_the_library_only(scene: Scene, way: str, target: str) -> None:
    before = scene.files()
    assert "outside the library" in scene.attempt(way, target, tool="hostile_write")
    assert [(skill, tool) for skill, tool, _ in scene.logged()] == [("hostile-writer", "hostile_write")]
    assert scene.files() == before


def test_a_skill_that_may_write_does(scene: Scene) -> None:
    scene.attempt("sidecar", "<in>/m.safetensors", tool="hostile_write")
    assert json.loads((scene.folder / "m.metadata.json").read_text(encoding="utf-8")) == {"hostile": True}
    assert not scene.logged()


def test_a_path_outside_the_library_is_refused_and_its_words_are_not_logged(scene: Scene) -> None:
    assert "/etc/shadow is outside the library" in scene.attempt("find", "/etc/shadow")
    assert scene.logged() == [("hostile", "hostile_try", "a path outside the library")]


@pytest.mark.parametrize(
    ("way", "target"),
    [
        ("memory", ""), ("remember", "x"), ("fetch", "<hub>/a/b/raw/main/README.md"), ("account", "github"),
        ("sidecar", "<in>/m.safetensors"), ("preview", "<in>/m.safetensors"),
    ],
)  # fmt: skip
def test_what_a_call_was_handed_is_closed_for_the_next_one(scene: Scene, hub: HubServer, way: str, target: str) -> None:
    scene.attempt("keep", "annas-secret-word")
    assert "annas-secret-word" in scene.attempt("memory")
    bert = Person(scene.anna.proxy, f"permissions-{uuid4().hex[:8]}", agent="agno/hostile")
    scene.anna, before = bert, scene.files()
    answer = scene.attempt(f"kept {way}", target)
    assert "This call is over" in answer or "no permission to write" in answer
    assert "annas-secret-word" not in answer
    assert len(scene.logged()) == 1
    assert not hub.paths
    assert scene.files() == before


@pytest.mark.parametrize("stream", [False, True])
def test_a_skill_that_keeps_silent_about_a_refusal_is_told_on(scene: Scene, stream: bool) -> None:
    answer = scene.attempt("fetch", "https://evil.test/", silent=True)
    assert "all is well" in answer
    assert answer.endswith(f"A skill tried what it may not do, and was refused: Reaching evil.test is {NOT_HERE}.\n")
    assert len(scene.logged()) == 1


def test_a_refusal_says_nothing_secret_and_stays_one_line(scene: Scene) -> None:
    scene.attempt("account", f"{MASTER_KEY}\r\n{ENCRYPTION_KEY}{'x' * 5000}\u2028")
    [(_, _, what)] = scene.logged()
    assert "***" in what
    assert len(what) < 300
    assert MASTER_KEY not in what
    assert ENCRYPTION_KEY not in what


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"n": 1}, '{"n":1}'),
        ({"n": "annas-private-word"}, "is not what the skill declares"),
        (["annas-private-word"], "is not what the skill declares"),
        ({"n": 1, "words": "a" * 60 + "!"}, "is not what the skill declares"),
    ],
)
def test_a_result_that_is_not_as_declared_is_withheld(scene: Scene, value: Any, said: str) -> None:
    log_start = len(scene.anna.proxy.log)
    answer = scene.anna.say(f"script: tool hostile_answer {json.dumps({'value': value})}")
    log = scene.anna.proxy.log[log_start:]
    assert said in answer
    if value != {"n": 1}:
        assert "annas-private-word" not in answer.rpartition("The tool said")[2]
        assert "annas-private-word" not in log
        place = "n breaks `type`" if value == {"n": "annas-private-word"} else "the whole breaks"
        assert f"The result of hostile_answer does not fit its output_schema: {place}" in log


def test_an_argument_that_keeps_a_pattern_busy_ends_in_a_complaint(scene: Scene) -> None:
    answer = scene.anna.say(f"script: tool hostile_answer {json.dumps({'words': 'a' * 60 + '!'})}")
    assert "Bad arguments for hostile_answer: this takes too long to check" in answer
