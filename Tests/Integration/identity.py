"""Nobody calls what their certificate does not allow."""
from scene import *
from tender_client import vault_pb2, vault_pb2_grpc


def test_a_merchant_cannot_apply_facts():
    facts = intents_pb2_grpc.PaymentFactsStub(DEPLOYMENT.channel("intents"))
    assert refusal(
        lambda: facts.ApplyFacts(intents_pb2.ApplyFactsRequest(), metadata=with_key(), timeout=5)
    ) == ("PERMISSION_DENIED", "CALLER_NOT_ALLOWED")


def test_only_gateway_router_resolves_tokens():
    request = vault_pb2.ResolvePaymentMethodRequest(
        payment_method_id=VISA, operation_id="op_" + "b" * 28)
    scope = [("tender-merchant", DEPLOYMENT.merchant)]
    for identity in ("client-demo", "operator", "intents", "billing", "ledger"):
        stub = vault_pb2_grpc.PaymentMethodsStub(DEPLOYMENT.channel("vault-token", identity))
        assert refusal(lambda: stub.ResolvePaymentMethod(request, metadata=scope, timeout=5)) == (
            "PERMISSION_DENIED", "CALLER_NOT_ALLOWED"), identity
    stub = vault_pb2_grpc.PaymentMethodsStub(DEPLOYMENT.channel("vault-token", "gateway-router"))
    assert stub.ResolvePaymentMethod(request, metadata=scope, timeout=5).references


def test_a_merchant_acts_for_itself_only():
    other = "mt_" + "c" * 27 + "a"
    assert refusal(
        lambda: pay(metadata=with_key() + [("tender-merchant", other)])
    )[0] == "PERMISSION_DENIED"


def test_another_merchants_intent_is_not_there():
    intent = pay()
    stub = intents_pb2_grpc.PaymentIntentsStub(DEPLOYMENT.channel("intents", "operator"))
    request = intents_pb2.GetPaymentIntentRequest(payment_intent_id=intent.id)
    other = "mt_" + "c" * 27 + "a"
    assert refusal(
        lambda: stub.GetPaymentIntent(request, metadata=[("tender-merchant", other)], timeout=5)
    ) == ("NOT_FOUND", "PAYMENT_INTENT_NOT_FOUND")
    mine = [("tender-merchant", DEPLOYMENT.merchant)]
    assert stub.GetPaymentIntent(request, metadata=mine, timeout=5).payment_intent.id == intent.id


def test_without_a_certificate_there_is_no_handshake():
    address = DEPLOYMENT.endpoints["intents"]
    authority = (DEPLOYMENT.home / "certs" / "ca.pem").read_bytes()
    channel = grpc.secure_channel(
        f"{address['host']}:{address['port']}", grpc.ssl_channel_credentials(authority))
    stub = intents_pb2_grpc.PaymentIntentsStub(channel)
    code, _ = refusal(
        lambda: stub.ListPaymentIntents(intents_pb2.ListPaymentIntentsRequest(), timeout=3))
    assert code in ("UNAVAILABLE", "DEADLINE_EXCEEDED"), code
