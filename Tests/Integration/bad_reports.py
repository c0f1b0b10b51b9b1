"""Report files that are refused: by RPC and by the command line, with a reason and what to do, and
nothing of them is left; the same file put right is taken, once."""
import hashlib
import tempfile

from people import channel
from recovery import run
from report_files import *
from scene import *
from tender.ledger.v1 import reconciliation_pb2, reconciliation_pb2_grpc

RECON = reconciliation_pb2_grpc.ReconciliationStub(channel("ledger", "operator"))
TOTAL = "TOTAL_DIFFERS"
STRIPE = reconciliation_pb2.RECON_REPORT_KIND_PAYOUT_RECONCILIATION
ADYEN = reconciliation_pb2.RECON_REPORT_KIND_SETTLEMENT_DETAIL


class Import:
    """One file, by RPC and by the command line."""

    def __init__(self, content, kind=STRIPE, account=ACCOUNT, gateway=None, **fields):
        self.content = content if isinstance(content, bytes) else content.encode()
        self.kind, self.account = kind, account
        self.gateway = gateway or ("stripe" if kind == STRIPE else "adyen")
        self.fields = {"sha256": hashlib.sha256(self.content).digest(), "currency": "EUR", **fields}

    def call(self):
        return RECON.ImportReport(reconciliation_pb2.ImportReportRequest(
            gateway=self.gateway, gateway_account=self.account, kind=self.kind,
            content=self.content, **self.fields), metadata=with_key(), timeout=30).file

    def command(self, code=64):
        with tempfile.NamedTemporaryFile(prefix="report-", suffix=".csv") as file:
            file.write(self.content)
            file.flush()
            currency = ("--currency", self.fields["currency"]) if self.fields["currency"] else ()
            totals = [word for total in self.fields.get("payouts", ()) for word in (
                "--payout", f"{total.batch}={total.net.amount_minor / 100:.2f} "
                f"{total.net.currency}")]
            return run(
                "recon", "import", file.name, "--gateway", f"{self.gateway}:{self.account}",
                "--sha256", self.fields["sha256"].hex(), *currency, *totals, code=code)

    def refused(self, name, why):
        try:
            raise AssertionError((name, "taken", self.call()))
        except grpc.RpcError as error:
            got = error.code().name, reason(error)
        assert got == ("FAILED_PRECONDITION", f"REPORT_{why}"), (name, got)
        said = self.command()
        assert f"REPORT_{why}" in said and said.count("\n") == 1, (name, said)
        assert DIGITS not in said, (name, said)


def total(batch, minor, currency="EUR"):
    return reconciliation_pb2.PayoutTotal(
        batch=batch, net=common_pb2.Money(currency=currency, amount_minor=minor))


def lines_of_the_books(gateway="stripe"):
    """What every file that was taken has brought, once compared."""
    return RECON.RunReconciliation(reconciliation_pb2.RunReconciliationRequest(
        gateway=gateway, gateway_account=ACCOUNT), metadata=with_key(), timeout=60).line_count


def breaks():
    return RECON.ListBreaks(reconciliation_pb2.ListBreaksRequest(
        gateway="stripe", gateway_account=ACCOUNT, page_size=500, all=True), timeout=10).breaks


def test_a_bad_file_is_refused_and_its_correction_taken():
    for name, bad, why in FILES:
        right = stripe(name)
        Import(bad(right)).refused(name, why)
        assert Import(right).call().line_count == 2, name
    assert lines_of_the_books() == 2 * len(FILES)
    found = {one.reported.amount_minor for one in breaks()}
    assert found == {1_000, 4_999}, found


def test_what_the_router_and_the_payout_say_is_compared():
    text, settled = stripe("told"), adyen("told")
    before = lines_of_the_books()
    Import(text, sha256=bytes(32)).refused("another hash", "HASH_DIFFERS")
    Import(text, currency="USD").refused("another currency", CURRENCY)
    paid = "po_pi_told_1"
    for batch, minor, currency in (
            (paid, 961, "EUR"), (paid, 960, "USD"), ("po_none", 960, "EUR")):
        Import(text, payouts=[total(batch, minor, currency)]).refused((batch, minor), TOTAL)
    Import(text, payouts=[total(paid, 960), total(paid, 961)]).refused("two totals", TOTAL)
    Import(change(",49.24,,,", ",49.25,,,")(settled), ADYEN).refused("another sum", TOTAL)
    Import("".join(settled.splitlines(True)[:2]), ADYEN).refused("without its payout", TOTAL)
    Import(settled.replace(ACCOUNT, "Other", 1), ADYEN).refused("another's", "ACCOUNT_DIFFERS")
    Import(settled, ADYEN, payouts=[total("1", 4924)]).refused("another batch", TOTAL)
    Import(text, ADYEN).refused("the other gateway's", MALFORMED)
    assert lines_of_the_books() == before
    Import(text, payouts=[total(paid, 960), total("po_pi_told_2", 4824)]).command(code=0)
    Import(settled, ADYEN).command(code=0)


def test_a_file_is_taken_once_however_it_is_dressed():
    text, settled = stripe("once"), adyen("once")
    assert Import(text).call().line_count == 2 == Import(settled, ADYEN).call().line_count
    before = lines_of_the_books()
    Import(text).refused("the same bytes", "DUPLICATE")
    for name, dressed in (
            ("CR LF", text.replace("\n", "\r\n")), ("a mark", "\ufeff" + text),
            ("other columns first", reordered(text)),
            ("quotes", text.replace("charge", '"charge"')),
            ("capitals", text.replace(",eur,", ",EUR,")),
            ("fewer digits", text.replace(",10.00,", ",10.0,")), ("a blank line", text + "\n")):
        Import(dressed).refused(name, "REENCODED")
    Import(settled.replace("\n", "\r\n"), ADYEN).refused("CR LF", "REENCODED")
    assert lines_of_the_books() == before and lines_of_the_books("adyen") == 4


def test_a_file_under_a_mistyped_name_is_taken_under_the_right_one():
    text = stripe("mistyped")
    assert refusal(Import(text, gateway="paypal").call) == (
        "INVALID_ARGUMENT", "GATEWAY_ACCOUNT_INVALID")
    mistyped = Import(text, account=f"{ACCOUNT}_mistyped")
    assert mistyped.call().line_count == 2
    mistyped.refused("the same bytes", "DUPLICATE")
    Import(text).command(code=0)
    Import(text).refused("the same bytes", "DUPLICATE")
