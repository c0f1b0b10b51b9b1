"""Refunds whose answers get lost, that end late or come back: one each, whatever happens."""
import concurrent.futures
import os
import signal

from faults import running
from notifications import adyen, item, stripe
from refund_scene import *
from rows import sql


def lost(gateway, fault, intent, count=1):
    """A refund of 3000 whose answer gets lost by a fault; it is one refund in the end."""
    http("/control/faults", {
        "gateway": gateway, "fault": fault, "count": count, "match": {"operation": "refund"}})
    try:
        made = refund(intent, 3000, timeout=20)
        assert made.status in (GIVEN, PENDING), made
        final = ended(made)
    finally:
        http("/control/faults", method="DELETE")
    assert final.status == GIVEN, (fault, final)
    assert len(sent(intent.id)) == 1 and refunded(intent.id) == 3000, (fault, sent(intent.id))
    assert get(intent.id).amount_refundable_minor == 1999
    agree(intent.id)


def test_an_answer_that_stripe_swallows_is_found_out():
    for fault in ("timeout_after", "close_after", "error_500_after", "truncated", "wrong_amount"):
        lost("stripe", fault, at_stripe())


def test_a_refund_that_never_arrived_is_sent_again_under_its_key():
    for fault in ("timeout_before", "close_before", "rate_limited", "unavailable"):
        lost("stripe", fault, at_stripe())


def test_what_is_not_found_releases_nothing():
    """Interleaving 16: a refund of 60 is lost and cannot be found; nobody gets the 60 again."""
    intent = at_stripe(order(10_000))
    http("/control/faults", {
        "gateway": "stripe", "fault": "error_500_after", "match": {"operation": "refund"}})
    http("/control/faults", {
        "gateway": "stripe", "fault": "error_500", "count": 3, "match": {"operation": "list"}})
    try:
        made = refund(intent, 6_000, timeout=20)
        assert made.status == PENDING, made
        assert get(intent.id).amount_refundable_minor == 4_000
        for minor in (10_000, 6_000, 4_001):
            assert refusal(lambda: refund(intent, minor)) == (
                "FAILED_PRECONDITION", "AMOUNT_TOO_LARGE"), minor
        final = ended(made, 60)
    finally:
        http("/control/faults", method="DELETE")
    assert final.status == GIVEN and refunded(intent.id) == 6_000, (final, sent(intent.id))
    assert len(sent(intent.id)) == 1
    agree(intent.id)
    # Stripe keeps a 500 without an effect under the key: the list holds nothing, which proves nothing.
    intent = at_stripe(order(10_000))
    http("/control/faults", {
        "gateway": "stripe", "fault": "error_500", "match": {"operation": "refund"}})
    try:
        made = refund(intent, 6_000, timeout=20)
    finally:
        http("/control/faults", method="DELETE")
    looks = "select tries from gateway.refund order by created_at desc limit 1"
    until(lambda: int(sql(looks)[0][0]) >= 2, 40)
    assert look(made.id).status == PENDING and sent(intent.id) == [], look(made.id)
    assert get(intent.id).amount_refundable_minor == 4_000
    assert refusal(lambda: refund(intent, 4_001)) == ("FAILED_PRECONDITION", "AMOUNT_TOO_LARGE")


def test_a_refund_that_nobody_asked_for_is_for_people():
    intent = at_stripe()
    (charge,) = charges(intent.id)
    event = {
        "id": f"evt_other_refund_{charge['id']}", "object": "event", "livemode": False,
        "type": "refund.updated", "created": int(time.time()),
        "data": {"object": {
            "id": "re_elsewhere", "object": "refund", "amount": 1000, "currency": "eur",
            "status": "succeeded", "payment_intent": charge["id"], "metadata": {}}}}
    before = len(alerts("refund_without_request"))
    assert stripe(event)[0] == 200
    until(lambda: len(alerts("refund_without_request")) == before + 1)
    assert get(intent.id) == intent and ledger(intent.id, "refund") == 0


