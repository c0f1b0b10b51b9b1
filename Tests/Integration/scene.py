"""What the tests share: a deployment, its test cards, keys, and ways to ask."""
import json
import os
import pathlib
import subprocess
import time
import urllib.request
import uuid

import grpc
from tender_client import (
    Deployment, card, common_pb2, common_pb2_grpc, gateway_pb2, intents_pb2, intents_pb2_grpc,
    ledger_pb2, ledger_pb2_grpc, reason)

DEPLOYMENT = Deployment(pathlib.Path(os.environ["TENDER_TEST_CHECKOUT"]) / ".tender")
INTENTS = DEPLOYMENT.intents()
VAULT = DEPLOYMENT.vault()
LEDGER = ledger_pb2_grpc.LedgerStub(DEPLOYMENT.channel("ledger"))
VISA = card(VAULT, "card_visa", "pm_card_visa", "stored_visa")
DECLINED = card(
    VAULT, "card_insufficient_funds", "pm_card_visa_chargeDeclinedInsufficientFunds",
    "stored_not_enough_balance")

SUCCEEDED = intents_pb2.PAYMENT_INTENT_STATUS_SUCCEEDED
PROCESSING = intents_pb2.PAYMENT_INTENT_STATUS_PROCESSING
FAILED = intents_pb2.PAYMENT_INTENT_STATUS_FAILED
REQUIRES_CAPTURE = intents_pb2.PAYMENT_INTENT_STATUS_REQUIRES_CAPTURE
CANCELED = intents_pb2.PAYMENT_INTENT_STATUS_CANCELED
CREATED = intents_pb2.PAYMENT_INTENT_STATUS_CREATED
# grpc.health.v1.HealthCheckResponse, encoded.
SERVING, NOT_SERVING = b"\x08\x01", b"\x08\x02"


def key():
    return f"test-{uuid.uuid4()}"


def with_key(value=None):
    return [("idempotency-key", value or key())]


def eur(minor):
    return common_pb2.Money(currency="EUR", amount_minor=minor)


def order(minor=4999, method=None, **fields):
    return intents_pb2.CreatePaymentIntentRequest(
        amount=eur(minor), payment_method_id=method or VISA, confirm=True, **fields)


def pay(request=None, metadata=None, timeout=12):
    return INTENTS.CreatePaymentIntent(
        request or order(), metadata=metadata or with_key(), timeout=timeout).payment_intent


def get(intent_id):
    return INTENTS.GetPaymentIntent(
        intents_pb2.GetPaymentIntentRequest(payment_intent_id=intent_id), timeout=5).payment_intent


def refusal(call):
    """(code, reason) of a call that must be refused."""
    try:
        answer = call()
    except grpc.RpcError as error:
        return error.code().name, reason(error)
    raise AssertionError(f"not refused: {answer}")


def until(what, seconds=60, every=0.2):
    """The first true answer of `what`, asked again until the time is over."""
    end = time.monotonic() + seconds
    while True:
        try:
            answer = what()
        except grpc.RpcError as error:
            # A service that is being restarted; anything else is an answer that must not be.
            if error.code() != grpc.StatusCode.UNAVAILABLE:
                raise
            answer = None
        if answer:
            return answer
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(every)


def tender(*arguments):
    """What the tool prints."""
    return subprocess.run(
        [DEPLOYMENT.home / "bin" / "tender", *arguments], check=True, capture_output=True,
        text=True, timeout=30).stdout


def http(path, body=None, method=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        DEPLOYMENT.control() + path, data=data, method=method,
        headers={"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read() or b"{}")


def charges(intent_id):
    """What the simulator's books hold for an intent, at both gateways."""
    return http(f"/books?intent={intent_id}")["payments"]


def captured(intent_id):
    return sum(charge.get("captured", 0) for charge in charges(intent_id))


def booked(intent_id):
    """The minor units that the ledger has booked as captured for an intent."""
    answer = LEDGER.ListTransactions(
        ledger_pb2.ListTransactionsRequest(subject=intent_id), timeout=5)
    return sum(
        entry.amount.amount_minor for transaction in answer.transactions
        for entry in transaction.entries
        if transaction.kind == "capture" and entry.side == ledger_pb2.NORMAL_SIDE_DEBIT)
