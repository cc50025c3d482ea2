"""The command line: help, exit codes, keys and owners, and the commands that work the same whether the server runs or not.
Configuration is in test_configuration.py, refused starts of the server in test_start.py."""

import json
import re
import stat
import subprocess
from types import SimpleNamespace

import logins
import pytest
from harness import OWNER, Granary, base_config, moment, run_binary, toml
from logins import new_login
from problems import assert_problem
from standins import faults

COMMANDS = ["serve", "key", "key init", "owner", "owner add", "owner password", "demo", "sandbox", "providers", "breaker"]
COMMANDS += ["breaker close", "credentials", "history", "openapi", "config"]
PASSWORD = "words that are long enough"
STORE_COMMANDS = [["owner", "password", OWNER[0]], ["providers"], ["credentials"], ["breaker", "close", "valley"]]
STORE_COMMANDS += [["history", "00000000-0000-4000-8000-000000000000"]]


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help(command):
    done = run_binary(*command.split(), "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert command in done.stdout


def test_help_names_every_command():
    text = run_binary("--help").stdout
    for command in COMMANDS:
        assert command.split()[0] in text


def test_version():
    done = run_binary("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert "granary" in done.stdout.lower() and any(letter.isdigit() for letter in done.stdout)
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["nonsense"],
        ["--nonsense"],
        ["serve", "--nonsense"],
        ["serve", "nonsense"],
        ["serve", "--listen"],
        ["key"],
        ["key", "nonsense"],
        ["key", "init", "one", "two"],
        ["owner"],
        ["owner", "add"],
        ["owner", "add", "one@example.org", "two@example.org"],
        ["owner", "remove", "one@example.org"],
        ["owner", "password"],
        ["breaker"],
        ["breaker", "close"],
        ["breaker", "open", "valley"],
        ["openapi", "nonsense"],
        ["config", "--nonsense"],
        ["credentials", "--page"],
        ["credentials", "--watch", "now"],
        ["history"],
        ["history", "one", "two"],
        ["history", "--watch", "one"],
    ],
)
def test_wrong_usage_is_2(tmp_path, words):
    done = run_binary(*words)
    assert done.returncode == 2, done.stderr
    assert done.stderr.strip() and done.stdout == ""


def test_openapi_needs_neither_key_nor_data():
    done = run_binary("openapi")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith('{"openapi":"3.1.') and done.stdout.count("\n") == 1


def test_key_init(tmp_path):
    path = tmp_path / "root.key"
    done = run_binary("key", "init", "--root-key", f"file:{path}")
    assert (done.returncode, done.stderr) == (0, "")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    content = path.read_bytes()
    assert len(content) >= 32
    assert content.strip().decode("latin-1") not in done.stdout

    again = run_binary("key", "init", "--root-key", f"file:{path}")
    assert again.returncode == 1
    assert str(path) in again.stderr and len(again.stderr.splitlines()) == 1
    assert path.read_bytes() == content

    other = tmp_path / "other.key"
    assert run_binary("key", "init", "--root-key", f"file:{other}").returncode == 0
    assert other.read_bytes() != content


def test_key_init_makes_the_keys_folder(tmp_path):
    done = run_binary("key", "init", "--root-key", f"file:{tmp_path}/etc/root.key")
    assert (done.returncode, done.stderr) == (0, "")
    assert stat.S_IMODE((tmp_path / "etc").stat().st_mode) == 0o700
    done = run_binary("key", "init", "--root-key", f"file:{tmp_path}/one/two/root.key")
    assert done.returncode == 1 and not (tmp_path / "one").exists()
    subprocess.run(["sh", "-c", done.stderr.split("`")[1]], check=True)
    assert run_binary("key", "init", "--root-key", f"file:{tmp_path}/one/two/root.key").returncode == 0
    assert stat.S_IMODE((tmp_path / "one" / "two").stat().st_mode) == 0o700


