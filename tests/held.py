"""What holds while the store cannot take a provider's new token, whatever ails the disk."""

from harness import eventually


def assert_held_until(server, login, credential, checked, mend):
    """The token is not shown and readiness says so, until `mend`; then `checked` ends well and nothing was lost."""

    def ready():
        return server.request("GET", "/health/ready", token=None).status_code

    eventually(lambda: ready() == 503, 20)
    assert credential.values()["refreshToken"] != login.record.refresh_token
    mend()
    eventually(lambda: ready() == 200)
    assert checked().status_code == 200
    assert credential.values()["refreshToken"] == login.record.refresh_token
    assert credential.checked()["status"] == "OK"
    assert not login.record.reused
