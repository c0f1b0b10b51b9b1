"""The database goes away and comes back: every service says so and heals by itself."""
import contextlib
import pathlib
import subprocess

from contracts import EXECUTABLES, METHODS, details, full
from people import channel, send
from rows import CLUSTER
from scene import *

DATA = pathlib.Path(CLUSTER["folder"]) / "data"


def as_server(*command):
    """Runs a command as the account that the server runs as."""
    prefix = []
    if CLUSTER.get("account"):
        prefix = ["setpriv", f"--reuid={CLUSTER['account']}", f"--regid={CLUSTER['account']}",
                  "--init-groups", "--"]
    subprocess.run([*prefix, *command], check=True, cwd="/", capture_output=True)


@contextlib.contextmanager
def database_away(mode):
    """Stops the server; its supervisor cannot start it again until the block ends."""
    settings = DATA / "tender.conf"
    good = settings.read_text()
    try:
        settings.write_text(good + "no_such_setting = on\n")
        as_server(f"{CLUSTER['programs']}/pg_ctl", "-D", str(DATA), "-m", mode, "-w", "stop")
        yield
    finally:
        settings.write_text(good)



def all_report(status):
    return all(
        channel(name, "operator").unary_unary(
            "/grpc.health.v1.Health/Check", request_serializer=None, response_deserializer=None
        )(b"", timeout=5) == status for name in EXECUTABLES.values())


def outage(mode):
    # The services that the tests before killed may still be on their way.
    before = until(paid)
    until(lambda: booked(before.id) == 4999)
    used = key()
    with database_away(mode):
        until(lambda: all_report(NOT_SERVING), 20)
        # A call of each service that needs its database.
        for name in EXECUTABLES.values():
            method = next(
                method for method in METHODS if method.executable == name and not method.mutates
                and "operator" in method.access and method.scoped)
            code, reason, _ = asked(method)
            assert (code, reason) == ("UNAVAILABLE", "UNAVAILABLE"), (method, code, reason)
        assert refusal(lambda: pay(metadata=with_key(used))) == ("UNAVAILABLE", "UNAVAILABLE")
    until(lambda: all_report(SERVING), 60)
    after = until(lambda: pay(metadata=with_key(used)), 30)
    assert after.status == SUCCEEDED and captured(after.id) == 4999
    until(lambda: booked(after.id) == 4999)
    assert get(before.id).status == SUCCEEDED


def paid():
    payment = pay()
    return payment if payment.status == SUCCEEDED else None


def asked(method):
    request = full(method.descriptor.input_type)
    for field in ("page_token", "alias"):
        if field in request.DESCRIPTOR.fields_by_name:
            request.ClearField(field)
    try:
        answer = send(
            method, "operator", request, [("tender-merchant", DEPLOYMENT.merchant)])
    except grpc.RpcError as error:
        return (error.code().name, *details(error))
    raise AssertionError(f"{method}: answered without its database: {answer[:80]}")


def test_the_database_is_stopped():
    outage("fast")


def test_the_database_dies():
    outage("immediate")