@pytest.mark.parametrize("target", ["file:{}/nowhere/below/root.key", "file:{}", "env:SOMETHING", "root.key", "file:"])
def test_key_init_refuses(tmp_path, target):
    done = run_binary("key", "init", "--root-key", target.format(tmp_path))
    assert done.returncode in (1, 2)
    assert len(done.stderr.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_key_init_does_not_follow_a_dangling_link(tmp_path):
    link = tmp_path / "root.key"
    link.symlink_to(tmp_path / "elsewhere")
    assert run_binary("key", "init", "--root-key", f"file:{link}").returncode == 1
    assert not (tmp_path / "elsewhere").exists()


@pytest.fixture(scope="module", params=["running", "stopped"])
def server(request, providers, start_module_granary, tmp_path_factory):
    """A server that runs, or the folder of one that has stopped; the same commands work on both."""
    if request.param == "running":
        yield start_module_granary()
        return
    stopped = Granary(tmp_path_factory.mktemp("stopped"), base_config(providers)).prepare()
    stopped.config_file.write_text(toml(stopped.config))
    yield stopped


def owner_command(server, command, email, text):
    return server.cli("owner", command, email, *server.store, input=text)


def assert_sentence(done, *words):
    assert done.returncode == 1, (done.returncode, done.stderr)
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "\n" not in done.stdout.strip()
    for word in words:
        assert word in done.stderr


@pytest.mark.parametrize(
    ("number", "password"),
    enumerate(["x" * 15, "x" * 128, "é" * 15, "\U0001f33e" * 128, "blanks and 'quotes\" $HOME \\", " blanks at both ends "]),
)
def test_owner_add(server, number, password):
    email = f"owner-{number}@example.org"
    done = owner_command(server, "add", email, password + "\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert password not in done.stdout
    assert_sentence(owner_command(server, "add", email, PASSWORD + "\n"), email)
    if server.process is not None:
        assert server.log_in(email, password)
        answer = server.request("POST", "/api/authenticate", json={"username": email, "password": PASSWORD}, token=None)
        assert_problem(answer, 401, "unauthorized")


def test_one_line_is_read_with_or_without_its_end(server):
    for number, text in enumerate([PASSWORD, PASSWORD + "\n", PASSWORD + "\nand another line\n"]):
        assert owner_command(server, "add", f"line-{number}@example.org", text).returncode == 0
        if server.process is not None:
            assert server.log_in(f"line-{number}@example.org", PASSWORD)


@pytest.mark.parametrize("password", ["", "x", "x" * 14, "é" * 14, "x" * 129, "\U0001f33e" * 129, "x" * 100000], ids=len)
def test_owner_add_refuses_a_password(server, password):
    email = "refused@example.org"
    for end in ("", "\n"):
        for command, name in (("add", email), ("password", OWNER[0])):
            done = owner_command(server, command, name, password + end)
            assert_sentence(done, "15", "128")
            assert len(password) < 14 or password not in done.stderr
    assert_sentence(owner_command(server, "password", email, PASSWORD + "\n"), email)


def test_owner_password(server):
    email = "changes@example.org"
    assert owner_command(server, "add", email, PASSWORD + "\n").returncode == 0
    token = server.log_in(email, PASSWORD) if server.process is not None else None
    done = owner_command(server, "password", email, "quite other words\n")
    assert (done.returncode, done.stderr) == (0, "")
    if token is not None:
        answer = server.request("POST", "/api/authenticate", json={"username": email, "password": PASSWORD}, token=None)
        assert_problem(answer, 401, "unauthorized")
        assert server.log_in(email, "quite other words")


def test_commands_refuse_a_wrong_key(server, tmp_path):
    other = tmp_path / "other.key"
    assert run_binary("key", "init", "--root-key", f"file:{other}").returncode == 0
    wrong = ["--data", server.data, "--root-key", f"file:{other}"]
    none = ["--data", server.data]
    missing = ["--data", server.data, "--root-key", "file:/nowhere/root.key"]
    for words in (["owner", "add", "new@example.org"], *STORE_COMMANDS):
        for store in (wrong, none, missing):
            assert_sentence(server.cli(*words, *store, input=PASSWORD + "\n"), "key")
    assert owner_command(server, "add", "new@example.org", PASSWORD + "\n").returncode == 0


def test_commands_make_no_data_folder(tmp_path):
    key = tmp_path / "root.key"
    assert run_binary("key", "init", "--root-key", f"file:{key}").returncode == 0
    store = ["--data", tmp_path / "nowhere", "--root-key", f"file:{key}"]
    for words in STORE_COMMANDS:
        assert_sentence(run_binary(*words, *store, input=PASSWORD + "\n"), "nowhere")
    assert not (tmp_path / "nowhere").exists()


def command(server, *words):
    return server.cli(*words, *server.store, "--config", server.config_file)


def providers_table(server):
    """What `granary providers` prints: (provider, environment) -> {title: value}."""
    done = command(server, "providers")
    assert (done.returncode, done.stderr) == (0, "")
    titles, *rows = [re.split(" {2,}", line.rstrip()) for line in done.stdout.splitlines()]
    assert all(len(row) == len(titles) for row in rows)
    return {(row[0], row[1]): dict(zip(titles, row)) for row in rows}


def test_providers(server):
    done = command(server, "providers")
    assert (done.returncode, done.stderr) == (0, "")
    for name in ("valley", "agvance", "sentera", "ag-leader"):
        assert name in done.stdout


@pytest.mark.parametrize("provider", ["valley", "agvance", "sentera", "ag-leader"])
def test_breaker_close(server, provider):
    done = command(server, "breaker", "close", provider)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("provider", ["nobody", "valley-credentials", "Valley", ""])
def test_breaker_close_of_no_provider(server, provider):
    assert_sentence(command(server, "breaker", "close", provider), provider)


@pytest.mark.parametrize("words", [["--status", "INVALID"], ["--status", "ok"], ["--provider", "nobody"]])
def test_credentials_of_nothing_known(server, words):
    done = command(server, "credentials", *words)
    assert done.returncode in (1, 2) and done.stderr.strip() and done.stdout == ""


@pytest.fixture(scope="module", params=["running", "stopped"])
def farm(request, providers, start_module_granary):
    """Three credentials, by their users' ids, on a server that runs or has stopped."""
    server = start_module_granary()
    right = server.connect(new_login(providers, "sentera-credentials"))
    wrong = new_login(providers, "valley-credentials")
    refused = server.credential(wrong.slug)
    assert refused.post({**wrong.body, "password": "a wrong password"}).json()["status"] == "UNAUTHENTICATED"
    other = server.connect(new_login(providers, "valley-credentials"))
    made = SimpleNamespace(right=right.user_id, refused=refused.user_id, other=other.user_id)
    if request.param == "stopped":
        assert server.stop()[0] == 0
    made.server = server
    made.secrets = [value for value in wrong.body.values() if value != wrong.body["username"]]
    return made


@pytest.mark.parametrize(
    ("words", "listed"),
    [
        ([], ["right", "refused", "other"]),
        (["--status", "OK"], ["right", "other"]),
        (["--status", "UNAUTHENTICATED"], ["refused"]),
        (["--status", "MISSING_PERMISSION"], []),
        (["--provider", "valley"], ["refused", "other"]),
        (["--provider", "valley", "--status", "OK"], ["other"]),
        (["--provider", "ag-leader"], []),
    ],
)
def test_credentials_as_a_table(farm, words, listed):
    done = command(farm.server, "credentials", *words)
    assert (done.returncode, done.stderr) == (0, "")
    for name in ("right", "refused", "other"):
        assert (getattr(farm, name) in done.stdout) == (name in listed)
    for secret in farm.secrets:
        assert secret not in done.stdout
    if "refused" in listed:
        line = next(line for line in done.stdout.splitlines() if farm.refused in line)
        assert "UNAUTHENTICATED" in line and "valley" in line


def test_credentials_say_whom_to_call(granary, providers):
    login = logins.valley(providers)
    login.refuse()
    user = granary.new_user(name="Ada \x1b[2J\u009b\u202e\u2066 Okoro", email="ada@example.org", phone="+1 555 0100")
    granary.credential(login.slug, user).post(login.body)
    done = command(granary, "credentials", "--status", "UNAUTHENTICATED")
    line = next(line for line in done.stdout.splitlines() if user in line)
    assert "Ada  [2J    Okoro" in line and "ada@example.org" in line and "+1 555 0100" in line
    assert "valley" in line and "refused" in line


def test_providers_tell_the_last_success_over_a_restart(start_granary, providers):
    server = start_granary()

    def last_success(provider):
        return providers_table(server)[provider, "-"]["LAST SUCCESS"]

    login = logins.valley(providers)
    credential = server.connect(login)
    assert last_success("valley") == "-", "a POST is no check"
    before = credential.checked()["lastCheckedTime"]
    told = last_success("valley")
    assert told.endswith("Z") and abs(moment(told) - moment(before)) < 1
    assert server.stop()[0] == 0
    server.start()
    assert last_success("valley") == told and last_success("sentera") == "-"
    login.refuse()
    credential.checked()
    assert last_success("valley") == told


def test_providers_show_an_open_breaker(start_granary, providers):
    server = start_granary(breaker={"minimum": 3})
    given = [logins.valley(providers) for _ in range(3)]
    credentials = [server.connect(login) for login in given]

    def breaker():
        return {provider: row["BREAKER"] for (provider, _), row in providers_table(server).items()}

    assert set(breaker().values()) == {"closed"}
    for login, credential in zip(given, credentials):
        login.refuse()
        credential.checked()
    assert breaker()["valley"] == "open" and breaker()["sentera"] == "closed"


STATUSES = ["OK", "UNAUTHENTICATED", "MISSING_PERMISSION", "TEMPORARILY_UNAVAILABLE"]
FIRST_ANSWERS = dict(zip(STATUSES, [None, faults.refuse(), faults.answer(403), faults.answer(500)]))


def assert_row(row, configured, breaker, counts, last_success):
    counted = dict(zip(STATUSES, map(str, counts)))
    expected = {"CONFIGURED": configured, "BREAKER": breaker, "FUSE": "intact", **counted, "LAST SUCCESS": last_success}
    assert {title: value for title, value in row.items() if title not in ("PROVIDER", "ENVIRONMENT")} == expected


def test_providers_column_by_column(start_granary, providers):
    """No two columns of Valley's hold the same. Sentera's breaker opens for refusals that are not confirmed."""
    server = start_granary(breaker={"minimum": 3})
    valley = []
    for count, (status, fault) in enumerate(FIRST_ANSWERS.items(), 1):
        for _ in range(count):
            login = logins.valley(providers)
            if fault:
                login.fail(fault)
            valley.append(server.credential(login.slug))
            assert valley[-1].post(login.body).json()["status"] == status
    checked = moment(valley[0].checked()["lastCheckedTime"])
    given = [logins.sentera(providers) for _ in range(3)]
    for login, credential in [(login, server.connect(login)) for login in given]:
        login.refuse()
        assert credential.checked()["reason"] == "refused_once"

    table = providers_table(server)
    last_success = table["valley", "-"]["LAST SUCCESS"]
    assert last_success.endswith("Z") and abs(moment(last_success) - checked) < 1
    assert_row(table["valley", "-"], "true", "closed", [1, 2, 3, 4], last_success)
    assert_row(table["sentera", "-"], "true", "open", [3, 0, 0, 0], "-")
    assert_row(table["ag-leader", "-"], "true", "closed", [0, 0, 0, 0], "-")
    assert_row(table["agvance", "STAGE"], "true", "closed", [0, 0, 0, 0], "-")
    assert_row(table["agvance", "PRODUCTION"], "false", "closed", [0, 0, 0, 0], "-")
    assert len(table) == 5
    assert server.stop()[0] == 0
    assert providers_table(server) == table, "from the folder as from the server"


def test_providers_count_each_environment_by_itself(start_granary, providers):
    server = start_granary()
    server.connect(logins.agvance(providers))
    table = providers_table(server)
    assert_row(table["agvance", "STAGE"], "true", "closed", [1, 0, 0, 0], "-")
    assert_row(table["agvance", "PRODUCTION"], "false", "closed", [0, 0, 0, 0], "-")
    other = logins.agvance(providers, clientEnvironment="PRODUCTION")
    assert server.credential(other.slug).post(other.body).json()["status"] == "TEMPORARILY_UNAVAILABLE"
    table = providers_table(server)
    assert_row(table["agvance", "STAGE"], "true", "closed", [1, 0, 0, 0], "-")
    assert_row(table["agvance", "PRODUCTION"], "false", "closed", [0, 0, 0, 1], "-")


def test_the_socket_is_for_its_owner_alone(granary):
    sockets = [path for path in granary.data.iterdir() if stat.S_ISSOCK(path.stat().st_mode)]
    assert [stat.S_IMODE(path.stat().st_mode) for path in sockets] == [0o600]


def test_a_data_folder_with_a_long_path(providers, tmp_path):
    folder = tmp_path / ("long-" * 20) / ("path-" * 20)
    folder.mkdir(parents=True)
    server = Granary(folder, base_config(providers)).prepare()
    try:
        server.start()
        server.add_owner("second@example.org", PASSWORD)
        assert server.log_in("second@example.org", PASSWORD)
        assert server.stop()[0] == 0
    finally:
        server.kill()


def test_the_log_is_one_json_object_a_line(granary):
    for line in granary.log.splitlines():
        assert isinstance(json.loads(line), dict)
    assert PASSWORD not in granary.log and OWNER[1] not in granary.log
