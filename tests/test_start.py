"""`roster serve` from the first second to the last."""

import signal
import socket
import stat
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

import click
import httpx
import pytest
from cryptography.fernet import Fernet

from agentroster.cli import cli
from agentroster.gateway.config.proxy_config import build_config
from tests.support.roster_process import ROSTER, RosterProcess, clean_environment, run_roster

STARTING = ("roster is starting", "chat completions with agents")
GOOD_MASTER = "sk-good-0123456789abcdef"
GOOD_KEY = Fernet.generate_key().decode()


def refused(tmp_path: Path, *arguments: str, **environment: str) -> str:
    """Start with these settings, expect one clear line and exit status 2, and return the line."""
    given = {"LITELLM_MASTER_KEY": GOOD_MASTER, "ROSTER_ENCRYPTION_KEY": GOOD_KEY, **environment}
    given = {name: value for name, value in given.items() if value != "UNSET"}
    done = run_roster(
        "serve", "--port", "0", "--data-dir", str(tmp_path / "d"), *arguments, environment=given, cwd=tmp_path
    )
    assert done.returncode == 2, done.stderr + done.stdout
    # What is refused while LiteLLM is imported comes after these.
    assert all(line.startswith(STARTING) for line in done.stdout.splitlines()), done.stdout
    assert done.stderr.count("\n") == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_first_start_makes_secrets_and_later_starts_use_them(tmp_path: Path) -> None:
    proxy = RosterProcess(tmp_path)
    annas = proxy.cli("keys", "create", "--init", "--user", "anna").strip()
    proxy.start()
    secrets = proxy.data_dir / "secrets.env"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    assert f"made {secrets}" in proxy.log
    values = dict(line.split("=", 1) for line in secrets.read_text(encoding="utf-8").splitlines())
    assert set(values) == {"LITELLM_MASTER_KEY", "ROSTER_ENCRYPTION_KEY"}
    for key in (values["LITELLM_MASTER_KEY"], annas):
        with proxy.http(key) as client:
            assert client.get("/v1/models").status_code == 200
    assert values["LITELLM_MASTER_KEY"] not in proxy.log
    assert proxy.stop(signal.SIGINT) == 0
    assert "Traceback" not in proxy.log
    again = RosterProcess(tmp_path).start()
    with again.http(values["LITELLM_MASTER_KEY"]) as client:
        assert client.get("/v1/models").status_code == 200
    assert again.stop() == 0
    assert secrets.read_text(encoding="utf-8").count("\n") == 2
    assert again.log.count("made ") == 1


def test_ready_is_said_only_when_requests_are_answered(proxy: RosterProcess) -> None:
    assert proxy.log.count("roster is ready at http://127.0.0.1:") == 1
    assert proxy.log.startswith("roster is ready") or "\nroster is ready" in proxy.log


def test_a_run_in_progress_does_not_hold_up_the_end(tmp_path: Path, base_environment: dict[str, str]) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    base = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    environment = {**base_environment, "LLM_MODEL": "silent", "LLM_API_BASE": base, "ROSTER_GRACE_SECONDS": "1"}
    proxy = RosterProcess(tmp_path, environment).start()
    body = {"model": "agno/demo-agent", "messages": [{"role": "user", "content": "hi"}]}
    with proxy.http() as client, socket.create_connection(("127.0.0.1", int(proxy.url.rsplit(":", 1)[1]))) as waiting:
        request = client.build_request("POST", "/v1/chat/completions", json=body)
        head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        waiting.sendall(f"POST /v1/chat/completions HTTP/1.1\r\n{head}\r\n".encode() + request.content)
        with listener, ExitStack() as connections:
            # The first to come is the start, which asks whether the model's server is there.
            while not connections.enter_context(listener.accept()[0]).recv(10).startswith(b"POST"):
                pass
            started = time.monotonic()
            assert proxy.stop(signal.SIGINT) == 0
            assert time.monotonic() - started < 10
    assert "Traceback" not in proxy.log


