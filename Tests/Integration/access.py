"""Every certificate against every method, over the real transport: allowed exactly as `access`
in the contracts says."""
import grpc
from contracts import METHODS, details
from people import STRANGER, URIS, channel, connect, foreign, issue, scope, send
from scene import DEPLOYMENT, key, with_key

PEOPLE = ["merchant", "stranger", "operator", "auditor", "intents", "gateway-router", "ledger",
          "vault-token", "webhooks", "billing"]
# Decided before a byte of it is decoded, and never a request of anything.
GARBAGE = b"\xff"


def refused(method, person, metadata):
    try:
        send(method, person, GARBAGE, metadata)
    except grpc.RpcError as error:
        return error.code().name, details(error)[0]
    raise AssertionError(f"{person} → {method}: garbage was answered")


def test_every_certificate_against_every_method():
    assert len(METHODS) > 50, len(METHODS)
    seen = {True: 0, False: 0}
    for method in METHODS:
        for person in PEOPLE:
            caller = "merchant" if person == "stranger" else person
            allowed = caller in method.access or "anyone" in method.access
            got = refused(method, person, with_key() + scope(method, person))
            expected = (
                ("INVALID_ARGUMENT", "MESSAGE_MALFORMED") if allowed
                else ("PERMISSION_DENIED", "CALLER_NOT_ALLOWED"))
            assert got == expected, (person, method, got)
            seen[allowed] += 1
    assert seen[True] > 100 and seen[False] > 300, seen


def test_every_method_refuses_a_merchant_for_another_one():
    for method in METHODS:
        if "merchant" in method.access:
            got = refused(method, "merchant", with_key() + [("tender-merchant", STRANGER)])
            assert got == ("PERMISSION_DENIED", "CALLER_NOT_ALLOWED"), (method, got)


def test_every_method_asks_others_for_whom_they_act():
    for method in METHODS:
        person = next(iter(sorted(method.access - {"merchant", "anyone"})), None)
        if not method.scoped or person is None:
            continue
        for given, expected in [
            ([], "MERCHANT_REQUIRED"), ([("tender-merchant", "mt_1")], "MERCHANT_INVALID"),
            ([("tender-merchant", STRANGER)] * 2, "MERCHANT_REQUIRED"),
        ]:
            got = refused(method, person, with_key() + given)
            assert got == ("INVALID_ARGUMENT", expected), (person, method, given, got)


def test_what_is_in_no_contract_is_not_served():
    for method in METHODS:
        other = f"{method.path}X"
        call = channel(method.executable, "operator").unary_unary(
            other, request_serializer=None, response_deserializer=None)
        try:
            call(b"", metadata=with_key(), timeout=5)
        except grpc.RpcError as error:
            assert error.code().name == "UNIMPLEMENTED", (other, error.code())
        else:
            raise AssertionError(f"{other} is served")


def answers_no_handshake(executable, certificate=None, private=None):
    connection = connect(executable, certificate, private)
    call = connection.unary_unary(
        "/grpc.health.v1.Health/Check", request_serializer=None, response_deserializer=None)
    try:
        call(b"", timeout=3)
    except grpc.RpcError as error:
        connection.close()
        return error.code().name in ("UNAVAILABLE", "DEADLINE_EXCEEDED")
    return False


def test_without_a_good_certificate_there_is_no_handshake():
    """None, expired, not yet valid, of another authority, without exactly one name of ours."""
    merchant = f"spiffe://tender/merchant/{DEPLOYMENT.merchant}/test"
    wrong = {
        "none": (None, None),
        "expired": issue("expired", merchant, (-2, -1)),
        "not yet valid": issue("early", merchant, (1, 2)),
        "another authority's": foreign("foreign", merchant),
        "no name of ours": issue("nobody", "spiffe://elsewhere/service/intents"),
        "two names": issue("two", f"{merchant},URI:spiffe://tender/service/intents"),
    }
    for executable in sorted({method.executable for method in METHODS}):
        for what, files in wrong.items():
            assert answers_no_handshake(executable, *files), (executable, what)
    assert not answers_no_handshake("intents", *issue("good", merchant))
