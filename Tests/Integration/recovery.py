"""What nothing proves at a gateway: two people say what its own records show, by the command line."""
import json
import subprocess

from objects import BY_NAME
from people import send
from refund_scene import BROKEN, PENDING, agree, at_adyen, ended, refund
from rows import sql
from scene import *

SAID = ("--evidence", "canceled-at-gateway", "--words", "Customer Area, the payment's page")


def run(*arguments, code=0):
    done = subprocess.run(
        [DEPLOYMENT.home / "bin" / "tender", *arguments], capture_output=True, text=True, timeout=30)
    assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
    return done.stdout + done.stderr


def listed():
    return {item["subject"]: item for item in json.loads(run("recovery", "list", "--json"))}


def doctor():
    """Whether what recovery has before it is fine."""
    done = subprocess.run(
        [DEPLOYMENT.home / "bin" / "tender", "doctor", "--json"], capture_output=True, text=True,
        timeout=30)
    return all(f["isFine"] for f in json.loads(done.stdout) if f["check"] == "recovery")


def test_two_people_end_a_refund_of_which_nobody_tells():
    intent = at_adyen()
    http("/control/faults", {
        "gateway": "adyen", "fault": "modification_lost", "match": {"operation": "refund"}})
    try:
        made = refund(intent, 1_234)
    finally:
        http("/control/faults", method="DELETE")
    assert made.status == PENDING and made.id not in listed(), made
    # A day passes for it.
    sql("update gateway.refund set created_at = created_at - interval '25 hours' "
        "where amount_minor = 1234 and state = 2")
    item = listed()[made.id]
    assert item["payment"] == intent.id and item["known"] == "accepted", item
    assert not doctor()

    never = run(
        "recovery", "propose", made.id, "--evidence", "never-existed", "--words", "x", code=64)
    assert "EVIDENCE_CONTRADICTED" in never, never
    proposing = ("recovery", "propose", made.id, *SAID, "--json", "--key", key())
    proposal = json.loads(run(*proposing))
    assert json.loads(run(*proposing)) == proposal, "the same key is the same proposal"
    assert proposal["subject"] == made.id and proposal["approvedBy"] == "", proposal
    assert listed()[made.id]["proposal"]["id"] == proposal["id"]
    assert "SAME_PERSON" in run("recovery", "approve", proposal["id"], "--as", "operator", code=64)
    run("certificates", "--operator", "second")
    used = key()
    done = json.loads(run(
        "recovery", "approve", proposal["id"], "--as", "second", "--json", "--key", used))
    method = BY_NAME["Recovery/ApproveResolution"]
    again = method.descriptor.output_type._concrete_class.FromString(send(
        method, "operator-second",
        method.request(intent_id=intent.id, resolution_id=proposal["id"]),
        with_key(used) + [("tender-merchant", DEPLOYMENT.merchant)]))
    assert again.resolution.approved_by == done["approvedBy"], "the same key is the same approval"
    assert done["approvedBy"] == "operator:second" != done["proposedBy"], done
    final = ended(made)
    assert final.status == BROKEN and final.failure.code == "refund_canceled", final
    assert get(intent.id).amount_refundable_minor == 4_999 and made.id not in listed()
    agree(intent.id)