@pytest.mark.parametrize(
    ("environment", "hint"),
    [
        ({"LITELLM_MASTER_KEY": ""}, "LITELLM_MASTER_KEY is set but empty"),
        ({"LITELLM_MASTER_KEY": "sk-1234"}, "publicly known"),
        ({"LITELLM_MASTER_KEY": "SK-1234"}, "publicly known"),
        ({"LITELLM_MASTER_KEY": "short"}, "shorter"),
        ({"LITELLM_MASTER_KEY": "sk-change-me-please-0123"}, "publicly known"),
        ({"ROSTER_ENCRYPTION_KEY": ""}, "ROSTER_ENCRYPTION_KEY is set but empty"),
        ({"ROSTER_ENCRYPTION_KEY": "not-a-key"}, "key 1 of 1"),
        ({"ROSTER_ENCRYPTION_KEY": f"{GOOD_KEY},{GOOD_KEY[:-1]}"}, "key 2 of 2"),
        ({"ROSTER_ENCRYPTION_KEY": f"{GOOD_KEY},{GOOD_KEY}"}, "same key twice"),
        ({"ROSTER_ENCRYPTION_KEY": GOOD_KEY.replace(GOOD_KEY[3], "/")}, "malformed"),
        ({"ROSTER_OPENWEBUI_KEY": "owui-key-7f"}, "ROSTER_OPENWEBUI_KEY"),
        ({"ROSTER_OPENWEBUI_KEY": "your-openwebui-key"}, "ROSTER_OPENWEBUI_KEY"),
        ({"ROSTER_OPENWEBUI_JWT_SECRET": "too-short"}, "ROSTER_OPENWEBUI_JWT_SECRET"),
        ({"ROSTER_REQUIRE_SECRETS": "1", "LITELLM_MASTER_KEY": "UNSET"}, "LITELLM_MASTER_KEY is missing"),
        (
            {"ROSTER_REQUIRE_SECRETS": "1", "LITELLM_MASTER_KEY": "UNSET", "ROSTER_ENCRYPTION_KEY": "UNSET"},
            "LITELLM_MASTER_KEY and ROSTER_ENCRYPTION_KEY are missing",
        ),
        ({"LITELLM_MASTER_KEY": "UNSET", "LITELLM_MASTER_KEY_FILE": "/nowhere/at/all"}, "LITELLM_MASTER_KEY_FILE"),
        ({"LLM_PROVIDER": "openai", "LLM_MODEL": "gpt"}, "LLM_API_KEY"),
        ({"LLM_PROVIDER": "ollama"}, "LLM_MODEL"),
        ({"LLM_PROVIDER": "gemini"}, "GEMINI_API_KEY"),
        ({"LLM_PROVIDER": "anthropic", "ANTHROPIC_API_KEY": "sk-ant-0123456789"}, "LLM_MODEL"),
        ({"LLM_PROVIDER": "custom", "LLM_MODEL": "x"}, "LLM_API_BASE"),
        ({"LLM_PROVIDER": "magic"}, "LLM_PROVIDER"),
        ({"LLM_PROVIDER": "proxy", "LLM_MODEL": "agno/demo-agent"}, "agent"),
        ({"ROSTER_PORT": "99999"}, "ROSTER_PORT"),
        ({"ROSTER_CONFIG": "/nowhere/proxy.yaml"}, "/nowhere/proxy.yaml"),
        ({"HF_ENDPOINT": "ftp://hub"}, "HF_ENDPOINT"),
        ({"HF_ENDPOINT": "http://"}, "HF_ENDPOINT"),
        ({"LITELLM_MASTER_KEY": "sk-mit-ümlaut-abcdefgh"}, "no HTTP header can carry"),
        ({"LLM_PROVIDER": "proxy", "LLM_MODEL": "proxy/agno/demo-agent"}, "agent"),
    ],
)
def test_an_unsafe_or_wrong_setting_refuses_to_start_with_one_line(
    tmp_path: Path, environment: dict[str, str], hint: str
) -> None:
    arguments = () if "ROSTER_PORT" not in environment else ("--host", "127.0.0.1")
    if "ROSTER_PORT" in environment:
        done = run_roster("serve", environment={**environment, "ROSTER_DATA_DIR": str(tmp_path / "d")}, cwd=tmp_path)
        assert done.returncode == 2
        assert hint in done.stderr
        return
    line = refused(tmp_path, *arguments, **environment)
    assert hint in line
    for value in environment.values():
        if len(value) > 20:
            assert value not in line or value.startswith("/"), "a secret is never printed"


