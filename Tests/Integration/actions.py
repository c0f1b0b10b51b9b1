"""The payer's authentication (3DS), played at the bank's page of both gateways: success, refusal, a payer
who never acts, one who comes back twice, and one who comes back after the payment was given up."""
import json
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request

from rows import sql
from scene import *
from tender_client import vault_pb2

REQUIRES_ACTION = intents_pb2.PAYMENT_INTENT_STATUS_REQUIRES_ACTION
BACK = "https://shop.example/back?order=7"
# A card at one gateway alone, whose payer must always authenticate.
CARDS = {"stripe": "pm_card_authenticationRequired", "adyen": "stored_authentication_required"}


def asks(gateway):
    """The token of such a card, registered on first use."""
    alias = f"card_asks_{gateway}"
    try:
        return VAULT.DescribePaymentMethod(
            vault_pb2.DescribePaymentMethodRequest(alias=alias), timeout=5).payment_method.id
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.NOT_FOUND:
            raise
    return VAULT.CreatePaymentMethod(
        vault_pb2.CreatePaymentMethodRequest(
            type=vault_pb2.PAYMENT_METHOD_TYPE_CARD, alias=alias,
            references=[vault_pb2.GatewayReference(
                gateway=gateway, reference=CARDS[gateway], customer_reference="shopper_demo")],
            card=vault_pb2.CardSummary(
                brand="visa", last4="3184", expiry_month=12, expiry_year=2030, country="DE")),
        metadata=with_key(f"register-{alias}"), timeout=5).payment_method.id


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


BROWSER = urllib.request.build_opener(NoRedirect)


def visit(action, answer=None):
    """(status, where the browser is sent, text) of the bank's page."""
    assert action.type == gateway_pb2.NEXT_ACTION_TYPE_REDIRECT
    assert action.method == gateway_pb2.REDIRECT_METHOD_GET and not action.data, action
    data = None if answer is None else urllib.parse.urlencode({"answer": answer}).encode()
    try:
        with BROWSER.open(urllib.request.Request(action.redirect_url, data=data), timeout=10) as page:
            return page.status, None, page.read().decode()
    except urllib.error.HTTPError as page:
        return page.code, page.headers.get("location"), page.read().decode()


def answer(action, what="approve"):
    """Plays the payer: the page, the form, the way back.
    Returns (the parameters that the return carries, the whole address)."""
    status, _, text = visit(action)
    assert status == 200 and re.search(r'<form method="post"', text), (status, text)
    status, back, _ = visit(action, what)
    assert status == 303 and back.startswith(BACK + "&"), (status, back)
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(back).query)), back


def ask(gateway, **fields):
    made = pay(order(method=asks(gateway), return_url=BACK, **fields))
    assert made.status == REQUIRES_ACTION and made.gateway == gateway, made
    assert get(made.id).next_action == made.next_action, made
    return made


def complete(made, brought, metadata=None):
    result = brought.get(made.next_action.result_parameter, "") if (
        made.next_action.result_parameter) else ""
    return INTENTS.CompletePaymentAction(
        intents_pb2.CompletePaymentActionRequest(
            payment_intent_id=made.id, redirect_result=result.encode()),
        metadata=metadata or with_key(), timeout=12).payment_intent


def handed_over(made):
    """Requests that Adyen has accepted about what this payment's payer brought back."""
    ((charge,),) = (charges(made.id),)
    return [found for found in http(
        f"/books/requests?gateway=adyen&reference_prefix={charge['reference']}")["requests"]
        if found["operation"] == "details"]


def paid(made):
    return until(lambda: (lambda i: i if i.status == SUCCEEDED else None)(get(made.id)))


def test_a_payer_who_approves_pays_once():
    for gateway in ("stripe", "adyen"):
        made = ask(gateway)
        parameter = {"stripe": "", "adyen": "redirectResult"}[gateway]
        assert made.next_action.result_parameter == parameter, made
        brought, _ = answer(made.next_action)
        if gateway == "stripe":
            assert brought["payment_intent"] == made.gateway_reference, brought
            assert brought["payment_intent_client_secret"].startswith(made.gateway_reference)
        metadata = with_key()
        done = complete(made, brought, metadata)
        assert done.status in (SUCCEEDED, PROCESSING) and not done.HasField("next_action"), done
        assert complete(made, brought, metadata) == done, "the same key is the same answer"
        ended = paid(made)
        assert captured(made.id) == 4999 and len(charges(made.id)) == 1, charges(made.id)
        until(lambda: booked(made.id) == 4999)
        # The payer reloads the page that they came back to.
        assert complete(made, brought).version == ended.version == get(made.id).version
        assert len(handed_over(made)) == (1 if gateway == "adyen" else 0)
        events = {event["type"] for event in json.loads(tender("events", "--object", made.id, "--json"))}
        assert "payment_intent.requires_action" in events, events
        assert made.next_action.redirect_url not in json.dumps(
            json.loads(tender("events", "--object", made.id, "--json"))), "events carry no address"


