"""What the tests of refunds share."""
from scene import *
from tender.intents.v1 import refunds_pb2, refunds_pb2_grpc

REFUNDS = refunds_pb2_grpc.RefundsStub(DEPLOYMENT.channel("intents"))
PENDING = refunds_pb2.REFUND_STATUS_PENDING
GIVEN = refunds_pb2.REFUND_STATUS_SUCCEEDED
BROKEN = refunds_pb2.REFUND_STATUS_FAILED
RETURNS = card(VAULT, "card_refund_fails", "pm_card_refundFail", "stored_refund_fails")
WAITS = card(VAULT, "card_refund_pending", "pm_card_pendingRefund", "stored_refund_pending")


def refund(intent, minor=None, metadata=None, timeout=12, money=None, **fields):
    amount = money or (None if minor is None else eur(minor))
    request = refunds_pb2.CreateRefundRequest(
        payment_intent_id=getattr(intent, "id", intent), amount=amount, **fields)
    return REFUNDS.CreateRefund(request, metadata=metadata or with_key(), timeout=timeout).refund


def look(refund_id):
    return REFUNDS.GetRefund(
        refunds_pb2.GetRefundRequest(refund_id=refund_id), timeout=5).refund


def ended(made, seconds=40):
    return until(lambda: (lambda r: r if r.status != PENDING else None)(look(made.id)), seconds)


def refunded(intent_id):
    """What the gateways' books say was given back."""
    return sum(charge.get("refunded", 0) for charge in charges(intent_id))


def sent(intent_id):
    """The refunds in the gateways' books."""
    return http(f"/books?intent={intent_id}")["refunds"]


def ledger(intent_id, kind):
    """Minor units that the ledger has booked, by kind; one leg of each."""
    answer = LEDGER.ListTransactions(
        ledger_pb2.ListTransactionsRequest(subject=intent_id), timeout=5)
    return sum(
        entry.amount.amount_minor for transaction in answer.transactions
        if transaction.kind == kind for entry in transaction.entries
        if entry.side == ledger_pb2.NORMAL_SIDE_DEBIT)


def agree(intent_id):
    """The gateways' books, the ledger and the intent say the same."""
    def same():
        intent = get(intent_id)
        booked_out = ledger(intent_id, "refund") - ledger(intent_id, "refund_failed")
        return refunded(intent_id) == booked_out == intent.amount_refunded_minor
    until(same)
    intent = get(intent_id)
    assert 0 <= intent.amount_refunded_minor <= intent.amount_captured_minor, intent
    assert booked(intent_id) == captured(intent_id) == intent.amount_captured_minor, intent


def alerts(kind):
    """The subjects of gateway-router's open alerts of a kind."""
    stub = common_pb2_grpc.OperationsStub(DEPLOYMENT.channel("gateway-router", "operator"))
    answer = stub.ListAlerts(common_pb2.ListAlertsRequest(), timeout=5)
    return [alert.subject for alert in answer.alerts if alert.kind == kind]


def at_stripe(request=None):
    """A payment at Stripe, whose breaker may still be open from a test before."""
    intent = until(lambda: (lambda i: i if i.gateway == "stripe" else None)(pay(request)), 60, 1)
    assert intent.status == SUCCEEDED, intent
    return intent


def at_adyen(request=None):
    """A payment that Adyen has captured."""
    http("/control/faults", {"gateway": "stripe", "fault": "refuse"})
    try:
        intent = pay(request)
    finally:
        http("/control/faults", method="DELETE")
    assert intent.gateway == "adyen", intent
    return until(lambda: get(intent.id).status == SUCCEEDED and get(intent.id), 30)
