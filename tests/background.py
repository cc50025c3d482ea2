"""Runs a request in a thread while the test goes on, or many at the same moment."""

import threading
from concurrent.futures import ThreadPoolExecutor


def in_background(call):
    """Starts `call`; the returned function waits for its result."""
    pool = ThreadPoolExecutor(1)
    future = pool.submit(call)
    pool.shutdown(wait=False)
    return lambda: future.result(60)


def all_at_once(calls):
    """Runs every call in its own thread, all released together; the results are in the order of the calls."""
    barrier = threading.Barrier(len(calls))

    def run(call):
        barrier.wait(30)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))