def test_no_secrets_are_made_where_they_are_required(tmp_path: Path) -> None:
    refused(tmp_path, ROSTER_REQUIRE_SECRETS="1", LITELLM_MASTER_KEY="UNSET")
    assert not (tmp_path / "d" / "secrets.env").exists()


def test_lost_secrets_are_not_replaced_by_new_ones(tmp_path: Path) -> None:
    data = tmp_path / "d"
    data.mkdir()
    (data / "credentials.db").touch()
    line = refused(tmp_path, LITELLM_MASTER_KEY="UNSET", ROSTER_ENCRYPTION_KEY="UNSET")
    assert "restore" in line


def test_a_library_that_is_missing_or_empty_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    environment = {"ROSTER_LIBRARY": f"{tmp_path / 'empty'}:{tmp_path / 'typo'}"}
    proxy = RosterProcess(tmp_path / "p", environment).start()
    proxy.wait_for("no language model is configured")
    proxy.stop()
    assert f"ROSTER_LIBRARY names {tmp_path / 'typo'}, which is no folder" in proxy.log
    assert f"The library {tmp_path / 'empty'} holds no model file yet" in proxy.log
    assert f"`roster demo {tmp_path / 'empty'}`" in proxy.log
    assert not (tmp_path / "typo").exists()


def test_a_second_proxy_on_one_sqlite_folder_says_so_and_ends_and_the_first_goes_on(tmp_path: Path) -> None:
    data = tmp_path / "data"
    first = RosterProcess(tmp_path / "first", {}, ["--data-dir", str(data)]).start()
    try:
        second = run_roster("serve", "--port", "0", "--data-dir", str(data), environment={})
        assert (second.returncode, second.stderr.count("\n")) == (2, 1), second.stderr
        assert f"Another `roster serve` uses {data}: stop it first" in second.stderr
        assert httpx.get(f"{first.url}/health/readiness", trust_env=False).json()["status"] == "ready"
    finally:
        first.stop()


def test_a_port_in_use_refuses_to_start(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        line = refused(tmp_path, "--port", str(taken.getsockname()[1]))
    assert "in use" in line
    assert "--port" in line


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("model_list: [", "not valid YAML"),
        ("- a list", "not a mapping"),
        ("model_list: {}\nrouter_settings: [1]", "router_settings"),
    ],
)
def test_a_broken_proxy_config_refuses_to_start(tmp_path: Path, text: str, hint: str) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text(text, encoding="utf-8")
    assert hint in refused(tmp_path, "--config", str(config))


def test_a_database_of_a_newer_version_refuses_to_start(tmp_path: Path) -> None:
    import sqlite3  # noqa: PLC0415

    (tmp_path / "d").mkdir()
    connection = sqlite3.connect(tmp_path / "d" / "roster.db")
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    assert "newer" in refused(tmp_path)


def test_a_file_that_is_no_database_refuses_to_start(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "roster.db").write_bytes(b"this is not sqlite" * 100)
    assert "damaged: restore it from a backup" in refused(tmp_path)


# --- where it stands


ODD = "odd ?mode=memory&x=%41#ü 'quoted'\n~"


def private_files(folder: Path) -> set[str]:
    files = [file for file in folder.iterdir() if not file.name.endswith(("-wal", "-shm"))]
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files), files
    return {file.name for file in files}


