"""A gateway's report against the books, by the command line."""
import json
import pathlib
import tempfile

from recovery import run
from scene import *

GATEWAY = ("--gateway", "stripe:acct_local")
HEADER = ("automatic_payout_id,balance_transaction_id,created_utc,currency,gross,fee,net,"
          "reporting_category,source_id,payment_intent_id\n")


def line(payment, gross, fee, net, at=None):
    at = at or time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
    return f"po_{payment},txn_{payment},{at},eur,{gross},{fee},{net},charge,ch_{payment},{payment}\n"


def unbooked(decimal):
    """Breaks about money that the gateway reports and nobody has booked."""
    return [found for found in json.loads(run("recon", "breaks", *GATEWAY, "--json"))
            if found["reconClass"] == "missing_internal" and decimal in found["reported"]]


def test_a_report_is_taken_once_and_its_lines_are_classified():
    intent = pay()
    until(lambda: booked(intent.id) == 4999)
    [charge] = charges(intent.id)
    assert charge["gateway"] == "stripe", charge
    payment = charge["id"]
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.csv"
        report.write_text(HEADER + line(payment, "49.99", "1.75", "48.24")
                          + line("pi_nobody", "10.00", "0.40", "9.60")
                          + line("pi_nobody_either", "0.03", "0.00", "0.03"))
        taking = ("recon", "import", str(report), *GATEWAY, "--json", "--key", key())
        taken = json.loads(run(*taking))
        assert taken["lines"] == 3, taken
        assert json.loads(run(*taking)) == taken, "the same key is the same answer"
        # Under another key too it is the same file.
        again = run(*taking[:-2], code=64)
        assert "REPORT_" in again, again
        wrong = pathlib.Path(folder) / "wrong.csv"
        wrong.write_text(HEADER + line("pi_other", "10.00", "0.40", "9.61"))
        assert "REPORT_" in run("recon", "import", str(wrong), *GATEWAY, code=64)

        # Whoever takes it for the live books is told so, and leaves nothing behind.
        assert "BOOKS_UNKNOWN" in run("recon", "import", str(report), *GATEWAY, "--live", code=64)

    # The live books of the same account know nothing of it.
    assert "NO_REPORT_IMPORTED" in run("recon", "run", *GATEWAY, "--live", code=64)

    # Money that nobody has booked is a difference.
    comparing = ("recon", "run", *GATEWAY, "--json", "--key", key())
    first = json.loads(run(*comparing, code=1))
    assert json.loads(run(*comparing, code=1)) == first
    assert all(total["deviationMinor"] == 0 for total in first["totals"]), first
    assert first["breaksOpen"] >= 1 and first["lines"] == sum(
        count for name, count in first["classes"].items() if name != "timing"), first
    # The fee of the payment is booked, beside it; that of the other line waits for its line.
    [euro] = [total for total in first["totals"] if total["currency"] == "EUR"]
    assert euro["unbookedFeesMinor"] == 40, euro
    [unknown] = unbooked("10.00")
    assert not unbooked("49.99"), unbooked("49.99")
    noting = ("recon", "acknowledge", unknown["id"], "--note", "asked the gateway", "--json",
              "--key", key())
    noted = json.loads(run(*noting))
    assert noted["state"] == "acknowledged", noted
    assert json.loads(run(*noting)) == noted
    assert "pi_nobody" in run("recon", "explain", unknown["id"])
    second = json.loads(run("recon", "run", *GATEWAY, "--json", code=1))
    assert second["breaksOpened"] == 0 and second["classes"] == first["classes"], (first, second)

    # What nobody of ours asked for is booked as such, and ends its break; the run pairs the two, and
    # books the fee.
    resolving = ("recon", "resolve", unknown["id"], "--book", "orphan_capture", "--merchant",
                 DEPLOYMENT.merchant, "--json", "--key", key())
    resolved = json.loads(run(*resolving))
    assert resolved["found"]["state"] == "resolved", resolved
    assert json.loads(run(*resolving)) == resolved
    third = json.loads(run("recon", "run", *GATEWAY, "--json", code=1))
    [euro] = [total for total in third["totals"] if total["currency"] == "EUR"]
    assert third["breaksOpened"] == 0 and euro["unbookedFeesMinor"] == 0, third
    assert not unbooked("10.00"), unbooked("10.00")

    # Three cents are given up by two people.
    [small] = unbooked("0.03")
    proposal = json.loads(run("recon", "write-off", "propose", small["id"], "--words",
                              "nobody will ask", "--merchant", DEPLOYMENT.merchant, "--json"))
    assert "SAME_PERSON" in run("recon", "write-off", "approve", proposal["id"], "--as", "operator",
                                code=64)
    approved = json.loads(run("recon", "write-off", "approve", proposal["id"], "--json"))
    assert approved["transaction"].startswith("ltx_"), approved
    assert not unbooked("0.03"), unbooked("0.03")
    assert json.loads(run("recon", "run", *GATEWAY, "--json"))["breaksOpened"] == 0

    # What was imported is compared by itself as well.
    [schedule] = [row for row in json.loads(run("recon", "schedule", "--json"))
                  if row["account"] == "stripe:acct_local"]
    assert schedule["lastRun"].startswith("rr_") and schedule["failures"] == 0, schedule


