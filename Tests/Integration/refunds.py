"""Money given back: in full, in parts, refused where it must be, and once, whatever gets lost."""
import concurrent.futures
import os
import signal
import subprocess

from faults import running
from notifications import adyen, item, stripe
from rows import sql
from scene import *

REFUNDS = intents_pb2_grpc.RefundsStub(DEPLOYMENT.channel("intents"))
PENDING = intents_pb2.REFUND_STATUS_PENDING
GIVEN = intents_pb2.REFUND_STATUS_SUCCEEDED
BROKEN = intents_pb2.REFUND_STATUS_FAILED
RETURNS = card(VAULT, "card_refund_fails", "pm_card_refundFail", "stored_refund_fails")
WAITS = card(VAULT, "card_refund_pending", "pm_card_pendingRefund", "stored_refund_pending")


def refund(intent, minor=None, metadata=None, timeout=12, money=None, **fields):
    amount = money or (None if minor is None else eur(minor))
    request = intents_pb2.CreateRefundRequest(
        payment_intent_id=getattr(intent, "id", intent), amount=amount, **fields)
    return REFUNDS.CreateRefund(request, metadata=metadata or with_key(), timeout=timeout).refund


def look(refund_id):
    return REFUNDS.GetRefund(
        intents_pb2.GetRefundRequest(refund_id=refund_id), timeout=5).refund


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


def test_all_of_it():
    intent = at_stripe()
    made = refund(intent, reason=intents_pb2.REFUND_REASON_REQUESTED_BY_CUSTOMER)
    assert made.status == GIVEN and made.amount == eur(4999), made
    assert made.gateway == "stripe" and made.gateway_reference.startswith("re_"), made
    after = get(intent.id)
    assert after.status == SUCCEEDED and after.amount_refunded_minor == 4999, after
    assert after.amount_refundable_minor == 0
    assert refusal(lambda: refund(intent)) == ("FAILED_PRECONDITION", "AMOUNT_TOO_LARGE")
    agree(intent.id)


def test_several_parts_never_exceed_the_capture():
    intent = at_stripe()
    assert intent.amount_refundable_minor == 4999
    parts = [refund(intent, minor) for minor in (1000, 2000)]
    assert [part.status for part in parts] == [GIVEN, GIVEN], parts
    assert refusal(lambda: refund(intent, 2000)) == ("FAILED_PRECONDITION", "AMOUNT_TOO_LARGE")
    assert refund(intent).amount == eur(1999)
    assert len(sent(intent.id)) == 3
    agree(intent.id)
    listed = REFUNDS.ListRefunds(
        intents_pb2.ListRefundsRequest(payment_intent_id=intent.id), timeout=5).refunds
    assert [r.amount.amount_minor for r in listed] == [1999, 2000, 1000], listed


def test_only_what_was_captured_is_refundable():
    intent = pay(order(10_000, capture_method=2))
    state = ("FAILED_PRECONDITION", "PAYMENT_INTENT_STATE")
    assert refusal(lambda: refund(intent, 1)) == state
    INTENTS.CapturePaymentIntent(
        intents_pb2.CapturePaymentIntentRequest(payment_intent_id=intent.id, amount=eur(6_000)),
        metadata=with_key(), timeout=12)
    until(lambda: get(intent.id).status == SUCCEEDED)
    assert refusal(lambda: refund(intent, 6_001)) == ("FAILED_PRECONDITION", "AMOUNT_TOO_LARGE")
    assert refund(intent, 6_000).status == GIVEN
    agree(intent.id)
    for other in (pay(order(method=DECLINED)), INTENTS.CreatePaymentIntent(
            intents_pb2.CreatePaymentIntentRequest(amount=eur(100)), metadata=with_key(),
            timeout=5).payment_intent):
        assert refusal(lambda: refund(other, 1)) == state, other
        assert refusal(lambda: refund(other)) == state, other


def test_wrong_amounts_change_nothing():
    intent = pay()
    for money, expected in [
        (eur(0), ("INVALID_ARGUMENT", "AMOUNT_NOT_POSITIVE")),
        (eur(-1), ("INVALID_ARGUMENT", "AMOUNT_NOT_POSITIVE")),
        (eur(5000), ("FAILED_PRECONDITION", "AMOUNT_TOO_LARGE")),
        (common_pb2.Money(currency="USD", amount_minor=1), ("INVALID_ARGUMENT", "CURRENCY_MISMATCH")),
        (common_pb2.Money(currency="XXQ", amount_minor=1), ("INVALID_ARGUMENT", "CURRENCY_UNKNOWN")),
    ]:
        assert refusal(lambda: refund(intent, money=money)) == expected, money
    assert refusal(lambda: refund("pi_" + "b" * 28, 1)) == ("NOT_FOUND", "PAYMENT_INTENT_NOT_FOUND")
    assert sent(intent.id) == [] and get(intent.id) == intent


