"""Gateways that fail and services that die: nothing is charged twice, nothing is lost."""
import concurrent.futures
import os
import signal
import subprocess

from people import channel
from scene import *

SERVICES = ["intents", "gateway-router", "vault-token", "ledger", "webhooks", "billing"]


def inject(gateway, fault, operation="authorize", count=1):
    return http("/control/faults", {
        "gateway": gateway, "fault": fault, "count": count, "match": {"operation": operation}})


def clear():
    http("/control/faults", method="DELETE")


def settled(metadata, seconds=60):
    """The payment's end, asked for as an impatient client would: the same key until it is known."""

    def ask():
        try:
            intent = pay(metadata=metadata, timeout=12)
        except grpc.RpcError as error:
            assert error.code().name in (
                "UNAVAILABLE", "ABORTED", "DEADLINE_EXCEEDED", "CANCELLED"), error
            return None
        return intent.id

    intent_id = until(ask, seconds)
    return until(
        lambda: (lambda i: i if i.status in (SUCCEEDED, FAILED) else None)(get(intent_id)), seconds)


def test_an_answer_that_never_came_is_found_out():
    inject("stripe", "timeout_after")
    try:
        intent = settled(with_key())
    finally:
        clear()
    assert intent.status == SUCCEEDED, intent
    assert captured(intent.id) == 4999 and len(charges(intent.id)) == 1, charges(intent.id)
    until(lambda: booked(intent.id) == 4999)


def test_a_request_that_never_arrived_is_sent_again_under_its_key():
    inject("stripe", "timeout_before")
    try:
        intent = settled(with_key())
    finally:
        clear()
    assert intent.status == SUCCEEDED and captured(intent.id) == 4999, charges(intent.id)


def test_a_connection_closed_after_acting_is_not_charged_twice():
    pay()  # A kept-alive connection.
    inject("stripe", "close_after")
    try:
        intent = settled(with_key())
    finally:
        clear()
    assert intent.status == SUCCEEDED and len(charges(intent.id)) == 1, charges(intent.id)
    assert captured(intent.id) == 4999


def test_a_stored_500_after_the_effect_is_found_in_the_gateways_list():
    inject("stripe", "error_500_after")
    try:
        started = time.monotonic()
        intent = pay(timeout=20)
        final = until(lambda: get(intent.id).status == SUCCEEDED and get(intent.id), 30)
        print(f"     after {time.monotonic() - started:.1f} s")
    finally:
        clear()
    assert captured(final.id) == 4999 and len(charges(final.id)) == 1, charges(final.id)
    until(lambda: booked(final.id) == 4999)


def test_a_500_whose_search_fails_too_is_paid_elsewhere_and_given_back():
    inject("stripe", "error_500_after")
    inject("stripe", "error_500", operation="list", count=1)
    try:
        intent = pay(timeout=20)
        assert intent.gateway == "adyen", intent
        final = until(lambda: get(intent.id).status == SUCCEEDED and get(intent.id), 60)
        story = tender("show", intent.id)
        assert "will be given back" in story, story
        until(lambda: "canceled" in [
            charge["status"] for charge in charges(final.id) if charge["gateway"] == "stripe"], 60)
    finally:
        clear()
    assert captured(final.id) == 4999 and len(charges(final.id)) == 2, charges(final.id)
    until(lambda: "was given back" in tender("show", intent.id))


def test_a_merchant_that_allows_no_second_authorisation_waits():
    assert "on" in tender("merchant", "policy").splitlines()[1]
    tender("merchant", "policy", "--with-payer", "off")
    http("/control/faults", {"gateway": "stripe", "fault": "timeout_before", "count": 1000})
    try:
        intent = pay()
        assert intent.status == PROCESSING and not charges(intent.id), (intent, charges(intent.id))
        story = tender("show", intent.id)
        assert "looked at again at" in story and "given up at" in story, story
    finally:
        clear()
        tender("merchant", "policy", "--with-payer", "on")
    paid_once(intent.id)


def paid_once(intent_id):
    until(lambda: get(intent_id).status == SUCCEEDED, 60)
    taken = [charge for charge in charges(intent_id) if charge["captured"] > charge["refunded"]]
    assert len(taken) == 1 and taken[0]["captured"] == 4999, charges(intent_id)
    until(lambda: booked(intent_id) == 4999)


def test_a_dead_first_gateway_never_costs_the_payer_5_s():
    faults = {
        "refuses connections": {"fault": "refuse"},
        "answers nothing": {"fault": "timeout_before", "count": 1000},
        "answers 500 without acting": {"fault": "error_500", "count": 1000},
        "answers 500 after acting": {"fault": "error_500_after", "count": 1000},
        "acts and answers nothing": {"fault": "timeout_after", "count": 1000},
    }
    for name, fault in faults.items():
        intents, times = [], []
        http("/control/faults", {"gateway": "stripe", **fault})
        try:
            for _ in range(3):
                started = time.monotonic()
                intents.append(pay())
                times.append(time.monotonic() - started)
        finally:
            clear()
        print(f"     {name}: {max(times):.2f} s")
        assert max(times) < 5, (name, times)
        for intent in intents:
            assert intent.status == SUCCEEDED or intent.authorized, intent
            paid_once(intent.id)
    until(lambda: pay().gateway == "stripe", 60, every=1)


