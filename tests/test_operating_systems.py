"""Windows, as far as Linux can show it: real processes from which what Windows does not have is taken away.

`tests/support/windows` says what that is. It shows what our own code asks for; that Windows itself, and what others
wrote for it, do what they promise, it cannot show.
"""

import ast
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.deployment import ENCRYPTION_KEY, MASTER_KEY, REPOSITORY
from tests.support.jobs import begin, events
from tests.support.roster_process import RosterProcess, run_roster

SOURCE = REPOSITORY / "src/agentroster"
NOT_ON_WINDOWS = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "termios", "tty", "uvloop"}
ATTRIBUTES = {
    "O_NOFOLLOW", "O_DIRECTORY", "fchmod", "fchown", "chown", "geteuid", "getuid", "killpg", "setsid", "fork", "tzset",
    "SIGHUP", "SIGKILL", "SIGUSR1", "SIGALRM", "AF_UNIX", "SO_REUSEADDR", "SO_REUSEPORT", "add_signal_handler",
    "add_reader", "sched_getaffinity", "sysconf", "statvfs", "start_new_session",
}  # fmt: skip
OPTIONS = {"dir_fd", "src_dir_fd", "dst_dir_fd", "start_new_session", "preexec_fn", "reuse_port"}


@pytest.fixture(scope="module")
def mark(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file where each process notes that it ran as on Windows."""
    return tmp_path_factory.mktemp("mark") / "mark"


@pytest.fixture(scope="module")
def windows(mark: Path) -> dict[str, str]:
    return {
        "PYTHONPATH": str(REPOSITORY / "tests/support/windows"),
        "ROSTER_TEST_MARK": str(mark),
        "HF_ENDPOINT": "http://127.0.0.1:9",
    }


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, windows: dict[str, str]) -> tuple[Path, Path]:
    """Two folders of models."""
    made = tmp_path_factory.mktemp("windows")
    for name in ("first/flux", "second"):
        assert run_roster("demo", str(made / name), environment=windows).returncode == 0
    return made / "first", made / "second"


@pytest.fixture(scope="module")
def windows_proxy(
    tmp_path_factory: pytest.TempPathFactory, windows: dict[str, str], folders: tuple[Path, Path]
) -> Iterator[RosterProcess]:
    secrets = {"LITELLM_MASTER_KEY": MASTER_KEY, "ROSTER_ENCRYPTION_KEY": ENCRYPTION_KEY}
    library = {"ROSTER_LIBRARY": ";".join(map(str, folders))}
    process = RosterProcess(tmp_path_factory.mktemp("proxy"), {**windows, **secrets, **library}).start()
    yield process
    assert process.stop(signal.SIGINT) == 0
    assert "roster stopped" in process.log
    assert "Traceback" not in process.log


def ask(proxy: RosterProcess, text: str) -> str:
    messages: list[object] = [{"role": "user", "content": text}]
    answer = proxy.openai().chat.completions.create(model="agno/enrich-metadata", messages=messages)  # pyright: ignore[reportArgumentType]
    return answer.choices[0].message.content or ""


def test_a_folder_is_completed_where_nothing_is_but_what_windows_has(
    tmp_path: Path, windows: dict[str, str], mark: Path
) -> None:
    for command in (["demo", "."], ["enrich", "."], ["enrich", "."]):
        done = run_roster(*command, environment={**windows, "PYTHONIOENCODING": "cp1252"}, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert "2 in all: 0 changed" in done.stdout
    sidecar = json.loads((tmp_path / "ink-wash.metadata.json").read_text(encoding="utf-8"))
    assert sidecar["base_model"] == "Flux.1 D"
    assert b"\r" not in (tmp_path / "ink-wash.metadata.json").read_bytes()
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {
        "clay-toys.civitai.info", "clay-toys.metadata.json", "clay-toys.safetensors", "ink-wash.metadata.json",
        "ink-wash.safetensors",
    }  # fmt: skip
    assert "Windows enrich" in mark.read_text(encoding="utf-8")


def test_a_name_that_a_code_page_does_not_hold_is_shown_by_its_number(tmp_path: Path, windows: dict[str, str]) -> None:
    assert run_roster("demo", ".", environment=windows, cwd=tmp_path).returncode == 0
    (tmp_path / "ink-wash.safetensors").rename(tmp_path / "水墨.safetensors")
    done = run_roster("enrich", ".", environment={**windows, "PYTHONIOENCODING": "cp1252"}, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert r"\u6c34\u58a8" in done.stdout


def test_files_with_the_line_ends_of_windows_are_read_like_others(tmp_path: Path, windows: dict[str, str]) -> None:
    def told(*command: str) -> str:
        done = run_roster(*command, environment=windows, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    told("demo", ".")
    told("skills", "new", "word-count", "--kind", "pipeline", "--dir", "skills")
    (tmp_path / "agents.toml").write_bytes((REPOSITORY / "docs/examples/agents.toml").read_bytes())
    (tmp_path / "ink-wash.metadata.json").write_text('{\n"notes": "mine",\n"base_model": "Pony"\n}', encoding="utf-8")
    for path in [
        path for path in tmp_path.rglob("*") if path.suffix in {".toml", ".json", ".info", ".yaml", ".py", ".md"}
    ]:
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert "agents.toml: fine (2 agents, 0 backends)" in told("agents", "check")
    assert "fine (pipeline, 1 tool)" in told("skills", "check", "skills/word-count")
    told("enrich", ".")
    words = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in tmp_path.glob("*.metadata.json")}
    assert (words["ink-wash.metadata.json"]["notes"], words["ink-wash.metadata.json"]["base_model"]) == ("mine", "Pony")
    assert words["clay-toys.metadata.json"]["civitai"]["trainedWords"] == ["claytoy"]


def test_the_proxy_answers_and_its_worker_works_where_nothing_is_but_what_windows_has(
    windows_proxy: RosterProcess, folders: tuple[Path, Path], mark: Path
) -> None:
    with windows_proxy.http() as client:
        seen = events(client, begin(client, str(folders[1])))
    assert (folders[1] / "ink-wash.metadata.json").exists(), seen
    assert "#2a9d8f" in (
        windows_proxy.openai()
        .chat.completions.create(model="agno/demo-agent", messages=[{"role": "user", "content": "/palette teal"}])
        .choices[0]
        .message.content
        or ""
    )
    assert {"Windows serve", "Windows worker"} <= set(mark.read_text(encoding="utf-8").splitlines())


def test_a_path_of_windows_means_the_model_and_a_device_or_stream_means_nothing(
    windows_proxy: RosterProcess, folders: tuple[Path, Path]
) -> None:
    assert "1 in all" in ask(windows_proxy, r"/enrich first\flux\ink-wash.safetensors")
    for text in ("CON", "nul.safetensors", "flux/com1 .safetensors", "ink-wash.safetensors:other.safetensors"):
        with windows_proxy.http() as client:
            assert "not a file name" in str(events(client, begin(client, text))), text
    assert [path for folder in folders for path in folder.rglob("*") if ":" in path.name or ".tmp" in path.name] == []


def test_locks_hold_between_processes_where_there_is_no_fcntl(windows_proxy: RosterProcess, tmp_path: Path) -> None:
    data = ["--data-dir", str(windows_proxy.data_dir)]
    second = run_roster("serve", "--port", "0", *data, environment=windows_proxy.environment)
    assert second.returncode == 2
    assert "Another `roster serve` uses" in second.stderr
    # Commands share the folder with it; what replaces the databases does not.
    assert (
        run_roster("backup", str(tmp_path / "backup.zip"), *data, environment=windows_proxy.environment).returncode == 0
    )
    restored = run_roster("restore", str(tmp_path / "backup.zip"), *data, environment=windows_proxy.environment)
    assert restored.returncode == 2
    assert "`roster serve`" in restored.stderr


def test_a_backup_is_put_back_where_no_open_file_can_be_renamed(
    tmp_path: Path, windows: dict[str, str], windows_proxy: RosterProcess
) -> None:
    archive = tmp_path / "backup.zip"
    taken = run_roster(
        "backup", str(archive), "--data-dir", str(windows_proxy.data_dir), environment=windows_proxy.environment
    )
    assert taken.returncode == 0, taken.stderr
    restored = run_roster(
        "restore", str(archive), "--data-dir", str(tmp_path / "new"), environment=windows_proxy.environment
    )
    assert restored.returncode == 0, restored.stderr
    assert {path.name for path in (tmp_path / "new").iterdir()} >= {"roster.db", "credentials.db"}


def test_one_room_knows_what_differs_between_operating_systems() -> None:
    found: list[str] = []
    for path in SOURCE.rglob("*.py"):
        if path.parent.name == "operating_system":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: set[str] = set()
            match node:
                case ast.Import():
                    names = {alias.name.partition(".")[0] for alias in node.names} & NOT_ON_WINDOWS
                case ast.ImportFrom(module=str(module)):
                    names = ({module.partition(".")[0]} & NOT_ON_WINDOWS) | (
                        {alias.name for alias in node.names} & ATTRIBUTES
                    )
                case ast.Attribute(attr=attribute):
                    names = {attribute} & ATTRIBUTES
                case ast.keyword(arg=str(option)):
                    names = {option} & OPTIONS
                case _:
                    pass
            found += [f"{path.relative_to(SOURCE)}: {name}" for name in names]
    assert found == []
