"""`granary providers check FILE`: a descriptor's mistake is a sentence with file, line, member and what is allowed, before a start."""

import json

import pytest
from harness import ROOT, run_binary

AG_LEADER = json.loads((ROOT / "providers" / "ag-leader.json").read_text())


@pytest.mark.parametrize("name", ["valley", "agvance", "sentera", "ag-leader"])
def test_those_that_are_built_in_are_taken(name):
    done = run_binary("providers", "check", ROOT / "providers" / f"{name}.json")
    assert done.returncode == 0, done.stderr
    assert "a start takes it" in done.stdout


WRONG = {
    "an unknown member": (lambda d: d.update(base_uri="x"), "base_uri"),
    "no slug": (lambda d: d.pop("slug"), "slug"),
    "a flow that is none": (lambda d: d.update(flow="oauth3"), "flow"),
    "a field twice": (lambda d: d["request"].append({"name": "publicKey"}), "publicKey"),
    "a flag that is none": (lambda d: d["request"][0].update(trim="yes"), "trim"),
    "an unknown parameter": (lambda d: d["parameters"].update(token_url="/x"), "token_url"),
    "a status that is never a refusal": (lambda d: d["parameters"].update(refused=[{"status": 503, "value": "x"}]), "refused"),
    "nothing is a refusal": (lambda d: d["parameters"].update(refused=[]), "refused"),
    "a pointer without a slash": (lambda d: d["parameters"].update(refused=[{"pointer": "error", "value": "x"}]), "refused"),
    "a client that is none": (lambda d: d["parameters"].update(client_authentication="digest"), "client_authentication"),
    "a field that is none": (lambda d: d["parameters"].update(client_id_field="clientId"), "client_id_field"),
    "a probe with an unknown field": (lambda d: d["parameters"].update(probe={"path": "/{token}"}), "probe"),
    "an interval in words": (lambda d: d.update(interval="daily"), "interval"),
    "no rate": (lambda d: d.update(limits={"rate": 0}), "rate"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_named(tmp_path, name):
    change, named = WRONG[name]
    descriptor = json.loads(json.dumps(AG_LEADER))
    change(descriptor)
    file = tmp_path / "provider.json"
    file.write_text(json.dumps(descriptor, indent=2))
    done = run_binary("providers", "check", file)
    assert done.returncode == 1 and str(file) in done.stderr and named in done.stderr, done.stderr


def test_the_line_is_named(tmp_path):
    file = tmp_path / "provider.json"
    file.write_text(json.dumps(AG_LEADER | {"flow": "oauth3"}, indent=2))
    line = next(n for n, text in enumerate(file.read_text().splitlines(), 1) if '"flow"' in text)
    assert f"{file}:{line}: flow must be one of" in run_binary("providers", "check", file).stderr


@pytest.mark.parametrize("text", ["", "{", "[]", '{"slug": "a-credentials", "slug": "b-credentials"}', '{"slug": 1,}'])
def test_what_is_no_descriptor(tmp_path, text):
    file = tmp_path / "provider.json"
    file.write_text(text)
    done = run_binary("providers", "check", file)
    assert done.returncode == 1 and str(file) in done.stderr


def test_a_file_that_is_not_there(tmp_path):
    done = run_binary("providers", "check", tmp_path / "absent.json")
    assert done.returncode == 1 and "absent.json" in done.stderr
    assert run_binary("providers", "check").returncode == 2
