"""Direct debits: days with the bank (seconds at the simulator), then weeks in which a refund is a risk."""
import subprocess

from scene import *
from tender_client import vault_pb2


def debit():
    """A SEPA mandate's token, registered on first use."""
    try:
        return VAULT.DescribePaymentMethod(
            vault_pb2.DescribePaymentMethodRequest(alias="sepa_paid"), timeout=5).payment_method.id
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.NOT_FOUND:
            raise
    return VAULT.CreatePaymentMethod(
        vault_pb2.CreatePaymentMethodRequest(
            type=vault_pb2.PAYMENT_METHOD_TYPE_SEPA_DEBIT,
            references=[vault_pb2.GatewayReference(
                gateway="stripe", reference="pm_success_de", customer_reference="cus_demo")],
            alias="sepa_paid"),
        metadata=with_key("register-sepa_paid"), timeout=5).payment_method.id


def refund(intent_id, *options):
    return subprocess.run(
        [DEPLOYMENT.home / "bin" / "tender", "refund", intent_id, "10.00", "EUR", *options],
        capture_output=True, text=True)


def test_a_debit_waits_for_its_bank_and_is_refunded_at_ones_own_risk():
    made = pay(order(method=debit()))
    assert made.status == PROCESSING, made
    assert made.processing_reason == intents_pb2.PROCESSING_REASON_BANK_PENDING, made
    assert captured(made.id) == 0
    paid = until(lambda: get(made.id).status == SUCCEEDED and get(made.id))
    assert paid.amount_captured_minor == 4999 and captured(made.id) == 4999, paid
    until(lambda: booked(made.id) == 4999)
    refuse = refund(made.id)
    assert refuse.returncode == 64 and "RETURN_RISK_NOT_ACCEPTED" in refuse.stderr, refuse
    assert get(made.id).amount_refundable_minor == 4999
    # The gateway may take its time: 3 is processing.
    done = refund(made.id, "--accept-return-risk")
    assert done.returncode in (0, 3) and "10.00 EUR" in done.stdout, done
    assert get(made.id).amount_refundable_minor == 3999


def test_an_authorisation_says_until_when_it_can_be_captured():
    held = pay(order(capture_method=2))
    assert held.status == REQUIRES_CAPTURE, held
    days = (held.capture_before.seconds - held.created_at.seconds) / 86_400
    assert 6.9 < days < 28.1, held
    assert not pay().HasField("capture_before")
