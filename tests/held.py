"""What holds while the store cannot take a provider's new token, whatever ails the disk."""

from harness import eventually


def assert_held_until(server, login, credential, checked, mend):
    """The token is not shown and readiness says so, until `mend`; then `checked` ends well and nothing was lost."""
    eventually(lambda: not server.is_ready(), 20)
    assert credential.values()["refreshToken"] != login.record.refresh_token
    mend()
    eventually(server.is_ready)
    assert checked().status_code == 200
    assert credential.values()["refreshToken"] == login.record.refresh_token
    assert credential.checked()["status"] == "OK"
    assert not login.record.reused