def test_adyen_gives_back_when_its_notification_says_so():
    intent = at_adyen()
    made = refund(intent, 1000)
    assert made.gateway == "adyen" and made.status in (PENDING, GIVEN), made
    final = ended(made)
    assert final.status == GIVEN and final.gateway_reference, final
    rest = ended(refund(intent))
    assert rest.status == GIVEN and rest.amount == eur(3999), rest
    assert len(sent(intent.id)) == 2
    agree(intent.id)


def test_an_answer_that_adyen_swallows_is_found_out():
    for fault in ("timeout_after", "error_500_after", "timeout_before", "rate_limited"):
        lost("adyen", fault, at_adyen())


def test_a_gateway_that_is_away_is_never_followed_by_the_other():
    intent = at_stripe()
    http("/control/faults", {"gateway": "stripe", "fault": "refuse"})
    try:
        made = refund(intent, 1000)
        assert made.status == PENDING, made
        assert made.pending_reason == refunds_pb2.REFUND_PENDING_REASON_OUTCOME_UNKNOWN, made
        assert get(intent.id).amount_refundable_minor == 3999
    finally:
        http("/control/faults", method="DELETE")
    final = ended(made, 60)
    assert final.status == GIVEN and final.gateway == "stripe", final
    assert len(sent(intent.id)) == 1 and len(charges(intent.id)) == 1
    agree(intent.id)


def impatient(intent, minor, metadata):
    """The refund, asked for with the same key until somebody answers."""
    def ask():
        try:
            return refund(intent, minor, metadata)
        except grpc.RpcError as error:
            assert error.code().name in (
                "UNAVAILABLE", "ABORTED", "DEADLINE_EXCEEDED", "CANCELLED", "UNKNOWN"), error
            return None
    return until(ask, 60)


def test_each_service_killed_during_a_refund_makes_one():
    """Stripe has given the money back and takes its time to answer; meanwhile somebody dies."""
    for service in ("gateway-router", "intents", "ledger", "webhooks"):
        intent, metadata = at_stripe(), with_key()
        http("/control/faults", {
            "gateway": "stripe", "fault": "slow", "delay_ms": 1500,
            "match": {"operation": "refund"}})
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            try:
                asked = pool.submit(impatient, intent, 3000, metadata)
                until(lambda: sent(intent.id), 20, every=0.02)
                pids = running(f"{os.environ['TENDER_TEST_CHECKOUT']}/.tender/bin/{service}")
                assert pids, service
                for pid in pids:
                    os.kill(pid, signal.SIGKILL)
                made = asked.result()
            finally:
                http("/control/faults", method="DELETE")
        final = ended(made, 60)
        assert final.status == GIVEN, (service, final)
        assert len(sent(intent.id)) == 1 and refunded(intent.id) == 3000, (service, sent(intent.id))
        again = impatient(intent, 3000, metadata)
        assert again.id == made.id, (service, again)
        agree(intent.id)


def test_a_pending_refund_succeeds_later():
    intent = at_stripe(order(method=WAITS))
    made = refund(intent, 1000)
    assert made.status == PENDING, made
    assert made.pending_reason == refunds_pb2.REFUND_PENDING_REASON_GATEWAY_PENDING, made
    assert ended(made).status == GIVEN
    agree(intent.id)


def test_a_refund_that_comes_back_at_stripe_is_refundable_again():
    intent = at_stripe(order(method=RETURNS))
    made = refund(intent)
    final = until(lambda: (lambda r: r if r.status == BROKEN else None)(look(made.id)), 40)
    assert final.failure.code and final.version > made.version, final
    after = until(lambda: (lambda i: i if i.amount_refundable_minor == 4999 else None)(get(intent.id)))
    assert after.amount_refunded_minor == 0 and after.status == SUCCEEDED, after
    until(lambda: ledger(intent.id, "refund") == ledger(intent.id, "refund_failed") == 4999)
    agree(intent.id)
    shown = tender("show", intent.id)
    assert made.id in shown and "refund_failed" in shown, shown


