"""100 kills under load, half of them aimed at the answer of a refresh (`./dev crash` runs more)."""

from kills import Kills


def test_kills_under_load_lose_nothing_that_was_acknowledged(tmp_path):
    kills = Kills(tmp_path, seed=1)
    kills.run(100)
    assert kills.acknowledged > 100, "there was a load"
