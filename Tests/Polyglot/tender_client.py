"""Calls Tender from Python with grpcio and the plain .proto files: what any language would do."""
import atexit
import importlib
import json
import os
import pathlib
import shutil
import sys
import tempfile

import grpc
from grpc_tools import protoc

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROTO = ROOT / "proto"


def compile_contracts():
    """Python modules from proto/, made in a directory that is removed at the end: what is not
    imported yet is imported from there later."""
    target = tempfile.mkdtemp(prefix="tender-proto-")
    atexit.register(shutil.rmtree, target, ignore_errors=True)
    files = [
        str(p.relative_to(PROTO)) for top in ("tender", "google", "grpc")
        for p in (PROTO / top).rglob("*.proto") if "testing" not in p.parts]
    files = [f for f in files if not f.startswith("google/protobuf/")]
    include = importlib.resources.files("grpc_tools") / "_proto"
    code = protoc.main(
        ["protoc", f"-I{PROTO}", f"-I{include}", f"--python_out={target}",
         f"--grpc_python_out={target}", *files])
    if code != 0:
        raise SystemExit("the contracts do not compile")
    # google.rpc and tender are made here; google.protobuf is the library's own.
    sys.path.insert(0, target)
    google = importlib.import_module("google")
    google.__path__.append(os.path.join(target, "google"))


compile_contracts()
from tender.common.v1 import common_pb2, common_pb2_grpc  # noqa: E402
from tender.gateway.v1 import gateway_pb2  # noqa: E402
from tender.intents.v1 import intents_pb2, intents_pb2_grpc  # noqa: E402
from tender.ledger.v1 import ledger_pb2, ledger_pb2_grpc  # noqa: E402
from tender.vault.v1 import vault_pb2, vault_pb2_grpc  # noqa: E402
from google.rpc import error_details_pb2, status_pb2  # noqa: E402


class Deployment:
    """A local deployment: its addresses and certificates, from .tender/."""

    def __init__(self, home=ROOT / ".tender"):
        self.home = pathlib.Path(home)
        self.endpoints = json.loads((self.home / "endpoints.json").read_text())
        self.merchant = (self.home / "merchant-demo").read_text().strip()

    def channel(self, service, identity="client-demo"):
        certs = self.home / "certs"
        credentials = grpc.ssl_channel_credentials(
            (certs / "ca.pem").read_bytes(), (certs / f"{identity}.key").read_bytes(),
            (certs / f"{identity}.pem").read_bytes())
        address = self.endpoints[service]
        return grpc.secure_channel(f"{address['host']}:{address['port']}", credentials)

    def intents(self):
        return intents_pb2_grpc.PaymentIntentsStub(self.channel("intents"))

    def vault(self):
        return vault_pb2_grpc.PaymentMethodsStub(self.channel("vault-token"))

    def control(self):
        address = self.endpoints["gateway-sim"]
        return f"http://{address['host']}:{address['port']}"


def card(vault, alias, stripe, adyen):
    """The id of a test card, registered on first use."""
    try:
        found = vault.DescribePaymentMethod(
            vault_pb2.DescribePaymentMethodRequest(alias=alias), timeout=5)
        return found.payment_method.id
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.NOT_FOUND:
            raise
    made = vault.CreatePaymentMethod(
        vault_pb2.CreatePaymentMethodRequest(
            type=vault_pb2.PAYMENT_METHOD_TYPE_CARD,
            references=[
                vault_pb2.GatewayReference(
                    gateway="stripe", reference=stripe, customer_reference="cus_demo"),
                vault_pb2.GatewayReference(
                    gateway="adyen", reference=adyen, customer_reference="shopper_demo"),
            ],
            card=vault_pb2.CardSummary(
                brand="visa", last4="4242", expiry_month=12, expiry_year=2030, country="DE"),
            alias=alias),
        metadata=[("idempotency-key", f"register-{alias}")], timeout=5)
    return made.payment_method.id


def reason(error):
    """The ErrorInfo reason of a refusal."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            status = status_pb2.Status.FromString(value)
            for detail in status.details:
                info = error_details_pb2.ErrorInfo()
                if detail.Unpack(info):
                    return info.reason
    return ""