def test_reconciled_days_are_sealed_and_reopened_by_what_comes_late():
    [first, *_] = json.loads(run("ledger", "seals", "--json"))["seals"]
    day, today = first["day"], time.strftime("%Y-%m-%d", time.gmtime())
    assert "BOOKS_DAY_OPEN" in run("recon", "seal", today, *GATEWAY, code=64)
    assert "DAY_INVALID" in run("recon", "seal", "yesterday", *GATEWAY, code=64)
    sealing = ("recon", "seal", day, *GATEWAY, "--json")
    one = json.loads(run(*sealing))
    assert one["day"] == day and one["run"].startswith("rr_") and "reopenedFrom" not in one, one
    assert one["booksRoot"] == first["root"] and json.loads(run(*sealing)) == one

    with tempfile.TemporaryDirectory() as folder:
        late = pathlib.Path(folder) / "late.csv"
        late.write_text(HEADER + line("pi_late", "5.00", "0.00", "5.00", f"{day} 12:00:00"))
        run("recon", "import", str(late), *GATEWAY)
    listed = json.loads(run("recon", "seals", *GATEWAY, "--json"))
    assert listed == [{**one, "reopenedFrom": day}], listed
    assert "BREAKS_OPEN" in run("recon", "seal", day, *GATEWAY, code=64)
    [found] = unbooked("5.00")
    run("recon", "accept", found["id"], "--note", "theirs")
    two = json.loads(run(*sealing))
    assert (two["number"], two["acceptedBreaks"]) == (one["number"] + 1, 1), two
    assert json.loads(run("recon", "seals", *GATEWAY, "--json")) == [two, one]
    newest = [row for row in json.loads(run("recon", "seals", "--json"))
              if row["account"] == "stripe:acct_local"]
    assert newest == [two], newest
    text = run("recon", "seals")
    assert day in text and all(len(written) <= 100 for written in text.splitlines()), text


def test_what_will_be_paid_out_is_forecast():
    """The ledger looks every few minutes: what it has seen by now holds together."""
    for forecast in json.loads(run("recon", "forecast", "--days", "120", "--json")):
        expected = sum(day["p50Minor"] for day in forecast["days"])
        assert expected + forecast["feesMinor"] == forecast["openMinor"], forecast
        assert all(0 <= day["p10Minor"] <= day["p50Minor"] <= day["p90Minor"]
                   for day in forecast["days"]), forecast
        methods = sum(method["openMinor"] for method in forecast["methods"])
        assert methods == forecast["openMinor"], forecast
    assert isinstance(json.loads(run("recon", "forecast", "--errors", "--json")), list)
    for text in (run("recon", "forecast"), run("recon", "forecast", "--errors")):
        assert all(len(written) <= 100 for written in text.splitlines()), text
    assert run("recon", "forecast", "--csv").startswith("account,mode,currency,method,day,p10,p50,p90,")
    assert "CURRENCY_UNKNOWN" in run("recon", "forecast", "--currency", "XXQ", code=64)
    assert "--gateway" in run("recon", "forecast", "--live", code=64)
    assert "--days" in run("recon", "forecast", "--days", "121", code=64)
