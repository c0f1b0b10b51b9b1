"""Money given back: in full, in parts, and refused where it must be."""
import concurrent.futures
import subprocess

from refund_scene import *


def test_all_of_it():
    intent = at_stripe()
    made = refund(intent, reason=refunds_pb2.REFUND_REASON_REQUESTED_BY_CUSTOMER)
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
        refunds_pb2.ListRefundsRequest(payment_intent_id=intent.id), timeout=5).refunds
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
    stub = refunds_pb2_grpc.RefundsStub(DEPLOYMENT.channel("intents", "operator"))
    other = [("tender-merchant", "mt_" + "c" * 27 + "a")]
    request = refunds_pb2.CreateRefundRequest(payment_intent_id=intent.id)
    assert refusal(lambda: stub.CreateRefund(request, metadata=with_key() + other, timeout=5)) == (
        "NOT_FOUND", "PAYMENT_INTENT_NOT_FOUND")
    assert refusal(lambda: stub.GetRefund(
        refunds_pb2.GetRefundRequest(refund_id=made.id), metadata=other, timeout=5)) == (
        "NOT_FOUND", "REFUND_NOT_FOUND")
    assert refusal(lambda: stub.ListRefunds(
        refunds_pb2.ListRefundsRequest(payment_intent_id=intent.id), metadata=other, timeout=5)) == (
        "NOT_FOUND", "PAYMENT_INTENT_NOT_FOUND")
    assert refunded(intent.id) == 1


def test_the_same_key_is_one_refund():
    intent, metadata = pay(), with_key()
    first = refund(intent, 1000, metadata)
    request = refunds_pb2.CreateRefundRequest(payment_intent_id=intent.id, amount=eur(1000))
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
