"""The contracts as tests walk them: every method with its rules, and requests made from their
descriptors alone, so that a new method or field is covered on the day it is written."""
import copy
import importlib
import pathlib

import tender_client
from google.protobuf import message_factory, timestamp_pb2
from google.rpc import error_details_pb2, status_pb2
from tender.options.v1 import options_pb2

# The packages of the six services, and what each executable is called.
EXECUTABLES = {
    "intents": "intents", "vault": "vault-token", "gateway": "gateway-router", "ledger": "ledger",
    "webhooks": "webhooks", "billing": "billing"}
CALLERS = {
    options_pb2.CALLER_MERCHANT: "merchant", options_pb2.CALLER_OPERATOR: "operator",
    options_pb2.CALLER_AUDITOR: "auditor", options_pb2.CALLER_INTENTS: "intents",
    options_pb2.CALLER_GATEWAY_ROUTER: "gateway-router", options_pb2.CALLER_LEDGER: "ledger",
    options_pb2.CALLER_VAULT_TOKEN: "vault-token", options_pb2.CALLER_WEBHOOKS: "webhooks",
    options_pb2.CALLER_BILLING: "billing", options_pb2.CALLER_ANYONE: "anyone"}


class Method:
    """One method as one executable serves it."""

    def __init__(self, service, descriptor, executable):
        self.descriptor = descriptor
        self.service = service
        self.executable = executable
        self.path = f"/{service.full_name}/{descriptor.name}"
        self.rules = descriptor.GetOptions().Extensions[options_pb2.rules]
        self.access = {CALLERS[caller] for caller in self.rules.access}
        self.mutates = self.rules.mutation != options_pb2.MUTATION_READS
        self.keyed = self.rules.mutation == options_pb2.MUTATION_KEYED
        self.scoped = self.rules.merchant == options_pb2.MERCHANT_SCOPE_REQUIRED
        self.request = message_factory.GetMessageClass(descriptor.input_type)

    def __repr__(self):
        return f"{self.executable}{self.path}"


def _methods():
    found = []
    for file in sorted((tender_client.PROTO / "tender").glob("*/v1/*.proto")):
        package = file.parts[-3]
        if package in ("options", "testing"):
            continue
        module = importlib.import_module(f"tender.{package}.v1.{file.stem}_pb2")
        for service in module.DESCRIPTOR.services_by_name.values():
            homes = EXECUTABLES.values() if package == "common" else [EXECUTABLES[package]]
            found += [Method(service, method, home) for method in service.methods for home in homes]
    return found


METHODS = _methods()
MUTATIONS = [method for method in METHODS if method.mutates]


def rules_of(field):
    return field.GetOptions().Extensions[options_pb2.field]


def identifier(prefix, letter="b"):
    """A well-formed id that names nothing; a merchant's is one of test mode."""
    first = prefix.split("|")[0]
    return f"{first}_" + "a" + letter * 26 + "a"


def full(descriptor, letter="b"):
    """A request in which every field has a value that keeps the field's own rules."""
    message = message_factory.GetMessageClass(descriptor)()
    for field in descriptor.fields:
        if field.containing_oneof and len(field.containing_oneof.fields) > 1:
            if field.containing_oneof.fields[0] is not field:
                continue
        value = value_of(field, letter)
        if field.is_repeated:
            getattr(message, field.name).append(value)
        elif field.message_type:
            getattr(message, field.name).CopyFrom(value)
        else:
            setattr(message, field.name, value)
    return message


def value_of(field, letter="b"):
    rules = rules_of(field)
    if field.message_type:
        if field.message_type.full_name == "google.protobuf.Timestamp":
            return timestamp_pb2.Timestamp(seconds=1_900_000_000)
        if field.message_type.name == "Money":
            return message_factory.GetMessageClass(field.message_type)(
                currency="EUR", amount_minor=100)
        return full(field.message_type, letter)
    if field.type == field.TYPE_STRING:
        prefix = rules.id_prefix or ("mt" if field.name == "merchant_id" else "")
        if prefix:
            return identifier(prefix, letter)
        return {"currency": "EUR", "return_url": "https://x"}.get(field.name, "x")
    if field.type == field.TYPE_BYTES:
        return b"x"
    if field.type == field.TYPE_BOOL:
        return True
    if field.type == field.TYPE_ENUM:
        return field.enum_type.values[1].number
    if rules.has_range:
        return max(1, rules.minimum)
    return 1


def fields_of(message, path="", holder=lambda root: root):
    """(path as errors name it, field, holder) of every field; `holder(root)` is the message that
    has it, in any copy of the request."""
    for field in message.DESCRIPTOR.fields:
        present = (
            len(getattr(message, field.name)) if field.is_repeated
            else not field.has_presence or message.HasField(field.name))
        if not present:
            continue
        place = f"{path}{field.name}"
        yield place, field, holder
        if not field.message_type or field.message_type.full_name.startswith("google."):
            continue

        def inner(root, field=field, holder=holder):
            value = getattr(holder(root), field.name)
            return value[0] if field.is_repeated else value
        step = f"{place}[0]." if field.is_repeated else f"{place}."
        yield from fields_of(inner(message) if path == "" else (
            getattr(message, field.name)[0] if field.is_repeated else getattr(message, field.name)),
            step, inner)


def changed(message, holder, field, value):
    """A copy in which one field, or the first element of a list, has another value."""
    other = copy.deepcopy(message)
    target = holder(other)
    if field.is_repeated:
        getattr(target, field.name)[0] = value
    else:
        setattr(target, field.name, value)
    return other


def without(message, holder, field):
    other = copy.deepcopy(message)
    holder(other).ClearField(field.name)
    return other


def details(error):
    """(reason, field) of a refusal."""
    why, where = "", ""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
                if detail.Unpack(info):
                    why = info.reason
                elif detail.Unpack(bad) and bad.field_violations:
                    where = bad.field_violations[0].field
    return why, where
