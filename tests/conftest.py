"""Fixtures: the four stand-ins, once for the whole run, and servers under test. Tests that share a server or a stand-in
have their own users and accounts."""

from types import SimpleNamespace

import pytest
from harness import BINARY, Granary, base_config, merged
from standins import AgLeader, Agvance, Sentera, Valley


@pytest.fixture(scope="session")
def providers():
    """The stand-ins. A request that no client of the real provider would send fails the run at its end."""
    made = SimpleNamespace(valley=Valley(), agvance=Agvance(), sentera=Sentera(), ag_leader=AgLeader())
    yield made
    for stand_in in vars(made).values():
        stand_in.stop()
    complaints = sorted({sentence for stand_in in vars(made).values() for sentence in stand_in.complaints})
    assert not complaints, complaints


@pytest.fixture(scope="module")
def start_module_granary(providers, tmp_path_factory):
    """Starts servers that live as long as the module: `start_module_granary(checks={...}, ...)`."""
    yield from _starter(providers, tmp_path_factory)


@pytest.fixture
def start_granary(providers, tmp_path_factory):
    """Starts servers that live as long as the test."""
    yield from _starter(providers, tmp_path_factory)


@pytest.fixture(scope="module")
def granary(start_module_granary):
    """A server on which nothing happens by the clock."""
    return start_module_granary()


def _starter(providers, tmp_path_factory):
    assert BINARY.exists(), f"{BINARY} is missing: run ./dev build"
    started = []

    def start(arguments=(), described=True, **changes):
        directory = tmp_path_factory.mktemp("granary")
        server = Granary(directory, merged(base_config(providers), changes), arguments, described)
        started.append(server)
        return server.prepare().start()

    yield start
    for server in started:
        server.kill()
