"""100 kills under load, half of them aimed at the answer of a refresh (`./dev crash` runs more)."""

import uuid

import pytest
from kills import Held, Kills


def test_kills_under_load_lose_nothing_that_was_acknowledged(tmp_path):
    kills = Kills(tmp_path, seed=1)
    kills.run(100)
    assert kills.acknowledged > 100 and len(kills.gone) > 10 and kills.exchanges > 10, "there was a load"


def test_a_user_that_is_lost_or_comes_back_is_noticed(tmp_path):
    """Or the test above would prove nothing."""
    kills = Kills(tmp_path, seed=2)
    try:
        kills.server.start()
        kills.load_and_kill(aimed=False)
        kills.server.start()
        kills.compare()
        kills.held.append(Held(uuid.uuid4()))
        with pytest.raises(AssertionError, match="was acknowledged, and is not there"):
            kills.compare()
        kills.held.pop()
        kills.let_go(kills.held[0])
        with pytest.raises(AssertionError, match="was deleted, or never asked for"):
            kills.compare()
    finally:
        kills.server.kill()
        kills.provider.stop()
