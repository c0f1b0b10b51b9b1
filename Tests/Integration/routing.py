"""Rules that choose gateways, as people change them: `tender routing`, and what `tender show` says
of a payment afterwards."""
import json
import pathlib
import tempfile
import time

from scene import *
from command_line import tender  # the whole outcome, where scene's is only the text

FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="tender-routing-"))


def rules(name, text):
    path = FOLDER / name
    path.write_text(text)
    return str(path)


def answer(*words, status=0):
    done = tender("routing", *words, "--json")
    assert done.returncode == status, (words, done)
    return json.loads(done.stdout)


def activate(text, name):
    """A new version from draft to active, by two people."""
    number = answer("propose", rules(name, text), "--reason", "test")["number"]
    answer("backtest", str(number), "--days", "1")
    answer("approve", str(number))
    return number


ADYEN_FIRST = """{"rules": [{"name": "cards-eur", "when": {"methods": ["card"], "currencies": ["EUR"]},
  "priority": ["adyen", "stripe"]}], "default": ["stripe", "adyen"],
  "fees": [{"gateway": "stripe", "method": "card", "currency": "EUR", "basisPoints": 150, "fixedMinor": 25},
           {"gateway": "adyen", "method": "card", "currency": "EUR", "basisPoints": 100, "fixedMinor": 10}]}"""
SETTINGS = '{"rules": [], "default": ["stripe", "adyen"]}'


def test_a_version_from_file_to_payment_and_back():
    first = activate(SETTINGS, "settings.json")
    pay()
    number = answer("propose", rules("adyen.json", ADYEN_FIRST), "--reason", "cheaper")["number"]
    alone = tender("routing", "approve", str(number), "--as", "operator")
    assert alone.returncode == 64 and "SECOND_PERSON_REQUIRED" in alone.stderr, alone
    untested = tender("routing", "approve", str(number))
    assert untested.returncode == 64 and "BACKTEST_REQUIRED" in untested.stderr, untested
    run = answer("backtest", str(number), "--days", "1")
    assert run["against"] == first and run["payments"] >= 1 and run["moved"] >= 1, run
    assert run["fees"][0]["currency"] == "EUR", run
    answer("approve", str(number))
    try:
        # Within a second everywhere.
        end = time.monotonic() + 2
        while (intent := pay()).gateway != "adyen":
            assert time.monotonic() < end, intent
        shown = tender("show", intent.id).stdout
        assert f"chosen by version {number} of the rules, rule cards-eur" in shown, shown
    finally:
        back = tender("routing", "rollback", "--reason", "test")
    assert back.returncode == 0, back
    end = time.monotonic() + 2
    while (intent := pay()).gateway != "stripe":
        assert time.monotonic() < end, intent
    shown = tender("routing", "show")
    assert "rolled_back" in shown.stdout and f"version {first}, active" in shown.stdout, shown
    assert max(map(len, shown.stdout.splitlines())) <= 160, shown.stdout


def test_what_is_forced():
    assert answer("health")["gateways"][0]["overrides"] == []
    live = answer("force-open", "stripe", "--live", "--reason", "test")
    assert live["state"] == "proposed", live
    assert answer("release", "stripe", "--live", "--reason", "test")["released"] == 1
    answer("force-open", "stripe:" + answer("health")["gateways"][0]["account"].split(":")[1],
           "--reason", "test", "--for", "10m")
    try:
        end = time.monotonic() + 2
        while (intent := pay()).gateway != "adyen":
            assert time.monotonic() < end, intent
        assert "an operator kept payments away" in tender("show", intent.id).stdout
        doctor = tender("doctor")
        assert "forced open" in doctor.stdout, doctor.stdout
    finally:
        answer("release", "stripe", "--reason", "test")


def test_what_is_wrong_with_a_file():
    cases = [
        ("nul.json", '{"rules": []\0}', "text_invalid"),
        ("huge.json", " " * 300_000, "document_too_large"),
        ("many.json", '{"rules":[%s],"default":["stripe"]}' % ",".join(["1"] * 10_000), "too_many"),
        ("deep.json", "[" * 100_000, "too_deep"),
        ("field.json", '{"rules":[],"default":["stripe"],"x":1}', "field_unknown"),
        ("shadow.json", '{"rules":[{"name":"a","priority":["stripe"]},'
         '{"name":"b","priority":["adyen"]}],"default":["stripe"]}', "rule_shadowed")]
    for name, text, reason in cases:
        done = tender("routing", "validate", rules(name, text))
        assert done.returncode == 64, (name, done)
        assert reason in done.stdout + done.stderr, (name, done)
    proposed = tender("routing", "propose", rules(*cases[-1][:2]), "--reason", "test")
    assert proposed.returncode == 64 and "ROUTING_INVALID" in proposed.stderr, proposed
    missing = tender("routing", "validate", str(FOLDER / "none.json"))
    assert missing.returncode == 64 and "does not exist" in missing.stderr, missing
