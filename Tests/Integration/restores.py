"""A database that was restored: payments are held, the gateways' lists are read, two people open."""
import json
import subprocess
import time

from recovery import run
from scene import *


def status():
    # 3: not open yet.
    found = subprocess.run(
        [DEPLOYMENT.home / "bin" / "tender", "restore", "status", "--json"], capture_output=True,
        text=True, timeout=30)
    return json.loads(found.stdout)


def test_payments_are_held_until_two_people_open():
    before, used = pay(), key()
    assert before.status == SUCCEEDED
    point = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
    beginning = ("restore", "begin", "--point", point, "--reason", "a drill", "--json",
                 "--key", key())
    begun = json.loads(run(*beginning))
    assert begun["state"] == "closed" and begun["pointAt"].startswith(point[:19]), begun
    assert json.loads(run(*beginning))["id"] == begun["id"], "the same key is the same restore"
    try:
        held(beginning, before, used)
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


def held(beginning, before, used):
    run(*("another" if part == "a drill" else part for part in beginning), code=64)
    assert "RESTORE_EXISTS" in run(*beginning[:-2], code=64)

    answer = refusal(lambda: pay(metadata=with_key(used)))
    assert answer == ("UNAVAILABLE", "RESTORE_IN_PROGRESS"), answer
    assert get(before.id).status == SUCCEEDED, "reads go on"
    # Both lists of Stripe, to their ends; nothing was lost.
    until(lambda: all(reading["finishedAt"] for reading in status()["readings"]))
    seen = status()
    assert seen["paymentsPending"] == seen["paymentsRebuilt"] == seen["paymentsForPeople"] == 0, seen
    assert any("adyen" in what for what in seen["unproven"]), seen
