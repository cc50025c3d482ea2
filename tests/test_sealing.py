"""Nothing secret is readable where it is stored or told: database, WAL, every other file, logs, errors, command line. And
without the right root key nothing starts. How a key file must be kept is in test_start.py."""

import hashlib
import shutil

import logins
import pytest
from harness import OWNER, Granary, base_config, run_binary
from logins import SLUGS, new_login
from secret_forms import canary, traces_in
from standins import faults

SECRET_FIELDS = {
    "valley-credentials": ["password"],
    "agvance-credentials": ["password", "apiKey"],
    "sentera-credentials": ["password"],
    "ag-leader-credentials": ["refreshToken", "privateKey"],
}


def marked_login(providers, slug):
    """A login whose every secret is a canary; Basic authentication takes no special characters in its stride."""
    specials = "-" if slug == "ag-leader-credentials" else "\"'<&/é"
    changes = {name: canary(specials) for name in SECRET_FIELDS[slug]}
    if slug == "valley-credentials":
        changes["key"] = canary('"&<+')
    login = new_login(providers, slug, **changes)
    return login, list(changes.values())


def live(server, providers):
    """A life of four credentials: connected, checked, refused, broken, reconnected, unlinked; returns their secrets."""
    known = []
    for slug in SLUGS:
        login, marks = marked_login(providers, slug)
        credential = server.connect(login)
        again, more = marked_login(providers, slug)
        credential.post(again.body)
        login.fail(faults.answer(500, f"you sent {marks[0]}"), times=1)
        credential.checked()
        assert credential.put({**again.body, "username": 5, "publicKey": 5}).status_code == 400
        again.refuse(times=1)
        assert credential.put(again.body).status_code == 422
        again.fail(faults.cut(200, marks[-1].encode()), times=1)
        assert credential.put(again.body).status_code == 503
        assert credential.put(again.body).status_code == 200
        third, most = marked_login(providers, slug)
        refused = server.credential(slug)
        third.refuse(times=1)
        refused.post(third.body)
        refused.unlink()
        known += marks + more + most
        known += made_by_provider(login) + made_by_provider(again)
    return known


def made_by_provider(login):
    record = login.record
    tokens = [*getattr(record, "tokens", []), *getattr(record, "sessions", []), *getattr(record, "access_tokens", [])]
    return [token.rpartition(".")[2] for token in tokens] + [*getattr(record, "spent", [])]


def leaks(data, secrets):
    return [secret for secret in secrets if traces_in(data, secret)]


def test_no_secret_in_files_and_logs(start_granary, providers):
    server = start_granary()
    secrets = live(server, providers)
    key = server.key_file.read_bytes()
    places = {path: path.read_bytes() for path in server.sqlite}
    assert any(path.name.endswith("wal") for path in places), "the WAL is looked at too"
    server.restart()
    server.stop()
    places |= {path: path.read_bytes() for path in [*server.sqlite, server.log_file, server.directory / "granary.out"]}
    for path, data in places.items():
        assert leaks(data, secrets) == [], path
        assert key.strip() not in data and OWNER[1].encode() not in data and server.token.encode() not in data, path


def test_no_secret_in_errors_and_on_the_command_line(start_granary, providers):
    server = start_granary()
    secrets = live(server, providers)
    for command in (["providers"], ["credentials"], ["config"]):
        options = server.store if command != ["config"] else []
        shown = server.cli(*command, *options, "--config", str(server.config_file))
        assert leaks(shown.stdout + shown.stderr, secrets) == [], command
    answer = server.request("GET", "/services/usermanagement/api/credentials?size=100")
    assert answer.status_code == 200 and leaks(answer.text, secrets) == []


def test_errors_repeat_no_secret(start_granary, providers):
    server = start_granary()
    for slug in SLUGS:
        login, marks = marked_login(providers, slug)
        credential = server.credential(slug)
        texts = [credential.post({**login.body, "username": 1, "publicKey": []}).text]
        texts.append(credential.request("POST", data=str(login.body).encode()).text)
        credential.post(login.body)
        texts += [credential.post(login.body).text, credential.request("PATCH", json=login.body).text]
        login.refuse()
        refused = credential.put(login.body)  # of a token it is a repetition, and no error
        texts.append(refused.text if refused.status_code != 200 else "")
        assert leaks("".join(texts), marks) == []


def test_deleting_leaves_no_readable_field(start_granary, providers):
    """Names and provider fields are sealed too: after a deletion not even they are found. Contact data are plain columns."""
    server = start_granary()
    login, _ = marked_login(providers, "agvance-credentials")
    credential = server.connect(login)
    everything = [login.body["username"], login.body["databaseId"]]
    for step in (lambda: None, credential.delete):
        step()
        data = b"".join(path.read_bytes() for path in server.sqlite)
        assert [text for text in everything if text.encode() in data] == []


def digest(directory):
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def stopped(start_module_granary, providers):
    """A folder in which a server has run and ended."""
    server = start_module_granary()
    server.connect(logins.valley(providers))
    assert server.stop()[0] == 0
    return server


def serve(server, key):
    """Starts `granary serve` on the folder, to see it refuse; a server that starts instead is ended after 20 s."""
    options = ["--data", server.data, "--root-key", f"file:{key}", "--config", server.config_file]
    return run_binary("serve", "--listen", "127.0.0.1:0", *options, timeout=20)


def new_key(directory, name="other.key"):
    path = directory / name
    path.unlink(missing_ok=True)
    assert run_binary("key", "init", "--root-key", f"file:{path}").returncode == 0
    return path


def test_a_wrong_root_key_does_not_start_and_writes_nothing(stopped):
    before = digest(stopped.data)
    refused = serve(stopped, new_key(stopped.directory))
    assert refused.returncode == 1 and "key" in refused.stderr
    assert digest(stopped.data) == before
    stopped.start()
    assert stopped.stop()[0] == 0


def test_commands_refuse_a_wrong_root_key_too(stopped):
    options = ["--data", stopped.data, "--root-key", f"file:{new_key(stopped.directory)}"]
    added = run_binary("owner", "add", "x@example.org", *options, input="a long password\n")
    assert added.returncode == 1


def test_key_init_makes_a_private_key_and_overwrites_none(tmp_path):
    path = new_key(tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.read_bytes()
    assert len(before) >= 32 and before != new_key(tmp_path, "second.key").read_bytes()
    refused = run_binary("key", "init", "--root-key", f"file:{path}")
    assert refused.returncode == 1 and refused.stderr.strip()
    assert path.read_bytes() == before


def test_a_copy_of_the_folder_opens_with_its_key_only(start_granary, providers, tmp_path):
    server = start_granary()
    login = logins.agvance(providers)
    credential = server.connect(login)
    server.stop()
    copy = Granary(tmp_path, base_config(providers))
    shutil.copytree(server.data, copy.data, ignore=lambda *_: {"granary.sock"})
    shutil.copy(server.key_file, copy.key_file)
    copy.start()
    try:
        answer = copy.request("GET", credential.path)
        assert answer.json()["password"] == login.body["password"]
    finally:
        copy.kill()
