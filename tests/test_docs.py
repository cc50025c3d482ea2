"""The documents that the program prints are the ones in docs/, and what `config` prints can be given back."""

from harness import ROOT, run_binary


def test_configuration_reference_is_what_the_binary_prints():
    done = run_binary("config", "--reference")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (ROOT / "docs" / "configuration.md").read_text()


def test_what_config_prints_can_be_given_back(tmp_path):
    file = tmp_path / "granary.toml"
    file.write_text('listen = "127.0.0.1:9"\n[checks]\ninterval = "2h"\n[egress]\nallow = ["127.0.0.1/32", "::1"]\n[breaker]\nshare = 0.1\n')
    printed = run_binary("config", "--config", str(file)).stdout
    assert 'interval = "2h"' in printed and 'allow = ["127.0.0.1/32","::1"]' in printed and "share = 0.1" in printed
    file.write_text(printed)
    assert run_binary("config", "--config", str(file)).stdout == printed


def test_every_link_of_the_readme_leads_somewhere():
    text = (ROOT / "README.md").read_text()
    targets = [part.split(")")[0] for part in text.split("](")[1:]]
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []
