"""Options: as a flag, as GRANARY_<NAME>, in a TOML file, in that order; `granary config` shows what came of it, secrets masked;
and a file with a mistake is refused with its line and key."""

import re
import subprocess

import pytest
from harness import BINARY, environment, run_binary, toml

# One mistake each. The line that must be named ends in "# here"; the second value is the key.
MISTAKES = [
    ('[checks]\nintervall = "6h" # here', "intervall"),
    ('[checks]\ninterval = "6h"\nInterval = "6h" # here', "Interval"),
    ('[chekcs] # here\ninterval = "6h"', "chekcs"),
    ('[checks]\n\n# a comment\ninterval = 6 # here', "interval"),
    ("[checks]\ninterval = true # here", "interval"),
    ('[checks]\ninterval = ["6h"] # here', "interval"),
    ('[checks]\ninterval = { hours = 6 } # here', "interval"),
    ('[checks]\ninterval = "6" # here', "interval"),
    ('[checks]\ninterval = "six hours" # here', "interval"),
    ('[checks]\ninterval = "6 parsecs" # here', "interval"),
    ('[checks]\ninterval = "-6h" # here', "interval"),
    ('[checks]\ninterval = "" # here', "interval"),
    ('[checks]\ninterval = "0s" # here', "interval"),
    ('[checks]\ninterval = "999999999999999999h" # here', "interval"),
    ("[checks]\nconfirm_after = 60 # here", "confirm_after"),
    ("[checks]\noutage_after = 1.5 # here", "outage_after"),
    ('[checks]\ntimeout = "soon" # here', "timeout"),
    ('checks = "6h" # here', "checks"),
    ('[breaker]\nminimum = "ten" # here', "minimum"),
    ("[breaker]\nminimum = 1.5 # here", "minimum"),
    ("[breaker]\nminimum = -1 # here", "minimum"),
    ('[breaker]\nshare = "5 %" # here', "share"),
    ("[breaker]\nwindow = 10 # here", "window"),
    ('[limits]\nconnections = "many" # here', "connections"),
    ("[limits]\nconnections = -1 # here", "connections"),
    ("[limits]\nlogins_per_minute = [] # here", "logins_per_minute"),
    ("[limits]\nrequests_per_minute = 5 # here", "requests_per_minute"),
    ('[egress]\nallow = "127.0.0.1/32" # here', "allow"),
    ("[egress]\nallow = [5] # here", "allow"),
    ('[providers.nobody] # here\nbase_url = "https://a.example"', "nobody"),
    ('[providers.valley-credentials] # here\nbase_url = "https://a.example"', "valley-credentials"),
    ('[providers.Valley] # here\nbase_url = "https://a.example"', "Valley"),
    ('[providers.valley]\nbase-url = "https://a.example" # here', "base-url"),
    ("[providers.valley]\nbase_url = 5 # here", "base_url"),
    ('[providers.valley]\nrate = "fast" # here', "rate"),
    ("[providers.valley]\nrate = -1 # here", "rate"),
    ("[providers.valley]\nconcurrency = 1.5 # here", "concurrency"),
    ("[providers.valley]\nconcurrency = 0 # here", "concurrency"),
    ('[providers.valley]\ninterval = "0s" # here', "interval"),
    ("[providers]\nvalley = 5 # here", "valley"),
    ('[providers.agvance.environments.TEST] # here\nbase_url = "https://a.example"', "TEST"),
    ('[providers.agvance.environments.stage] # here\nbase_url = "https://a.example"', "stage"),
    ('[providers.agvance.environments.STAGE]\nurl = "https://a.example" # here', "url"),
    ('[providers.valley.environments.STAGE] # here\nbase_url = "https://a.example"', "environments"),
    ("listen = 8080 # here", "listen"),
    ('liste = "127.0.0.1:8080" # here', "liste"),
    ('data = ["a"] # here', "data"),
    ("[checks # here", ""),
    ("[checks]\ninterval = # here", ""),
    ('[checks]\ninterval = "6h # here', ""),
    ('[checks]\ninterval = "6h"\ninterval = "7h" # here', "interval"),
    ("[checks]\nthis is no TOML # here", ""),
]

# Right in form, but of no use: the key must be named.
USELESS = [
    ('[egress]\nallow = ["300.0.0.1/32"]', "allow"),
    ('[egress]\nallow = ["127.0.0.1/33"]', "allow"),
    ('[egress]\nallow = ["localhost"]', "allow"),
    ('[egress]\nbind_origins = "sometimes"', "bind_origins"),
    ('[providers.valley]\nbase_url = "a.example"', "base_url"),
    ('[providers.valley]\nbase_url = "ftp://a.example"', "base_url"),
    ('[providers.valley]\nbase_url = "https://"', "base_url"),
]


def run(tmp_path, *arguments, text=None, variables=None, command="config"):
    """One command, with a configuration file of this text."""
    command = [str(BINARY), command, *map(str, arguments)]
    if text is not None:
        (tmp_path / "granary.toml").write_text(text)
        command += ["--config", str(tmp_path / "granary.toml")]
    options = {"capture_output": True, "text": True, "timeout": 10, "cwd": tmp_path}
    return subprocess.run(command, stdin=subprocess.DEVNULL, env={**environment(), **(variables or {})}, **options)