def test_a_folder_of_any_name_and_a_time_zone_without_one_hold_up_no_start(tmp_path: Path) -> None:
    data = tmp_path / ODD
    environment = {"TZ": "EST5EDT4,M3.2.0,M11.1.0", "LC_ALL": "xx_YY.KOI8-R"}
    proxy = RosterProcess(tmp_path / "p", environment, ["--data-dir", str(data)]).start()
    try:
        made = run_roster("--data-dir", str(data), "keys", "create", "--user", "anna", environment={})
        assert made.returncode == 0, made.stderr
        with proxy.http(made.stdout.strip()) as client:
            assert client.get("/v1/models").status_code == 200
    finally:
        assert proxy.stop() == 0
    assert private_files(data) == {
        "roster.db",
        "credentials.db",
        "secrets.env",
        "litellm_config.yaml",
        "in-use.lock",
        "in-use.serve.lock",
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([ODD, "p"])
    assert "UTC is used" in proxy.log
    assert "Traceback" not in proxy.log


@pytest.mark.parametrize("name", ["a?b", "a%20b", "a#b", "a b", "\udcff", "zeile\n2", "x" * 200])
def test_keys_are_where_the_folder_says(name: str, tmp_path: Path) -> None:
    data = tmp_path / name
    made = run_roster("keys", "create", "--init", "--user", "anna", environment={"ROSTER_DATA_DIR": str(data)})
    assert made.returncode == 0, made.stderr
    assert private_files(data) == {"roster.db", "in-use.lock"}
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("words", [("create", "--user", "anna"), ("list",), ("revoke", "0123456789ab")])
def test_a_command_about_keys_makes_nothing_where_no_proxy_has_run(words: tuple[str, ...], tmp_path: Path) -> None:
    said = run_roster("keys", *words, environment={}, cwd=tmp_path)
    assert (said.returncode, said.stdout, said.stderr.count("\n")) == (2, "", 1)
    assert "There is no deployment in data" in said.stderr
    assert "roster serve" in said.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_home_directory_and_a_relative_folder_are_found(tmp_path: Path) -> None:
    for given, expected in (("~/data", tmp_path / "data"), ("beside/it", tmp_path / "beside" / "it")):
        environment = {"ROSTER_DATA_DIR": given, "HOME": str(tmp_path)}
        made = run_roster("keys", "create", "--init", "--user", "a", environment=environment, cwd=tmp_path)
        assert made.returncode == 0, made.stderr
        assert private_files(expected) == {"roster.db", "in-use.lock"}
    nobody = run_roster("keys", "list", environment={"ROSTER_DATA_DIR": "~no-such-user/x"}, cwd=tmp_path)
    assert (nobody.returncode, nobody.stderr.count("\n")) == (2, 1)
    assert "home directory" in nobody.stderr


def test_a_path_that_is_too_long_or_no_folder_is_said_to_be_so(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 200) / ("y" * 200) / ("z" * 200)
    (tmp_path / "file").touch()
    for data, words in ((long, "at most 512 bytes"), (Path("/" + "x" * 300), "too long"), (tmp_path / "file", "File")):
        said = run_roster("keys", "create", "--init", "--user", "anna", environment={"ROSTER_DATA_DIR": str(data)})
        assert (said.returncode, said.stderr.count("\n")) == (2, 1), said.stderr
        assert words in said.stderr
        assert "backup" not in said.stderr
    assert "is no folder" in refused(tmp_path, "--data-dir", str(tmp_path / "file"))


@pytest.mark.parametrize(
    ("environment", "hint"),
    [
        ({"ALL_PROXY": "socks5://127.0.0.1:1"}, "ALL_PROXY names a SOCKS proxy"),
        ({"https_proxy": "nonsense://127.0.0.1"}, "https_proxy is no address of a proxy"),
        ({"SSL_CERT_FILE": "/nowhere/ca.pem"}, "SSL_CERT_FILE"),
        ({"MAX_STRING_LENGTH_PROMPT_IN_DB": "many"}, "check the variables of the environment"),
    ],
)
def test_a_variable_that_libraries_stumble_over_refuses_to_start_with_one_line(
    environment: dict[str, str], hint: str, tmp_path: Path
) -> None:
    assert hint in refused(tmp_path, **environment)


def test_a_command_works_with_its_streams_closed_and_with_a_reader_that_left(tmp_path: Path) -> None:
    environment = clean_environment(ROSTER_DATA_DIR=str(tmp_path / "d"))
    for streams, status in (("<&- >&- 2>&-", 0), (">/dev/full", 2)):
        shell = ["sh", "-c", f"exec {ROSTER} keys create --init --user anna {streams}"]
        done = subprocess.run(shell, env=environment, capture_output=True, check=False, timeout=90)
        assert done.returncode == status, done.stderr
        assert b"Traceback" not in done.stderr
    assert run_roster("keys", "list", environment={"ROSTER_DATA_DIR": str(tmp_path / "d")}).stdout.count("anna") == 2
    left = subprocess.run(
        ["sh", "-c", f"{ROSTER} keys list | true"], env=environment, capture_output=True, check=False, timeout=90
    )
    assert left.stderr == b""


def test_every_command_takes_the_folder_before_or_after_its_name(tmp_path: Path) -> None:
    def lacking(command: click.Command | None) -> list[str]:
        assert command is not None
        takes = any("--data-dir" in one.opts for one in command.params)
        group, context = command if isinstance(command, click.Group) else click.Group(), click.Context(command)
        below = [group.get_command(context, name) for name in group.list_commands(context)]
        return [*([] if takes else [command.name or ""]), *(name for one in below for name in lacking(one))]

    assert lacking(cli) == []
    data = str(tmp_path / "d")
    made = run_roster("--data-dir", data, "keys", "create", "--init", "--user", "anna", environment={})
    assert made.returncode == 0, made.stderr
    for arguments in (("keys", "--data-dir", data, "list"), ("keys", "list", "--data-dir", data)):
        assert "anna" in run_roster(*arguments, environment={}, cwd=tmp_path).stdout
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


def test_secrets_can_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "master").write_text(f"{GOOD_MASTER}\n", encoding="utf-8")
    (tmp_path / "ring").write_text(f"{GOOD_KEY}\n", encoding="utf-8")
    environment = {
        "LITELLM_MASTER_KEY_FILE": str(tmp_path / "master"),
        "ROSTER_ENCRYPTION_KEY_FILE": str(tmp_path / "ring"),
    }
    proxy = RosterProcess(tmp_path, {**environment, "ROSTER_REQUIRE_SECRETS": "1"}).start()
    try:
        with proxy.http(GOOD_MASTER) as client:
            assert client.get("/v1/models").status_code == 200
        assert not (proxy.data_dir / "secrets.env").exists()
    finally:
        proxy.stop()


