"""What gateways tell by themselves: believed when signed, applied once, in whatever order."""
import base64
import hashlib
import hmac
from http.client import HTTPConnection

from scene import *


def secret(name):
    return (DEPLOYMENT.home / "secrets" / name).read_text().strip()


def post(path, body, headers=None, method="POST"):
    """Status and body of a raw request to the inbound listener."""
    address = DEPLOYMENT.endpoints["gateway-router-inbound"]
    connection = HTTPConnection(address["host"], address["port"], timeout=15)
    connection.request(method, path, body=body, headers=headers or {})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def item(code, psp, original, reference, minor, success=True, key=None):
    fields = {
        "pspReference": psp, "originalReference": original, "merchantAccountCode": "TenderLocal",
        "merchantReference": reference, "amount": {"currency": "EUR", "value": minor},
        "eventCode": code, "success": "true" if success else "false",
        "eventDate": "2026-01-01T00:00:00+00:00", "reason": ""}
    signed = ":".join([
        psp, original, "TenderLocal", reference, str(minor), "EUR", code, fields["success"]])
    code = hmac.new(key or bytes.fromhex(secret("adyen.webhook")), signed.encode(), hashlib.sha256)
    fields["additionalData"] = {"hmacSignature": base64.b64encode(code.digest()).decode()}
    return {"NotificationRequestItem": fields}


def adyen(*items):
    body = json.dumps({"live": "false", "notificationItems": list(items)})
    return post("/adyen", body, {"content-type": "application/json"})


def stripe(event, at=None, key=None):
    body = json.dumps(event)
    at = int(time.time()) if at is None else at
    code = hmac.new(
        (key or secret("stripe.webhook")).encode(), f"{at}.{body}".encode(), hashlib.sha256)
    return post("/stripe", body, {"stripe-signature": f"t={at},v1={code.hexdigest()}"})


def fault(gateway, name, operation="authorize", count=1):
    http("/control/faults", {
        "gateway": gateway, "fault": name, "count": count, "match": {"operation": operation}})


def captured_at_adyen_without_a_word():
    """An intent whose capture Adyen has `received` and never reports."""
    http("/control/faults", {"gateway": "stripe", "fault": "refuse"})
    fault("adyen", "modification_lost", "capture")
    try:
        intent = pay()
    finally:
        http("/control/faults", method="DELETE")
    assert intent.status == PROCESSING and intent.authorized, intent
    (charge,) = charges(intent.id)
    return intent, charge


def capture_reference(intent):
    """The reference of its automatic capture, which the simulator keeps with the modification."""
    changes = http(f"/books?intent={intent.id}")["modifications"]
    return [change for change in changes if change["kind"] == "capture"][-1]["reference"]


def test_a_capture_is_completed_by_its_notification_alone():
    intent, charge = captured_at_adyen_without_a_word()
    reference = capture_reference(intent)
    psp = f"psp{charge['id']}"
    good = item("CAPTURE", psp, charge["id"], reference, 4999)
    forged = item("CAPTURE", psp, charge["id"], reference, 4999, key=b"x" * 32)
    changed = item("CAPTURE", psp, charge["id"], reference, 4999)
    changed["NotificationRequestItem"]["amount"]["value"] = 1
    assert adyen(forged)[0] == 401
    assert adyen(changed)[0] == 401
    assert adyen(good, forged)[0] == 401, "one forged item refuses the batch"
    assert get(intent.id).status == PROCESSING
    # Out of order and repeated.
    late = item("AUTHORISATION", charge["id"], "", charge["reference"], 4999)
    assert adyen(good) == (200, "[accepted]")
    assert adyen(good) == (200, "[accepted]")
    assert adyen(late) == (200, "[accepted]")
    assert adyen(late, good) == (200, "[accepted]")
    final = until(lambda: get(intent.id).status == SUCCEEDED and get(intent.id), 30)
    assert final.amount_captured_minor == 4999, final
    until(lambda: booked(intent.id) == 4999)
    until(lambda: queue("notifications") == 0)
    assert booked(intent.id) == 4999 and get(intent.id) == final


