"""Calls the echo service as a Python client would. Arguments: port, CA, chain, key."""
import sys
import threading

import grpc

port, authority, chain, key = sys.argv[1:5]


def read(path):
    with open(path, "rb") as file:
        return file.read()


def same(value):
    return value


credentials = grpc.ssl_channel_credentials(read(authority), read(key), read(chain))
options = [("grpc.max_receive_message_length", 8 << 20)]
channel = grpc.secure_channel(f"localhost:{port}", credentials, options)


def unary(name):
    return channel.unary_unary(f"/test.Echo/{name}", same, same)


def check(condition, what):
    if not condition:
        sys.exit(f"failed: {what}")


def code_of(call):
    try:
        call()
    except grpc.RpcError as error:
        return error
    return None


# Unary, with text and binary metadata both ways.
response, call = unary("Unary").with_call(
    b"hello", metadata=(("echo-text", "a b"), ("echo-bytes-bin", b"\x00\xff\x01"))
)
check(response == b"hello", "unary")
check(("echo-text", "a b") in call.initial_metadata(), "text metadata")
check(("echo-bytes-bin", b"\x00\xff\x01") in call.trailing_metadata(), "binary metadata")

# Large messages both ways, through both windows.
large = bytes(range(256)) * 12 * 1024
check(unary("Unary")(large) == large, "3 MiB message")

# Many at once.
futures = [unary("Unary").future(str(number).encode()) for number in range(200)]
check([f.result() for f in futures] == [str(n).encode() for n in range(200)], "200 at once")

# Streams.
collect = channel.stream_unary("/test.Echo/Collect", same, same)
check(collect(iter([b"a", b"b", b"c"])) == b"abc", "client streaming")
expand = channel.unary_stream("/test.Echo/Expand", same, same)
check(list(expand(b"xyz")) == [b"x", b"y", b"z"], "server streaming")
both = channel.stream_stream("/test.Echo/Bidirectional", same, same)
check(list(both(iter([b"1", b"", b"3"]))) == [b"1", b"", b"3"], "bidirectional streaming")

# Errors.
error = code_of(lambda: unary("Fail")(bytes([9])))
check(error.code() == grpc.StatusCode.FAILED_PRECONDITION, "status code")
check(error.details() == "as asked: 100 % \u00fcnlucky\n", "status message")
check(("why-bin", b"\x01\x02") in error.trailing_metadata(), "error metadata")
error = code_of(lambda: unary("Nothing")(b""))
check(error.code() == grpc.StatusCode.UNIMPLEMENTED, "unknown method")
error = code_of(lambda: unary("Unary")(b"x" * (9 << 20)))
check(error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, "message above the limit")
error = code_of(lambda: unary("Unary")(b"x", compression=grpc.Compression.Gzip))
check(error.code() == grpc.StatusCode.UNIMPLEMENTED, "compression refused")

# Deadline and cancellation.
error = code_of(lambda: unary("Hang")(b"", timeout=0.2))
check(error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, "deadline")
future = unary("Hang").future(b"")
threading.Timer(0.2, future.cancel).start()
try:
    future.result()
    sys.exit("failed: cancel")
except grpc.FutureCancelledError:
    pass

# Without a certificate nothing is answered.
bare = grpc.secure_channel(
    f"localhost:{port}", grpc.ssl_channel_credentials(read(authority))
)
error = code_of(lambda: bare.unary_unary("/test.Echo/Unary", same, same)(b"x", timeout=5))
check(error.code() == grpc.StatusCode.UNAVAILABLE, "no certificate")
print("every check passed")