def test_a_payer_who_refuses_fails_there_and_nowhere_else():
    for gateway in ("stripe", "adyen"):
        made = ask(gateway)
        brought, _ = answer(made.next_action, "refuse")
        done = complete(made, brought)
        assert done.status == FAILED, done
        assert done.failure.kind == intents_pb2.FAILURE_KIND_RETRYABLE, done
        assert done.failure.code == "authentication_failed", done
        assert not done.HasField("next_action") and captured(made.id) == 0
        assert [charge["gateway"] for charge in charges(made.id)] == [gateway], charges(made.id)
        # The payer thinks better of it, too late for this try; the next one is a new payment there.
        assert complete(made, brought).version == done.version
        again = INTENTS.ConfirmPaymentIntent(
            intents_pb2.ConfirmPaymentIntentRequest(payment_intent_id=made.id, return_url=BACK),
            metadata=with_key(), timeout=12).payment_intent
        assert again.status == REQUIRES_ACTION, again
        assert again.next_action.redirect_url != made.next_action.redirect_url
        brought, _ = answer(again.next_action)
        complete(again, brought)
        paid(made)
        assert captured(made.id) == 4999


def test_a_payer_who_has_not_acted_yet_is_still_asked():
    for gateway in ("stripe", "adyen"):
        made = ask(gateway, capture_method=2)
        if gateway == "adyen":
            got = refusal(lambda: complete(made, {}))
            assert got == ("FAILED_PRECONDITION", "REDIRECT_RESULT_REQUIRED"), got
            # What Adyen has never given anybody.
            early = complete(made, {"redirectResult": "Xmadeup=="})
        else:
            early = complete(made, {})
        assert early.status == REQUIRES_ACTION and early.next_action == made.next_action, early
        assert captured(made.id) == 0
        brought, _ = answer(made.next_action)
        assert complete(made, brought).status == REQUIRES_CAPTURE


def test_a_payer_who_never_comes_back_is_given_up():
    for gateway in ("stripe", "adyen"):
        made = ask(gateway)
        brought = answer(made.next_action)[0] if gateway == "adyen" else {}
        # A quarter of an hour passes.
        intent = made.id
        operation = sql(
            "select o.intent_id from gateway.operation o join gateway.attempt a using (intent_id) "
            f"where a.reference = '{made.gateway_reference}'")[0][0]
        sql("update gateway.operation set created_at = created_at - interval '16 minutes', "
            f"version = version + 1 where intent_id = '{operation}'")
        sql("update gateway.attempt set created_at = created_at - interval '16 minutes', "
            f"look_at = now() where intent_id = '{operation}'")
        until(lambda: get(intent).status != REQUIRES_ACTION)
        assert not get(intent).HasField("next_action")
        sql(f"update gateway.reversal set next_try_at = now() where intent_id = '{operation}' "
            "and next_try_at is not null")
        ended = until(lambda: (lambda i: i if i.status == FAILED else None)(get(intent)))
        assert ended.failure.kind == intents_pb2.FAILURE_KIND_RETRYABLE, ended
        late = complete(made, brought)
        assert late.version == ended.version and captured(intent) == 0, late
        assert not handed_over(made)
        (charge,) = charges(intent)
        # Adyen had nothing to cancel: without the result it authorises nothing.
        assert charge["status"] == {"stripe": "canceled", "adyen": "requires_action"}[gateway], charge
        # The page is over, unless the payer has answered it.
        assert visit(made.next_action)[0] == 410


def test_another_payments_result_is_not_this_payments():
    one, other = ask("adyen", capture_method=2), ask("adyen", capture_method=2)
    brought, _ = answer(one.next_action)
    mixed = complete(other, brought)
    assert mixed.status == REQUIRES_ACTION and captured(other.id) == 0, mixed
    # Adyen has authorised the one that it belongs to, and tells of it.
    until(lambda: get(one.id).status == REQUIRES_CAPTURE)
    brought, _ = answer(other.next_action)
    assert complete(other, brought).status == REQUIRES_CAPTURE
    for made in (one, other):
        INTENTS.CancelPaymentIntent(
            intents_pb2.CancelPaymentIntentRequest(payment_intent_id=made.id), metadata=with_key(),
            timeout=12)


def test_return_addresses_are_checked():
    for address, expected in [
        ("http://shop.example/", "RETURN_URL_INVALID"), ("https://u@shop.example/", "RETURN_URL_INVALID"),
        ("https://shop.example/#x", "RETURN_URL_INVALID"), ("x" * 1025, "FIELD_TOO_LONG"),
    ]:
        got = refusal(lambda: pay(order(return_url=address)))
        assert got == ("INVALID_ARGUMENT", expected), (address, got)
    unused = intents_pb2.CreatePaymentIntentRequest(amount=eur(100), return_url=BACK)
    assert refusal(lambda: pay(unused)) == ("INVALID_ARGUMENT", "RETURN_URL_UNUSED")
    assert pay(order(return_url="http://localhost:3000/back")).status == SUCCEEDED


def run(*words):
    return subprocess.run(
        [DEPLOYMENT.home / "bin" / "tender", *words], capture_output=True, text=True, timeout=30)


def test_the_command_line_says_where_the_payer_goes():
    done = run("pay", "49.99", "EUR", "--method", asks("adyen"), "--return-url", BACK, "--json")
    made = json.loads(done.stdout)
    assert done.returncode == 3 and made["status"] == "requires_action", done
    shown = run("show", made["id"])
    assert made["nextActionURL"] in shown.stdout and "tender continue" in shown.stdout, shown
    missing = run("continue", made["id"])
    assert missing.returncode == 64 and "--returned" in missing.stderr, missing
    action = get(made["id"]).next_action
    _, back = answer(action)
    done = run("continue", made["id"], "--returned", back, "--json")
    assert done.returncode in (0, 3), done
    until(lambda: captured(made["id"]) == 4999)
    assert made["nextActionURL"] not in run("show", made["id"], "--json").stdout
