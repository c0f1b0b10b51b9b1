"""A gateway's report against the books, by the command line."""
import json
import pathlib
import tempfile

from recovery import run
from scene import *

GATEWAY = ("--gateway", "stripe:acct_local")
HEADER = ("automatic_payout_id,balance_transaction_id,created_utc,currency,gross,fee,net,"
          "reporting_category,source_id,payment_intent_id\n")


def line(payment, gross, fee, net):
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
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
                          + line("pi_nobody", "10.00", "0.40", "9.60"))
        taking = ("recon", "import", str(report), *GATEWAY, "--json", "--key", key())
        taken = json.loads(run(*taking))
        assert taken["lines"] == 2, taken
        assert json.loads(run(*taking)) == taken, "the same key is the same answer"
        # Under another key too it is the same file.
        again = run(*taking[:-2], code=64)
        assert "REPORT_" in again, again
        wrong = pathlib.Path(folder) / "wrong.csv"
        wrong.write_text(HEADER + line("pi_other", "10.00", "0.40", "9.61"))
        assert "REPORT_" in run("recon", "import", str(wrong), *GATEWAY, code=64)

    # The live books of the same account know nothing of it.
    assert "NO_REPORT_IMPORTED" in run("recon", "run", *GATEWAY, "--live", code=64)

    # Money that nobody has booked is a difference.
    comparing = ("recon", "run", *GATEWAY, "--json", "--key", key())
    first = json.loads(run(*comparing, code=1))
    assert json.loads(run(*comparing, code=1)) == first
    assert all(total["deviationMinor"] == 0 for total in first["totals"]), first
    assert first["breaksOpen"] >= 1 and first["lines"] == sum(
        count for name, count in first["classes"].items() if name != "timing"), first
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