def running(program):
    """The processes that run a program; a minimal Debian has no pgrep."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue  # It has just ended.
        if words[:2] == [program.encode(), b"run"]:
            found.append(int(entry.name))
    return found


def watching(service):
    """An open watch of a service that serves."""
    watch = channel(service, "operator").unary_stream(
        "/grpc.health.v1.Health/Watch", request_serializer=None, response_deserializer=None
    )(b"", timeout=60)
    return watch if next(watch) == SERVING else None


def test_each_service_killed_once_loses_nothing():
    for service in SERVICES:
        pids = running(f"{os.environ['TENDER_TEST_CHECKOUT']}/.tender/bin/{service}")
        assert pids, service
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        started = time.monotonic()
        intent = settled(with_key())
        if intent.status == FAILED:
            # Closed before anything was sent: nothing may have been charged.
            assert captured(intent.id) == 0, (service, charges(intent.id))
            continue
        assert captured(intent.id) == 4999, (service, charges(intent.id))
        until(lambda: booked(intent.id) == 4999)
        print(f"     {service}: booked after {time.monotonic() - started:.1f} s")


def test_a_payment_whose_process_is_killed_under_way_is_answered_within_ten_seconds():
    metadata, held = with_key(), len(http("/books")["payments"])
    # The gateway has charged and says nothing: the payment is under way for seconds.
    inject("stripe", "timeout_after")

    def caller():
        try:
            return pay(metadata=metadata)
        except grpc.RpcError as error:
            return error.code().name

    try:
        with concurrent.futures.ThreadPoolExecutor() as pool:
            first = pool.submit(caller)
            until(lambda: len(http("/books")["payments"]) > held, 10, every=0.02)
            for pid in running(f"{os.environ['TENDER_TEST_CHECKOUT']}/.tender/bin/intents"):
                os.kill(pid, signal.SIGKILL)
            started = time.monotonic()
            assert first.result() in ("UNAVAILABLE", "CANCELLED"), first.result()
        intent = settled(metadata, 30)
        took = time.monotonic() - started
    finally:
        clear()
    assert intent.status == SUCCEEDED and captured(intent.id) == 4999, charges(intent.id)
    assert len(charges(intent.id)) == 1, charges(intent.id)
    print(f"     answered after {took:.1f} s")
    assert took < 10, took


def test_a_gateway_that_refuses_connections_is_followed_by_the_other():
    inject("stripe", "refuse")
    try:
        intent = pay()
    finally:
        clear()
    held = charges(intent.id)
    assert [charge["gateway"] for charge in held] == ["adyen"], held
    assert intent.gateway == "adyen", intent
    # Adyen answers a capture with `received`: its notification ends it.
    assert intent.status == SUCCEEDED or (intent.status == PROCESSING and intent.authorized), intent
    final = until(lambda: get(intent.id).status == SUCCEEDED and get(intent.id), 30)
    assert captured(intent.id) == final.amount_captured_minor == 4999, final
    until(lambda: booked(intent.id) == 4999)
    assert len(charges(intent.id)) == 1
    assert pay().gateway == "stripe"


def test_a_gateway_that_is_away_gets_no_new_payments_until_it_is_back():
    inject("stripe", "refuse")
    try:
        for _ in range(6):
            assert pay().gateway == "adyen"
        skipped = tender("show", pay().id)
        assert "breaker_open" in skipped, skipped
        doctor = subprocess.run(
            [DEPLOYMENT.home / "bin" / "tender", "doctor"], capture_output=True, text=True)
        assert "breaker" in doctor.stdout or "fails technically" in doctor.stdout, doctor.stdout
        assert doctor.returncode != 0
    finally:
        clear()
    until(lambda: pay().gateway == "stripe", 60, every=1)


def test_an_open_health_watch_ends_and_holds_up_no_stop():
    for service in SERVICES:
        program = f"{os.environ['TENDER_TEST_CHECKOUT']}/.tender/bin/{service}"
        pids = until(lambda: running(program))
        watch = until(lambda: watching(service))
        os.kill(pids[0], signal.SIGTERM)
        started = time.monotonic()
        # What it said before counts too; the last word is that it does not serve, then an end in order.
        assert list(watch)[-1] == NOT_SERVING, service
        until(lambda: pids[0] not in running(program))
        # Far below the grace of a drain, after which calls are cut.
        assert time.monotonic() - started < 10, service
