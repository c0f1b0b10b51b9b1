"""The life of payments: succeed, replay, refuse, decline, capture, cancel, book."""
import concurrent.futures

from scene import *


def test_a_payment_succeeds_and_is_booked():
    intent = pay()
    assert intent.status == SUCCEEDED, intent
    assert intent.amount_captured_minor == 4999
    assert captured(intent.id) == 4999, charges(intent.id)
    until(lambda: booked(intent.id) == 4999)


def test_the_same_key_gets_the_same_answer_and_says_so():
    metadata = with_key()
    first = pay(metadata=metadata)
    answer, call = INTENTS.CreatePaymentIntent.with_call(order(), metadata=metadata, timeout=12)
    assert answer.payment_intent == first
    assert ("idempotent-replayed", "true") in [tuple(m) for m in call.initial_metadata()]
    assert len(charges(first.id)) == 1


def test_the_same_key_with_another_payload_is_refused():
    metadata = with_key()
    first = pay(metadata=metadata)
    assert refusal(lambda: pay(order(5000), metadata)) == (
        "FAILED_PRECONDITION", "IDEMPOTENCY_KEY_REUSED")
    assert captured(first.id) == 4999


def test_a_hundred_concurrent_calls_with_one_key_make_one_charge():
    metadata = with_key()

    def call(_):
        while True:
            try:
                return pay(metadata=metadata, timeout=20)
            except grpc.RpcError as error:
                assert reason(error) == "IDEMPOTENCY_IN_PROGRESS", error

    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(call, range(100)))
    assert all(answer == answers[0] for answer in answers)
    assert answers[0].status == SUCCEEDED
    assert len(charges(answers[0].id)) == 1, charges(answers[0].id)


def test_a_decline_is_an_answer_and_can_be_tried_again():
    metadata = with_key()
    intent = pay(order(method=DECLINED), metadata)
    assert intent.status == FAILED, intent
    assert intent.failure.code == "insufficient_funds", intent
    assert pay(order(method=DECLINED), metadata) == intent
    again = INTENTS.ConfirmPaymentIntent(
        intents_pb2.ConfirmPaymentIntentRequest(
            payment_intent_id=intent.id, payment_method_id=VISA),
        metadata=with_key(), timeout=12).payment_intent
    assert again.status == SUCCEEDED, again
    assert captured(intent.id) == 4999


def test_a_decline_says_who_declined_and_why():
    intent = pay(order(method=DECLINED))
    assert (intent.gateway, intent.failure.gateway_code) == ("stripe", "insufficient_funds"), intent
    assert intent.failure.decline_class == gateway_pb2.DECLINE_CLASS_LATER, intent
    http("/control/faults", {"gateway": "stripe", "fault": "refuse"})
    try:
        intent = pay(order(method=DECLINED))
    finally:
        http("/control/faults", method="DELETE")
    assert intent.status == FAILED and intent.failure.code == "insufficient_funds", intent
    assert (intent.gateway, intent.failure.gateway_code) == ("adyen", "12"), intent
    assert intent.failure.decline_class == gateway_pb2.DECLINE_CLASS_LATER, intent
    shown = tender("show", intent.id)
    assert "insufficient_funds (later; the gateway says 12)" in shown, shown


def test_an_unknown_payment_method_fails_without_a_charge():
    intent = pay(order(method="tok_" + "b" * 28))
    assert intent.status == FAILED and intent.failure.code == "payment_method_not_found", intent
    assert charges(intent.id) == []


def authorized(minor=10_000):
    intent = pay(order(minor, capture_method=2))
    assert intent.status == REQUIRES_CAPTURE, intent
    assert intent.amount_capturable_minor == minor
    return intent


def test_a_manual_capture_takes_a_part_once():
    intent = authorized()

    def capture(minor):
        return INTENTS.CapturePaymentIntent(
            intents_pb2.CapturePaymentIntentRequest(
                payment_intent_id=intent.id, amount=eur(minor)),
            metadata=with_key(), timeout=12).payment_intent

    assert refusal(lambda: capture(10_001)) == ("FAILED_PRECONDITION", "AMOUNT_TOO_LARGE")
    after = capture(6_000)
    assert after.status == SUCCEEDED and after.amount_captured_minor == 6_000, after
    assert captured(intent.id) == 6_000
    assert refusal(lambda: capture(1)) == ("FAILED_PRECONDITION", "PAYMENT_INTENT_STATE")
    until(lambda: booked(intent.id) == 6_000)


def test_two_concurrent_captures_take_the_money_once():
    intent = authorized()

    def capture(_):
        try:
            return INTENTS.CapturePaymentIntent(
                intents_pb2.CapturePaymentIntentRequest(
                    payment_intent_id=intent.id, amount=eur(6_000)),
                metadata=with_key(), timeout=12).payment_intent
        except grpc.RpcError as error:
            assert reason(error) == "PAYMENT_INTENT_STATE", error
            return None

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(capture, range(2)))
    assert sum(answer is not None for answer in answers) == 1, answers
    assert captured(intent.id) == 6_000


def test_a_cancel_releases_the_authorisation():
    intent = authorized()
    after = INTENTS.CancelPaymentIntent(
        intents_pb2.CancelPaymentIntentRequest(payment_intent_id=intent.id),
        metadata=with_key(), timeout=12).payment_intent
    final = until(lambda: get(intent.id).status == CANCELED and get(intent.id))
    assert final.status == CANCELED and after.status in (CANCELED, PROCESSING)
    assert captured(intent.id) == 0
    assert all(charge.get("canceled") for charge in charges(intent.id)), charges(intent.id)


def test_an_intent_without_confirm_moves_nothing():
    intent = INTENTS.CreatePaymentIntent(
        intents_pb2.CreatePaymentIntentRequest(amount=eur(100)), metadata=with_key(),
        timeout=5).payment_intent
    assert intent.status == CREATED
    confirm = intents_pb2.ConfirmPaymentIntentRequest(payment_intent_id=intent.id)
    assert refusal(
        lambda: INTENTS.ConfirmPaymentIntent(confirm, metadata=with_key(), timeout=5)
    ) == ("FAILED_PRECONDITION", "PAYMENT_METHOD_REQUIRED")
    cancel = intents_pb2.CancelPaymentIntentRequest(payment_intent_id=intent.id)
    after = INTENTS.CancelPaymentIntent(cancel, metadata=with_key(), timeout=5).payment_intent
    assert after.status == CANCELED


def test_versions_tell_the_history():
    intent = pay()
    answer = INTENTS.GetPaymentIntent(
        intents_pb2.GetPaymentIntentRequest(payment_intent_id=intent.id, with_changes=True),
        timeout=5)
    versions = [change.version for change in answer.changes]
    assert versions == list(range(1, intent.version + 1)), versions
    assert answer.changes[-1].status == SUCCEEDED


def test_pages_hold_every_intent_once():
    seen = []
    token = ""
    for _ in range(100):
        page = INTENTS.ListPaymentIntents(
            intents_pb2.ListPaymentIntentsRequest(page_size=3, page_token=token), timeout=5)
        seen += [intent.id for intent in page.payment_intents]
        token = page.next_page_token
        if not token:
            break
    assert len(seen) == len(set(seen)) and len(seen) > 3
    assert seen == sorted(seen, reverse=True)


def test_the_books_balance():
    balance = LEDGER.GetTrialBalance(ledger_pb2.GetTrialBalanceRequest(), timeout=5)
    assert balance.lines
    for line in balance.lines:
        assert line.debits_minor == line.credits_minor, line
        assert line.entries_debits_minor == line.entries_credits_minor == line.debits_minor, line