def test_a_refund_that_adyen_cannot_do_fails():
    intent = at_adyen()
    http("/control/faults", {
        "gateway": "adyen", "fault": "modification_fails", "match": {"operation": "refund"}})
    try:
        made = refund(intent, 1000)
        final = ended(made)
    finally:
        http("/control/faults", method="DELETE")
    assert final.status == BROKEN and final.failure.code == "refund_failed", final
    assert get(intent.id).amount_refundable_minor == 4999 and sent(intent.id) == []
    assert ledger(intent.id, "refund") == ledger(intent.id, "refund_failed") == 0
    agree(intent.id)


def test_a_refund_that_comes_back_at_adyen_is_refundable_again():
    intent = at_adyen()
    http("/control/latency", {"late_failure_ms": 500})
    http("/control/faults", {
        "gateway": "adyen", "fault": "modification_fails_late", "match": {"operation": "refund"}})
    try:
        made = refund(intent, 1000)
        final = until(lambda: (lambda r: r if r.status == BROKEN else None)(look(made.id)), 40)
    finally:
        http("/control/faults", method="DELETE")
        http("/control/latency", {"late_failure_ms": 180_000})
    assert final.failure.code == "refund_reversed", final
    until(lambda: ledger(intent.id, "refund") == ledger(intent.id, "refund_failed") == 1000)
    until(lambda: get(intent.id).amount_refundable_minor == 4999)
    agree(intent.id)


def test_adyens_notifications_decide_in_any_order_and_once():
    """REFUNDED_REVERSED before REFUND, each twice, a forged one between: one refund and its return."""
    intent = at_adyen()
    http("/control/faults", {
        "gateway": "adyen", "fault": "modification_lost", "match": {"operation": "refund"}})
    try:
        made = refund(intent, 1000)
    finally:
        http("/control/faults", method="DELETE")
    assert made.pending_reason == refunds_pb2.REFUND_PENDING_REASON_GATEWAY_PENDING, made
    (charge,) = charges(intent.id)
    change = [m for m in http(f"/books?intent={intent.id}")["modifications"]
              if m["kind"] == "refund"][-1]
    back = item("REFUNDED_REVERSED", change["id"], charge["id"], change["reference"], 1000)
    done = item("REFUND", change["id"], charge["id"], change["reference"], 1000)
    wrong = item("REFUND", change["id"] + "x", charge["id"], change["reference"], 999)
    forged = item("REFUND", change["id"], charge["id"], change["reference"], 1000, key=b"x" * 32)
    assert adyen(wrong) == (200, "[accepted]")
    assert adyen(forged)[0] == 401
    assert look(made.id).status == PENDING
    # A gateway that accepts and then tells nothing is for people; its word ends the alert.
    sql(f"update gateway.refund set created_at = now() - interval '2 days', next_try_at = now()"
        f" where reference = '{change['id']}'")
    until(lambda: made.id in alerts("refund_unconfirmed"))
    assert look(made.id).status == PENDING
    for sending in (back, back, done, done, back):
        assert adyen(sending) == (200, "[accepted]")
    # Given for a moment, if REFUND is applied first.
    final = until(lambda: (lambda r: r if r.status == BROKEN else None)(look(made.id)), 40)
    assert final.failure.code == "refund_reversed", final
    until(lambda: ledger(intent.id, "refund") == ledger(intent.id, "refund_failed") == 1000)
    until(lambda: get(intent.id).amount_refundable_minor == 4999)
    assert look(made.id) == final
    assert made.id not in alerts("refund_unconfirmed")
    assert made.id in alerts("refund_answer_conflicts"), "the notification with another amount"