def test_a_failed_capture_is_told_by_its_notification():
    intent, charge = captured_at_adyen_without_a_word()
    failed = item(
        "CAPTURE", f"psp{charge['id']}", charge["id"], capture_reference(intent), 4999, False)
    assert adyen(failed) == (200, "[accepted]")
    final = until(lambda: get(intent.id).status != PROCESSING and get(intent.id), 30)
    assert final.status in (FAILED, REQUIRES_CAPTURE), final
    assert final.amount_captured_minor == 0 and booked(intent.id) == 0, final


def test_an_event_finds_out_what_no_answer_told():
    fault("stripe", "error_500_after")
    fault("stripe", "error_500", "list", 1000)
    try:
        # Without the payer there is no second authorisation elsewhere.
        intent = pay(order(off_session=True), timeout=20)
        assert intent.status == PROCESSING, intent
        (charge,) = charges(intent.id)
        payment = {
            "id": charge["id"], "object": "payment_intent", "amount": 4999, "currency": "eur",
            "amount_received": 0, "status": "requires_capture",
            "metadata": {"reference": charge["reference"]}}
        event = {
            "id": f"evt_{charge['id']}", "object": "event", "livemode": False,
            "type": "payment_intent.amount_capturable_updated", "created": int(time.time()),
            "data": {"object": payment}}
        assert stripe(event, key="whsec_other")[0] == 401
        assert stripe(event, at=int(time.time()) - 301)[0] == 401
        assert stripe(event)[0] == 200
        final = until(lambda: get(intent.id).status == SUCCEEDED and get(intent.id), 30)
    finally:
        http("/control/faults", method="DELETE")
    assert captured(final.id) == 4999 and len(charges(final.id)) == 1


def test_an_event_with_another_amount_is_not_believed():
    fault("stripe", "error_500_after")
    fault("stripe", "error_500", "list", 1000)
    try:
        intent = pay(order(off_session=True), timeout=20)
        (charge,) = charges(intent.id)
        event = {
            "id": f"evt_other_{charge['id']}", "object": "event", "livemode": False,
            "type": "payment_intent.succeeded", "created": int(time.time()),
            "data": {"object": {
                "id": charge["id"], "object": "payment_intent", "amount": 1, "currency": "eur",
                "amount_received": 1, "status": "succeeded",
                "metadata": {"reference": charge["reference"]}}}}
        assert stripe(event)[0] == 200
        until(lambda: queue("notifications") == 0)
        assert get(intent.id).status == PROCESSING
    finally:
        http("/control/faults", method="DELETE")
    # The gateway's own list tells the truth.
    until(lambda: get(intent.id).status == SUCCEEDED, 60)


def test_a_notification_about_nothing_is_kept_and_stops_nobody():
    before = queue("notifications")
    psp = f"psp{key()}"
    assert adyen(item("CAPTURE", psp, "NOTOURS", "NOTOURS", 1)) == (200, "[accepted]")
    until(lambda: queue("notifications") == before + 1)
    # People see it, and may have it tried again at once, which changes nothing.
    known = f"{psp}:CAPTURE:true"
    until(lambda: "noSuchAttempt" in tender("notifications", "--state", "waiting"))
    assert known in tender("notifications", "list", "--state", "waiting", "--gateway", "adyen")
    assert known not in tender("notifications")
    assert known in tender("notifications", "retry", "adyen", known)
    assert queue("notifications") == before + 1
    intent, charge = captured_at_adyen_without_a_word()
    good = item(
        "CAPTURE", f"psp{charge['id']}", charge["id"], capture_reference(intent), 4999)
    assert adyen(good) == (200, "[accepted]")
    until(lambda: get(intent.id).status == SUCCEEDED, 30)


def test_what_is_no_notification_is_refused():
    assert post("/stripe", "{}")[0] == 401
    assert post("/adyen", "{}")[0] == 400
    assert post("/adyen", "x" * 300_000)[0] == 413
    assert post("/other", "{}")[0] == 404
    assert post("/stripe", None, method="GET")[0] == 405


def queue(name):
    """The length of a queue of gateway-router."""
    stub = common_pb2_grpc.OperationsStub(DEPLOYMENT.channel("gateway-router", "operator"))
    status = stub.GetStatus(common_pb2.GetStatusRequest(), timeout=5)
    return next(queue.length for queue in status.queues if queue.name == name)
