"""A server that asks Ag Leader for more than a refresh: a probe with the access token follows."""

PROBE_PATH = "/api/me"
PROBE = {"probe": {"method": "GET", "path": PROBE_PATH, "headers": {"Authorization": "Bearer {accessToken}"}}}


def probe_ag_leader(server):
    """Restarts `server` with it."""
    server.restart(providers={"ag-leader": {"parameters": PROBE}})
