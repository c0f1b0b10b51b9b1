"""Payment methods made ready for payments without their payer: no money moves, by RPC and by the
command line."""
import json
import subprocess

from notifications import adyen, item
from objects import BY_NAME
from people import send
from recovery import run
from scene import *
from tender.gateway.v1 import setup_pb2, setup_pb2_grpc

SETUPS = setup_pb2_grpc.SetupIntentsStub(DEPLOYMENT.channel("gateway-router"))
READY = setup_pb2.SETUP_INTENT_STATUS_SUCCEEDED
OPEN = setup_pb2.SETUP_INTENT_STATUS_PROCESSING
REFUSED = setup_pb2.SETUP_INTENT_STATUS_FAILED
NEEDS_PAYER = card(
    VAULT, "card_setup_authentication", "pm_card_authenticationRequired",
    "stored_authentication_required")


def create(method=None, metadata=None, **fields):
    return SETUPS.CreateSetupIntent(
        setup_pb2.CreateSetupIntentRequest(payment_method_id=method or VISA, **fields),
        metadata=metadata or with_key(), timeout=12).setup_intent


def look(made):
    return SETUPS.GetSetupIntent(
        setup_pb2.GetSetupIntentRequest(setup_intent_id=made.id), timeout=5).setup_intent


def at_the_gateways(made):
    """What the simulators' books hold of it: (SetupIntents, payments), by our reference."""
    books = http(f"/books?reference_prefix=ts{made.id.removeprefix('seti_')}")
    return books["setups"], books["payments"]


def events(made):
    answer = tender("events", "--object", made.id, "--json")
    return {event["type"] for event in json.loads(answer)}


def test_a_card_is_set_up_once_at_each_gateway():
    for gateway in ("stripe", "adyen"):
        metadata = with_key()
        made = create(metadata=metadata, gateway=gateway)
        assert made.status == READY and made.gateway == gateway and made.livemode is False, made
        assert create(metadata=metadata, gateway=gateway) == made, "the same key is the same answer"
        assert look(made) == made
        setups, payments = at_the_gateways(made)
        ((found,), others) = (
            (setups, payments) if gateway == "stripe" else (payments, setups))
        assert found["id"] == made.gateway_reference and not others, (setups, payments)
        assert all(payment["captured"] == payment["authorized"] == 0 for payment in payments)
        until(lambda: events(made) == {"setup_intent.created", "setup_intent.succeeded"})
    other = refusal(lambda: create(metadata=metadata, gateway="stripe"))
    assert other == ("FAILED_PRECONDITION", "IDEMPOTENCY_KEY_REUSED"), other


def test_a_decline_is_an_answer():
    for gateway in ("stripe", "adyen"):
        made = create(DECLINED, gateway=gateway)
        assert made.status == REFUSED and made.failure.code == "insufficient_funds", made
        asks = create(NEEDS_PAYER, gateway=gateway)
        assert asks.status == REFUSED and asks.failure.code == "authentication_required", asks
    nobodys = create("tok_" + "b" * 28)
    assert nobodys.status == REFUSED and nobodys.failure.code == "payment_method_not_found", nobodys


def test_a_gateway_that_answers_nothing():
    """Whether it acted or not: processing, then what it says; one set-up there."""
    for gateway, operation in (("stripe", "setup"), ("adyen", "authorize")):
        for fault in ("timeout_before", "timeout_after"):
            http("/control/faults", {
                "gateway": gateway, "fault": fault, "match": {"operation": operation}})
            metadata = with_key()
            try:
                made = create(metadata=metadata, gateway=gateway)
            finally:
                http("/control/faults", method="DELETE")
            # Where it has acted, its notification may come before the call gives up.
            told = fault == "timeout_after" and made.status == READY
            assert told or made.status == OPEN and made.HasField("next_check_at"), (
                gateway, fault, made)
            ended = until(lambda: (lambda s: s if s.status != OPEN else None)(look(made)))
            assert ended.status == READY and ended.version >= made.version, (gateway, fault, ended)
            assert create(metadata=metadata, gateway=gateway) == made
            setups, payments = at_the_gateways(made)
            assert len(setups) + len(payments) == 1, (gateway, fault, setups, payments)


def test_the_command_line_sets_up_and_shows():
    def run(*words):
        done = subprocess.run(
            [DEPLOYMENT.home / "bin" / "tender", "setup", *words, "--json"], capture_output=True,
            text=True, timeout=30)
        return done.returncode, json.loads(done.stdout or "{}")
    used = key()
    code, made = run("create", "card_visa", "--gateway", "stripe", "--key", used)
    assert code == 0 and made["status"] == "succeeded" and not made["replayed"], made
    code, again = run("create", "card_visa", "--gateway", "stripe", "--key", used)
    assert code == 0 and again["id"] == made["id"] and again["replayed"], again
    code, shown = run("show", made["id"])
    assert code == 0 and shown["gatewayReference"] == made["gatewayReference"], shown
    code, refused = run("create", "card_declined")
    assert code == 2 and refused["failureCode"] and refused["status"] == "failed", refused
    assert run("show", "pi_1")[0] == 64
    assert len(tender("setup", "show", made["id"]).splitlines()) == 3


def contradictions():
    done = subprocess.run(
        [DEPLOYMENT.home / "bin" / "tender", "doctor", "--json"], capture_output=True, text=True,
        timeout=30)
    return {f["detail"] for f in json.loads(done.stdout) if f["check"] == "setup_money_conflicts"}


def test_two_people_end_what_says_that_money_may_be_held():
    """Adyen tells of 5.00 for a request of nothing: an alert until both have looked there."""
    made = create(gateway="adyen")
    assert made.status == READY, made
    assert not any(made.id in detail for detail in contradictions())
    ((payment,)) = at_the_gateways(made)[1]
    told = item("AUTHORISATION", "CONFLICT" + made.id[-8:].upper(), "", payment["reference"], 500)
    assert adyen(told)[0] == 200
    until(lambda: any(made.id in detail for detail in contradictions()))
    saying = ("setup", "resolve", made.id, "--words", "Customer Area, the payment's page", "--json")
    used = key()
    said = json.loads(run(*saying, "--key", used, code=3))
    assert said["resolved"] is False and len(said["people"]) == 1, said
    assert "SECOND_PERSON_REQUIRED" in run(*saying, code=64)
    method = BY_NAME["SetupIntents/ResolveSetupConflict"]
    again = method.descriptor.output_type._concrete_class.FromString(send(
        method, "operator", method.request(setup_intent_id=made.id, words=saying[4]),
        with_key(used)))
    assert again.resolved is False and list(again.people) == said["people"], again
    ended = json.loads(run(*saying, "--as", "approver", code=0))
    assert ended["resolved"] and ended["people"] == said["people"] + ["operator:approver"], ended
    assert not any(made.id in detail for detail in contradictions())
    assert "SETUP_NOT_CONTRADICTED" in run(*saying, "--as", "approver", code=64)
    assert look(made) == made