def test_another_merchants_payment_is_not_there():
    intent = pay()
    made = refund(intent, 1)
    stub = intents_pb2_grpc.RefundsStub(DEPLOYMENT.channel("intents", "operator"))
    other = [("tender-merchant", "mt_" + "c" * 27 + "a")]
    request = intents_pb2.CreateRefundRequest(payment_intent_id=intent.id)
    assert refusal(lambda: stub.CreateRefund(request, metadata=with_key() + other, timeout=5)) == (
        "NOT_FOUND", "PAYMENT_INTENT_NOT_FOUND")
    assert refusal(lambda: stub.GetRefund(
        intents_pb2.GetRefundRequest(refund_id=made.id), metadata=other, timeout=5)) == (
        "NOT_FOUND", "REFUND_NOT_FOUND")
    assert refusal(lambda: stub.ListRefunds(
        intents_pb2.ListRefundsRequest(payment_intent_id=intent.id), metadata=other, timeout=5)) == (
        "NOT_FOUND", "PAYMENT_INTENT_NOT_FOUND")
    assert refunded(intent.id) == 1


def test_the_same_key_is_one_refund():
    intent, metadata = pay(), with_key()
    first = refund(intent, 1000, metadata)
    request = intents_pb2.CreateRefundRequest(payment_intent_id=intent.id, amount=eur(1000))
    answer, call = REFUNDS.CreateRefund.with_call(request, metadata=metadata, timeout=12)
    assert answer.refund == first
    assert ("idempotent-replayed", "true") in [tuple(m) for m in call.initial_metadata()]
    assert refusal(lambda: refund(intent, 1001, metadata)) == (
        "FAILED_PRECONDITION", "IDEMPOTENCY_KEY_REUSED")
    assert len(sent(intent.id)) == 1


def test_two_concurrent_refunds_of_sixty_on_a_hundred():
    intent = pay(order(10_000))

    def call(_):
        try:
            return refund(intent, 6_000)
        except grpc.RpcError as error:
            assert reason(error) == "AMOUNT_TOO_LARGE", error
            return None

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(call, range(8)))
    assert sum(answer is not None for answer in answers) == 1, answers
    assert refunded(intent.id) == 6_000 and len(sent(intent.id)) == 1
    agree(intent.id)


def test_an_amount_that_the_gateway_cannot_express_fails_and_is_free_again():
    dinar = lambda minor: common_pb2.Money(currency="KWD", amount_minor=minor)
    intent = pay(intents_pb2.CreatePaymentIntentRequest(
        amount=dinar(5_000), payment_method_id=VISA, confirm=True))
    assert intent.status == SUCCEEDED and intent.gateway == "stripe", intent
    made = refund(intent, money=dinar(1_004))
    assert made.status == BROKEN, made
    assert made.failure.code == "not_expressible_at_gateway", made
    assert sent(intent.id) == [] and get(intent.id).amount_refundable_minor == 5_000
    assert refund(intent, money=dinar(1_000)).status == GIVEN


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
        assert made.pending_reason == intents_pb2.REFUND_PENDING_REASON_OUTCOME_UNKNOWN, made
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
    assert made.pending_reason == intents_pb2.REFUND_PENDING_REASON_GATEWAY_PENDING, made
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
    assert made.pending_reason == intents_pb2.REFUND_PENDING_REASON_GATEWAY_PENDING, made
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
    final = ended(made)
    assert final.status == BROKEN and final.failure.code == "refund_reversed", final
    until(lambda: ledger(intent.id, "refund") == ledger(intent.id, "refund_failed") == 1000)
    assert get(intent.id).amount_refundable_minor == 4999
    assert look(made.id) == final
    assert made.id not in alerts("refund_unconfirmed")
    assert made.id in alerts("refund_answer_conflicts"), "the notification with another amount"


def test_the_command_line_refunds():
    intent = at_stripe()
    used = key()
    first = tender("refund", intent.id, "10.00", "EUR", "--reason", "duplicate", "--key", used)
    assert "10.00 EUR  succeeded" in first, first
    assert "replayed" in tender(
        "refund", intent.id, "10.00", "EUR", "--reason", "duplicate", "--key", used)
    answer = json.loads(tender("refund", intent.id, "--json"))
    assert answer["status"] == "succeeded" and answer["amount"] == "39.99 EUR", answer
    shown = until(lambda: [
        text for text in [tender("show", intent.id)] if text.count("refund.succeeded") == 2])[0]
    assert "10.00 EUR" in shown, shown
    for words, code, expected in [
        (["refund", intent.id], 64, "AMOUNT_TOO_LARGE"),
        (["refund", intent.id, "1"], 64, "a number and a currency"),
        (["refund", intent.id, "0", "EUR"], 64, "above zero"),
        (["refund", "nobody"], 64, "give a pi_"),
        (["refund", intent.id, "--reason", "bored"], 64, "reason"),
    ]:
        done = subprocess.run(
            [DEPLOYMENT.home / "bin" / "tender", *words], capture_output=True, text=True)
        assert done.returncode == code and expected in done.stderr, (words, done)
    agree(intent.id)