def test_settings_that_compose_leaves_empty_are_unset_and_callbacks_beside_the_config_load(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "my_callback.py").write_text(
        "from litellm.integrations.custom_logger import CustomLogger\nhandler = CustomLogger()\n", encoding="utf-8"
    )
    config = tmp_path / "conf" / "proxy_config.yaml"
    config.write_text("litellm_settings: {callbacks: my_callback.handler}\n", encoding="utf-8")
    blank = ("ROSTER_MAX_REQUEST_MB", "ROSTER_REQUIRE_SECRETS", "HF_ENDPOINT", "ROSTER_LIBRARY", "LLM_API_KEY")
    proxy = RosterProcess(tmp_path, dict.fromkeys(blank, ""), ["--config", str(config)]).start()
    assert proxy.stop() == 0


def test_no_fallback_of_the_operator_leads_from_or_to_an_agent() -> None:
    plain = {"mine": ["other"]}
    user = {
        "litellm_settings": {
            "fallbacks": [{"agno/demo-agent": ["mine"]}, plain],
            "default_fallbacks": ["agno/x", "mine"],
        },
        "router_settings": {"fallbacks": [{"mine": ["agno/demo-agent"]}]},
    }
    built = build_config(user, [])
    assert built["litellm_settings"]["fallbacks"] == [{"mine": ["other"]}]
    assert built["litellm_settings"]["default_fallbacks"] == ["mine"]
    assert built["router_settings"]["fallbacks"] == []


