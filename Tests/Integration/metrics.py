"""What the services measure: counted by a payment, told to operators and auditors, printed by the tool."""
import json
import re

from scene import *
from contracts import METHODS
from people import send

LIST = [method for method in METHODS if method.path.endswith("/ListMetrics")]


def families(executable, person="operator"):
    method = next(method for method in LIST if method.executable == executable)
    answer = method.descriptor.output_type._concrete_class.FromString(
        send(method, person, method.request(), []))
    return {family.name: family for family in answer.families}


def value(executable, name, **labels):
    """A series' value, a histogram's count; 0 when it is not there yet."""
    family = families(executable).get(name)
    for series in family.series if family else []:
        has = {label.name: label.value for label in series.labels}
        if all(has.get(key) == wanted for key, wanted in labels.items()):
            return series.buckets[-1].count if series.buckets else series.value
    return 0


CREATE = {"service": "tender.intents.v1.PaymentIntents", "method": "CreatePaymentIntent"}
WATCHED = [
    ("intents", "tender_rpc_requests_total", {**CREATE, "code": "OK"}, 2),
    ("intents", "tender_rpc_duration_seconds", CREATE, 2),
    ("intents", "tender_idempotency_total", {"result": "executed"}, 1),
    ("intents", "tender_idempotency_total", {"result": "replayed"}, 1),
    ("intents", "tender_payment_intents_total", {"status": "succeeded"}, 1),
    ("intents", "tender_database_commits_total", {}, 2),
    ("gateway-router", "tender_rpc_requests_total", {"method": "ExecuteOperation", "code": "OK"}, 1),
    ("gateway-router", "tender_gateway_calls_total",
     {"gateway": "stripe", "call": "authorize", "outcome": "succeeded"}, 1),
    ("vault-token", "tender_rpc_requests_total", {"method": "ResolvePaymentMethod", "code": "OK"}, 1),
    ("ledger", "tender_rpc_requests_total", {"method": "Post", "code": "OK"}, 1),
    ("webhooks", "tender_rpc_requests_total", {"method": "Publish", "code": "OK"}, 1),
]


def test_a_payment_moves_the_counters():
    before = [value(service, name, **labels) for service, name, labels, _ in WATCHED]
    metadata = with_key()
    assert pay(metadata=metadata).id == pay(metadata=metadata).id
    declined = value("intents", "tender_payment_intents_total", status="failed")
    pay(order(method=DECLINED))
    for (service, name, labels, least), was in zip(WATCHED, before):
        # What travels by outbox comes a little later.
        until(lambda: value(service, name, **labels) >= was + least, 20)
    until(lambda: value("intents", "tender_payment_intents_total", status="failed") > declined, 20)


def test_every_service_tells_of_its_process():
    for method in LIST:
        seen = families(method.executable, "auditor")
        for name, least in [
            ("process_cpu_seconds_total", 0.001), ("process_resident_memory_bytes", 1 << 20),
            ("process_open_fds", 5), ("tender_reactor_busy_seconds_total", 0.001),
            ("tender_reactor_jobs_total", 10), ("tender_database_statements_total", 1),
            ("tender_database_connections", 1), ("tender_build_info", 1),
        ]:
            assert max(s.value for s in seen[name].series) >= least, (method, name, seen[name])
        assert {label.value for s in seen["tender_alerts_open"].series for label in s.labels} == {
            "critical", "warning", "info"}, method
        assert seen["tender_metrics_refused_series_total"].series[0].value == 0, method
        assert seen["tender_metrics_series"].series[0].value < 500, method
        failures = seen["tender_metrics_source_failures_total"].series
        assert failures and all(s.value == 0 for s in failures), (method, failures)
        undocumented = [name for name, family in seen.items() if not family.help]
        assert not undocumented, (method, undocumented)
    assert len(LIST) == 6
    queues = families("intents")["tender_queue_length"].series
    assert {label.value for s in queues for label in s.labels} >= {
        "outbox.ledger", "outbox.webhooks", "outbox.billing"}, queues
    states = families("gateway-router")["tender_gateway_breaker_state"].series
    assert sum(s.value for s in states) == len(states) / 3, states


SAMPLE = re.compile(
    r'[a-zA-Z_:][a-zA-Z0-9_:]*\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)+\} '
    r'(?:[-+]?[0-9.]+(?:e[-+]?[0-9]+)?|[-+]Inf|NaN)')


def test_the_tool_prints_the_text_format():
    lines = tender("metrics").splitlines()
    typed, seen = {}, set()
    for line in lines:
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            assert name not in typed, name
            typed[name] = kind
        elif not line.startswith("# HELP "):
            assert SAMPLE.fullmatch(line), line
            series = line.rsplit(" ", 1)[0]
            assert series not in seen, series
            seen.add(series)
            base = re.sub(r"_(?:bucket|sum|count)$", "", line.split("{")[0])
            assert typed.get(line.split("{")[0]) or typed.get(base) == "histogram", line
    assert typed["tender_rpc_requests_total"] == "counter"
    assert {job for line in lines for job in re.findall(r'job="([^"]*)"', line)} == {
        "intents", "gateway-router", "ledger", "vault-token", "webhooks", "billing"}
    one = json.loads(tender("metrics", "intents", "--json"))
    assert {sample["service"] for sample in one} == {"intents"}
    assert any(sample["name"] == "tender_rpc_duration_seconds" and sample["buckets"][-1]["le"] == "+Inf"
               for sample in one), one[:3]
