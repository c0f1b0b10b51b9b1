"""Answers the interoperability tests with Python's protobuf.

Reads commands from standard input, one a line:
  file <hex>                     a serialised FileDescriptorProto, dependencies first
  again <message> <hex>          decode and encode again
  json <message> <hex> <hex>     whether JSON text (second) means the message (first)
  make <message> <seed>          a random message
Writes one answer a line to standard output for each command but `file`.
"""
import random
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.descriptor import FieldDescriptor as F

pool = descriptor_pool.DescriptorPool()
RANGES = {
    F.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    F.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    F.CPPTYPE_UINT32: (0, 2**32 - 1),
    F.CPPTYPE_UINT64: (0, 2**64 - 1),
}
ALPHABET = ["a", "Z", "0", " ", "é", "漢", "🙂", '"', "\\", "\n", "\x7f"]


def message_class(name):
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def value(field, source):
    kind = field.cpp_type
    if kind in RANGES:
        low, high = RANGES[kind]
        return source.choice([0, 1, low, high, source.randint(low, high)])
    if kind == F.CPPTYPE_BOOL:
        return source.random() < 0.5
    if kind == F.CPPTYPE_ENUM:
        return source.choice(field.enum_type.values).number
    if kind in (F.CPPTYPE_DOUBLE, F.CPPTYPE_FLOAT):
        return source.choice([0.0, 1.5, -2.25, 1024.0])
    if field.type == F.TYPE_BYTES:
        return bytes(source.randrange(256) for _ in range(source.choice([0, 1, 20, 200])))
    return "".join(source.choice(ALPHABET) for _ in range(source.choice([0, 1, 20, 60])))


def fill(message, source):
    for field in message.DESCRIPTOR.fields:
        if field.full_name.startswith("google.protobuf.Timestamp"):
            setattr(message, field.name, source.randint(0, 999_999_999))
        elif field.is_repeated:
            for _ in range(source.choice([0, 1, 3])):
                if field.message_type:
                    fill(getattr(message, field.name).add(), source)
                else:
                    getattr(message, field.name).append(value(field, source))
        elif source.random() < 0.4:
            continue
        elif field.message_type:
            child = getattr(message, field.name)
            child.SetInParent()
            fill(child, source)
        else:
            setattr(message, field.name, value(field, source))


def encoded(message):
    return message.SerializeToString(deterministic=True).hex() or "-"


def unhex(text):
    return b"" if text == "-" else bytes.fromhex(text)


def answer(command, arguments):
    if command == "again":
        return encoded(message_class(arguments[0]).FromString(unhex(arguments[1])))
    if command == "make":
        message = message_class(arguments[0])()
        fill(message, random.Random(int(arguments[1])))
        return encoded(message)
    if command == "json":
        cls = message_class(arguments[0])
        text = unhex(arguments[2]).decode()
        parsed = json_format.Parse(text, cls(), descriptor_pool=pool)
        return "same" if parsed == cls.FromString(unhex(arguments[1])) else "different: " + text
    raise ValueError(command)


for line in sys.stdin:
    command, *arguments = line.split()
    if command == "file":
        pool.Add(descriptor_pb2.FileDescriptorProto.FromString(unhex(arguments[0])))
        continue
    try:
        print(answer(command, arguments).replace("\n", " "))
    except Exception as error:  # the test shows it
        print(f"error: {error!r}".replace("\n", " "))