# Python's audit events do not see what uvloop does in C, so this process uses asyncio's own loop.
AUDIT = """
import asyncio, sys, types
loop_module = types.ModuleType("uvloop")
loop_module.new_event_loop = asyncio.new_event_loop
sys.modules["uvloop"] = loop_module
def hook(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        host = arguments[0] if event == "socket.getaddrinfo" else arguments[1][0]
        host = host.decode() if isinstance(host, bytes) else host
        if str(host) not in ("127.0.0.1", "::1", "localhost", "None", ""):
            sys.stderr.write(f"OUTBOUND {event} {host}\\n")
            raise ConnectionRefusedError("no network in this test")
sys.addaudithook(hook)
"""


def test_nothing_is_called_outside_at_start_or_for_an_answer(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(AUDIT, encoding="utf-8")
    secrets = {"LITELLM_MASTER_KEY": GOOD_MASTER, "ROSTER_ENCRYPTION_KEY": GOOD_KEY}
    proxy = RosterProcess(tmp_path / "p", {**secrets, "PYTHONPATH": str(tmp_path)}).start()
    try:
        body = {"model": "agno/demo-agent", "messages": [{"role": "user", "content": "hello"}]}
        with proxy.http() as client:
            assert client.post("/v1/chat/completions", json=body).status_code == 200
            url = {"role": "user", "content": "https://huggingface.co/a/b"}
            client.post("/v1/chat/completions", json={"model": "agno/enrich-metadata", "messages": [url]})
    finally:
        proxy.stop()
    outbound = [line for line in proxy.log.splitlines() if line.startswith("OUTBOUND")]
    # The last request proves that the hook sees what goes out.
    assert outbound
    assert {line.split()[2] for line in outbound} == {"huggingface.co"}


def test_plain_litellm_with_the_shipped_config_serves_the_built_in_agents(tmp_path: Path) -> None:
    repository = Path(__file__).parent.parent
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [
        ROSTER.replace("/roster", "/litellm"),
        "--config",
        str(repository / "proxy_config.yaml"),
        "--port",
        str(port),
    ]
    environment = clean_environment(
        LITELLM_MASTER_KEY=GOOD_MASTER,
        ROSTER_ENCRYPTION_KEY=GOOD_KEY,
        ROSTER_DATA_DIR=str(tmp_path / "d"),
        LITELLM_LOCAL_MODEL_COST_MAP="True",
    )
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=tmp_path) as process,
    ):
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(f"{url}/health/liveliness", process)
            headers = {"authorization": f"Bearer {GOOD_MASTER}"}
            with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=60) as client:
                assert {row["id"] for row in client.get("/v1/models").json()["data"]} >= {
                    "agno/demo-agent",
                    "agno/enrich-metadata",
                }
                body = {
                    "model": "agno/demo-agent",
                    "messages": [{"role": "user", "content": "/help"}],
                    "num_retries": 2,
                }
                answer = client.post("/v1/chat/completions", json=body).json()
                assert "/palette" in answer["choices"][0]["message"]["content"]
                assert client.post("/v1/chat/completions", json={**body, "model": "agno/nobody"}).status_code == 404
                assert client.get("/v1/models", headers={"authorization": "Bearer no"}).status_code == 401
        finally:
            process.terminate()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        assert process.poll() is None
        try:
            if httpx.get(url, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"{url} does not answer")
