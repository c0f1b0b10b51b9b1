"""A database that was restored: payments are held, the gateways' lists are read, two people open; what
is for people then holds its payment until two settle it."""
import json
import subprocess
import time

import rows
from recovery import run
from refund_scene import BROKEN, GIVEN, agree, at_stripe, look, refund, sent
from rows import sql
from scene import *


def status():
    # 3: not open yet.
    found = subprocess.run(
        [DEPLOYMENT.home / "bin" / "tender", "restore", "status", "--json"], capture_output=True,
        text=True, timeout=30)
    return json.loads(found.stdout)


def test_payments_are_held_until_two_people_open():
    before, used, doubtful = pay(), key(), waiting()
    assert before.status == SUCCEEDED
    given = lost_refund()
    point = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
    beginning = ("restore", "begin", "--point", point, "--reason", "a drill", "--json",
                 "--key", key())
    begun = json.loads(run(*beginning))
    assert begun["state"] == "closed" and begun["pointAt"].startswith(point[:19]), begun
    assert json.loads(run(*beginning))["id"] == begun["id"], "the same key is the same restore"
    try:
        held(beginning, before, used)
        find_lost(doubtful)
        not_canceled(doubtful)
    finally:
        # Adyen has no list: one person asks, another one opens.
        opening = ("restore", "open", "--reason", "nothing was lost", "--json", "--key", key())
        asked = json.loads(run(*opening, code=3))
        opened = json.loads(run(
            "restore", "open", "--reason", "seen too", "--json", "--as", "approver", "--key",
            key()))
    assert asked["state"] == "closed" and asked["openAskedBy"], asked
    assert opened["state"] == "open" and opened["openedBy"] != asked["openAskedBy"], opened
    after = until(lambda: pay(metadata=with_key(used)))
    assert after.status == SUCCEEDED and captured(after.id) == 4999
    settled(doubtful)
    refunded_once(*given)


def lost_refund():
    """A refund that the gateway has made and the restored database does not know."""
    intent = at_stripe()
    made = refund(intent, 1_000)
    assert made.status == GIVEN, made
    agree(intent.id)
    rows.settled()
    # The payment's fact is the last one that both sides remember.
    sql(f"""
        with lost as (select id, operation_id from intents.refund
            where amount_minor = 1000 order by created_at desc limit 1),
          intent as (delete from intents.refund r using lost where r.id = lost.id),
          heard as (update intents.operation o set applied_sequence = applied_sequence - 1
            from lost where o.id = lost.operation_id),
          fact as (delete from gateway.fact f using lost
            where f.operation_id = lost.operation_id and f.kind = 12),
          told as (update gateway.operation o
            set fact_count = fact_count - 1, version = version + 1
            from lost where o.id = lost.operation_id)
        delete from gateway.refund r using lost where r.id = lost.id""")
    assert get(intent.id).amount_refunded_minor == 0
    return intent, made


def refunded_once(intent, lost):
    """Asked for again while it is for people, it is not one that goes out once they have settled it."""
    used = key()
    again = refund(intent, 1_000, metadata=with_key(used))
    assert again.status == BROKEN and again.failure.code == "lost_refund_unresolved", again
    found = next(
        row for row in json.loads(run("restore", "list", "--json")) if row["refundOf"])
    for person in ("operator", "approver"):
        saying = ("restore", "settle", found["gatewayReference"], "--verdict", "stands", "--words",
                  "dashboard", "--as", person)
        run(*saying, code=0 if person == "approver" else 3)
    until(lambda: get(intent.id).amount_refunded_minor == 1_000)
    assert look(lost.id).status == GIVEN and look(again.id).status == BROKEN
    assert refund(intent, 1_000, metadata=with_key(used)).status == BROKEN
    assert len(sent(intent.id)) == 1, sent(intent.id)
    agree(intent.id)


def not_canceled(intent):
    """Nobody knows yet whether its customer has paid."""
    answer = refusal(lambda: INTENTS.CancelPaymentIntent(
        intents_pb2.CancelPaymentIntentRequest(payment_intent_id=intent.id), metadata=with_key(),
        timeout=5))
    assert answer == ("UNAVAILABLE", "RESTORE_IN_PROGRESS"), answer


def waiting():
    """A payment that was not confirmed yet, at the point."""
    return INTENTS.CreatePaymentIntent(
        intents_pb2.CreatePaymentIntentRequest(
            amount=eur(4999), payment_method_id=VISA, description=key()),
        metadata=with_key(), timeout=5).payment_intent


def find_lost(intent):
    """As if the reading had found a payment of it that nothing can rebuild."""
    sql(f"""
        insert into gateway.restore_payment (restore_id, gateway, account, reference, own_reference,
          made_at, state, detail, merchant_id, intent_id, actor)
        select r.id, 'stripe', 'main', 'pi_lost', 'lost', now(), 3, 'winner_unproven', p.merchant_id,
          p.id, 'test'
        from gateway.restore r, intents.payment_intent p
        where r.state = 1 and p.description = '{intent.description}'""")


def confirm(intent):
    return INTENTS.ConfirmPaymentIntent(
        intents_pb2.ConfirmPaymentIntentRequest(payment_intent_id=intent.id), metadata=with_key(),
        timeout=12).payment_intent


def settled(intent):
    """Nothing is charged while it is for people; two say what became of it, and it can be paid."""
    listed = lambda: next(
        row for row in json.loads(run("restore", "list", "--json"))
        if row["gatewayReference"] == "pi_lost")
    assert listed()["payment"] == intent.id and listed()["state"] == "for_people", listed()
    held = confirm(intent)
    assert held.status == PROCESSING and not charges(intent.id), held
    saying = ("restore", "settle", "pi_lost", "--verdict", "nothing-left", "--words",
              "dashboard: canceled", "--json", "--key", key())
    said = json.loads(run(*saying, code=3))
    assert said["state"] == "for_people" and said["verdict"] == "nothing-left", said
    assert json.loads(run(*saying, code=3)) == said, "the same key is the same word"
    assert "SECOND_PERSON_REQUIRED" in run(*saying[:-2], code=64)
    assert get(intent.id).status == PROCESSING and not charges(intent.id)
    done = json.loads(run(*saying[:-2], "--as", "approver"))
    assert done["state"] == "settled" and done["verdictBy"] != said["verdictBy"], done
    assert listed()["state"] == "settled"
    # Its confirm never reached a gateway: it ends, a minute after it was held, and may be confirmed
    # again.
    until(lambda: get(intent.id).status == FAILED, seconds=90)
    again = confirm(intent)
    assert again.status == SUCCEEDED and captured(intent.id) == 4999, again


def held(beginning, before, used):
    run(*("another" if part == "a drill" else part for part in beginning), code=64)
    assert "RESTORE_EXISTS" in run(*beginning[:-2], code=64)

    answer = refusal(lambda: pay(metadata=with_key(used)))
    assert answer == ("UNAVAILABLE", "RESTORE_IN_PROGRESS"), answer
    assert get(before.id).status == SUCCEEDED, "reads go on"
    # Both lists of Stripe, to their ends; nothing was lost but the refund.
    until(lambda: all(reading["finishedAt"] for reading in status()["readings"]))
    seen = status()
    assert seen["paymentsPending"] == seen["paymentsRebuilt"] == 0, seen
    assert seen["paymentsForPeople"] == 1, seen
    assert any("adyen" in what for what in seen["unproven"]), seen
