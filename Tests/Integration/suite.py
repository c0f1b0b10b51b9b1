"""The promises of one payment, checked through the contracts and the simulator's books alone."""
import pathlib
import sys
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Polyglot"))
# Before those that book when they are imported.
import seals  # noqa: E402
import access  # noqa: E402
import actions  # noqa: E402
import bad_books  # noqa: E402
import bad_calls  # noqa: E402
import bad_holds  # noqa: E402
import bad_input  # noqa: E402
import bad_reports  # noqa: E402
import books  # noqa: E402
import command_line  # noqa: E402
import debits  # noqa: E402
import faults  # noqa: E402
import identity  # noqa: E402
import metrics  # noqa: E402
import mutations  # noqa: E402
import notifications  # noqa: E402
import objects  # noqa: E402
import outage  # noqa: E402
import payments  # noqa: E402
import proxy  # noqa: E402
import reconciliation  # noqa: E402
import recovery  # noqa: E402
import refund_outcomes  # noqa: E402
import refunds  # noqa: E402
import restores  # noqa: E402
import routing  # noqa: E402
import setups  # noqa: E402


def main():
    passed = failed = 0
    modules = (
        seals, payments, bad_input, mutations, objects, identity, access, command_line, metrics,
        notifications, proxy, refunds, refund_outcomes, debits, setups, actions, recovery,
        routing, reconciliation, bad_books, bad_calls, bad_holds, bad_reports, restores, faults,
        outage, books)
    for module in modules:
        for name, test in list(vars(module).items()):
            if not name.startswith("test_"):
                continue
            started = time.monotonic()
            try:
                test()
                passed += 1
                print(f"ok   {module.__name__}.{name} ({time.monotonic() - started:.1f} s)")
            except Exception:
                failed += 1
                print(f"FAIL {module.__name__}.{name}")
                traceback.print_exc(limit=-4, file=sys.stdout)
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