@pytest.fixture(scope="module")
def root_key(tmp_path_factory):
    path = f"file:{tmp_path_factory.mktemp('key') / 'root.key'}"
    assert run_binary("key", "init", "--root-key", path).returncode == 0
    return path


@pytest.mark.parametrize(("text", "key"), MISTAKES)
def test_a_mistake_is_named_with_its_line_and_key(tmp_path, root_key, text, key):
    line = next(number for number, words in enumerate(text.splitlines(), 1) if words.endswith("# here"))
    store = ["--data", tmp_path / "data", "--root-key", root_key]
    done = run(tmp_path, *store, text=text + "\n", command="serve")
    assert (done.returncode, done.stdout) == (1, "")
    assert not (tmp_path / "data").exists()
    assert len(done.stderr.strip().splitlines()) == 1
    assert "granary.toml" in done.stderr
    assert re.search(rf"\b{line}\b", done.stderr.replace(str(tmp_path), "")), (line, done.stderr)
    assert key in done.stderr.replace("granary.toml", "")


@pytest.mark.parametrize(("text", "key"), USELESS)
def test_a_value_of_no_use_is_named_with_its_key(tmp_path, root_key, text, key):
    done = run(tmp_path, "--data", tmp_path / "data", "--root-key", root_key, text=text + "\n", command="serve")
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.strip().splitlines()) == 1
    assert key in done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("text", ['[checks]\nintervall = "6h"\n', "[checks]\ninterval = 6\n", "[checks\n"])
def test_config_refuses_what_serve_refuses(tmp_path, text):
    config, serve = run(tmp_path, text=text), run(tmp_path, text=text, command="serve")
    assert (config.returncode, config.stderr) == (serve.returncode, serve.stderr)


def test_config_file_that_is_not_there(tmp_path):
    done = run(tmp_path, "--config", tmp_path / "nowhere.toml")
    assert done.returncode == 1
    assert "nowhere.toml" in done.stderr


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        '[checks]\ninterval = "30s"\nconfirm_after = "60s"\noutage_after = "15m"\ntimeout = "10s"\n',
        '[checks]\ninterval = "1s"\n[breaker]\nwindow = "10m"\nminimum = 10\nshare = 0.05\n',
        '[egress]\nallow = ["127.0.0.1/32", "10.0.0.0/8", "fd00::/8"]\nbind_origins = "always"\n',
        "[limits]\nconnections = 100\nconnections_per_address = 10\nlogins_per_minute = 5\n",
        '[providers.ag-leader]\nbase_url = "https://a.example"\nrate = 5\nconcurrency = 2\ninterval = "30d"\n',
        '[providers.agvance.environments.STAGE]\nbase_url = "https://a.example/base"\n',
        '[providers.agvance.environments.PRODUCTION]\nbase_url = "https://a.example"\n[providers.agvance]\nrate = 1\n',
    ],
)
def test_a_right_file_is_accepted_without_a_key(tmp_path, text):
    done = run(tmp_path, text=text)
    assert (done.returncode, done.stderr) == (0, "")
    for value in re.findall(r"https://[a-z./]+|[0-9.]+/[0-9]+", text):
        assert value in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["granary.toml"], "config writes nothing"


LISTEN = {"flag": "127.0.0.1:1001", "variable": "127.0.0.1:1002", "file": "127.0.0.1:1003"}
DATA = {"flag": "data-of-the-flag", "variable": "data-of-the-variable", "file": "data-of-the-file"}
METRICS = {"flag": "127.0.0.1:2001", "variable": "127.0.0.1:2002", "file": "127.0.0.1:2003"}


@pytest.mark.parametrize(("name", "values"), [("listen", LISTEN), ("data", DATA), ("metrics_listen", METRICS)])
@pytest.mark.parametrize("given", ["flag variable file", "flag file", "flag variable", "variable file", "file", ""])
def test_flag_before_variable_before_file(tmp_path, name, values, given):
    given = given.split()
    flags = [f"--{name.replace('_', '-')}", values["flag"]] if "flag" in given else []
    variables = {f"GRANARY_{name.upper()}": values["variable"]} if "variable" in given else {}
    text = toml({name: values["file"]} if "file" in given else {})
    done = run(tmp_path, *flags, text=text, variables=variables)
    assert done.returncode == 0, done.stderr
    for source, value in values.items():
        assert (value in done.stdout) == (source in given[:1]), done.stdout


def test_secrets_are_masked(tmp_path):
    secret = "hunter2-of-the-proxy"
    text = f'[egress]\nproxy = "http://proxy-user:{secret}@127.0.0.1:3128"\n'
    done = run(tmp_path, text=text)
    assert done.returncode == 0, done.stderr
    assert secret not in done.stdout + done.stderr
    assert "proxy" in done.stdout


def test_what_config_prints_says_every_table(tmp_path):
    text = run(tmp_path).stdout
    for word in """listen data interval confirm_after outage_after timeout window minimum share allow connections
                   connections_per_address logins_per_minute 127.0.0.1:8080 granary-data 15m 10s 10m 0.05""".split():
        assert word in text, word
