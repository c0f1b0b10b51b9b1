"""The proxy that terminates TLS before the inbound listener: deploy/nginx/inbound.conf, run as it is
but for its addresses and certificate."""
import contextlib
import hashlib
import hmac
import os
import shutil
import socket
import ssl
import tempfile
from http.client import HTTPSConnection

from notifications import (
    capture_reference, captured_at_adyen_without_a_word, item, post, secret)
from scene import *

CONFIGURATION = pathlib.Path(__file__).resolve().parents[2] / "deploy/nginx/inbound.conf"


def program(folder):
    """nginx, as it is installed, or from its Debian package without an installation: that would
    start a server on port 80."""
    installed = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    if installed:
        return installed
    subprocess.run(
        ["apt-get", "download", "nginx"], cwd=folder, check=True, capture_output=True, timeout=120)
    (package,) = folder.glob("nginx_*.deb")
    subprocess.run(["dpkg-deb", "-x", package, folder / "package"], check=True, timeout=60)
    return folder / "package/usr/sbin/nginx"


def free_port():
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def configuration(folder, port):
    """The file as it is shipped, with the marked lines adapted."""
    inbound = DEPLOYMENT.endpoints["gateway-router-inbound"]
    text = CONFIGURATION.read_text()
    for shipped, ours in {
            "server 127.0.0.1:7100;": f"server {inbound['host']}:{inbound['port']};",
            "listen 443 ssl http2;": f"listen 127.0.0.1:{port} ssl http2;",
            "/etc/tender/": f"{folder}/"}.items():
        assert shipped in text, shipped
        text = text.replace(shipped, ours)
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;\n" if os.getuid() == 0 else ""
    return (
        f"{user}daemon off;\npid {folder}/pid;\nerror_log stderr;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}{text}}}\n")


@contextlib.contextmanager
def proxy():
    with tempfile.TemporaryDirectory(prefix="tender-proxy-") as name:
        folder = pathlib.Path(name)
        port = free_port()
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-subj", "/CN=localhost", "-days", "2", "-keyout", folder / "inbound.key",
             "-out", folder / "inbound.pem"], check=True, capture_output=True, timeout=30)
        (folder / "nginx.conf").write_text(configuration(folder, port))
        log = open(folder / "log", "wb")
        process = subprocess.Popen(
            [program(folder), "-p", folder, "-e", "stderr", "-c", folder / "nginx.conf"],
            stdout=log, stderr=log)
        try:
            until(lambda: answers(port) or process.poll() is not None, 15)
            assert process.poll() is None, (folder / "log").read_text()
            yield port
        finally:
            process.terminate()
            process.wait(timeout=15)
            log.close()


def answers(port):
    with contextlib.closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def send(port, path, body=b"", method="POST", headers=None, chunked=False, version=None):
    context = ssl._create_unverified_context()
    if version:
        context.minimum_version = context.maximum_version = version
    connection = HTTPSConnection("127.0.0.1", port, timeout=15, context=context)
    with contextlib.closing(connection):
        connection.request(
            method, path, body=iter([body]) if chunked else body, headers=headers or {},
            encode_chunked=chunked)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def test_a_signed_notification_passes_and_nothing_else_does():
    intent, charge = captured_at_adyen_without_a_word()
    good = item("CAPTURE", f"psp{charge['id']}", charge["id"], capture_reference(intent), 4999)
    forged = item(
        "CAPTURE", f"psp{charge['id']}", charge["id"], capture_reference(intent), 4999,
        key=b"x" * 32)

    def body(*items):
        # Spaces and non-ASCII letters that a proxy must leave alone.
        return json.dumps(
            {"live": "false", "notificationItems": items, "note": "é  "},
            ensure_ascii=False, indent=3).encode()

    with proxy() as port:
        assert send(port, "/adyen", body(forged))[0] == 401
        assert send(port, "/stripe", b"{}", headers={"stripe-signature": "t=1,v1=00"})[0] == 401
        assert send(port, "/adyen", b"x" * 300_000)[0] == 413
        assert send(port, "/adyen", method="GET", body=None)[0] == 403
        assert send(port, "/adyen/", body(good))[0] == 404
        assert send(port, "/../stripe", b"{}")[0] in (400, 401)
        assert send(port, "/metrics", body=None, method="GET")[0] == 404
        assert send(port, "/adyen", body(good), headers={"x": "y" * 20_000})[0] == 400
        try:
            send(port, "/adyen", body(good), version=ssl.TLSVersion.TLSv1_1)
            raise AssertionError("TLS 1.1 was accepted")
        except (ssl.SSLError, ConnectionError):
            pass
        assert get(intent.id).status == PROCESSING
        old = send(port, "/adyen", body(good), version=ssl.TLSVersion.TLSv1_2)
        assert old == (200, "[accepted]")
        # Again, in chunks, which the listener itself does not read.
        assert send(port, "/adyen", body(good), chunked=True) == (200, "[accepted]")
    final = until(lambda: get(intent.id).status == SUCCEEDED and get(intent.id), 30)
    until(lambda: booked(intent.id) == 4999)
    assert final.amount_captured_minor == 4999, final


def test_a_stripe_event_keeps_its_bytes():
    """Its signature covers every byte: one more blank and it would be refused."""
    payload = b'{ "id":"evt_proxy",  "object":"event","livemode":false,"type":"ping","created":1,' \
        b'"data":{"object":{"id":"x","object":"ping"}}}\n'
    at = int(time.time())
    code = hmac.new(
        secret("stripe.webhook").encode(), b"%d." % at + payload, hashlib.sha256).hexdigest()
    headers = {"stripe-signature": f"t={at},v1={code}", "content-type": "application/json"}
    with proxy() as port:
        assert send(port, "/stripe", payload, headers=headers)[0] == 200
        assert send(port, "/stripe", payload + b" ", headers=headers)[0] == 401


def raw(port, text):
    """The status line of an answer to bytes that no client library would send; 0 for none."""
    context = ssl._create_unverified_context()
    with socket.create_connection(("127.0.0.1", port), timeout=15) as plain:
        with context.wrap_socket(plain) as connection:
            connection.sendall(text)
            try:
                answer = connection.recv(64)
            except (ssl.SSLError, ConnectionError):
                return 0
    return int(answer.split(b" ")[1]) if answer.startswith(b"HTTP/1.") else 0


def stripe_headers(payload, at=None):
    at = int(time.time()) if at is None else at
    code = hmac.new(
        secret("stripe.webhook").encode(), b"%d." % at + payload, hashlib.sha256).hexdigest()
    return {"stripe-signature": f"t={at},v1={code}"}


def bad_inputs():
    """(what, path, body, headers, status): signed wherever the signature is not the point."""
    event = b'{"id":"evt_bad","type":"ping","created":1,"data":{"object":{"object":"ping"}}}'
    true = item("CAPTURE", "pspbad", "none", "none", 1)
    many = json.dumps({"live": "false", "notificationItems": [true] * 101}).encode()
    forged = item("CAPTURE", "pspforged", "none", "none", 1, key=b"x" * 32)
    for what, payload in {
            "cut off": event[:-9], "empty": b"", "no JSON": b"hello", "NUL": event[:5] + b"\0" + event[5:],
            "not UTF-8": event.replace(b"ping", b"p\xffng", 1), "an array": b"[1,2]",
            "deep": b"[" * 5000 + b"]" * 5000, "no id": b'{"type":"ping"}',
            "other types": b'{"id":1,"type":[],"data":{}}'}.items():
        yield what, "/stripe", payload, stripe_headers(payload), 400
    yield "old", "/stripe", event, stripe_headers(event, int(time.time()) - 301), 401
    yield "from the future", "/stripe", event, stripe_headers(event, int(time.time()) + 400), 401
    yield "unsigned", "/stripe", event, {}, 401
    for header in ("", "t=,v1=", "v1=00", f"t={2 ** 70},v1=00", "t=1,t=2,v1=00", ",,,=" * 50):
        yield f"signature {header[:20]!r}", "/stripe", event, {"stripe-signature": header}, 401
    for what, payload, status in (
            ("no items", b'{"live":"false","notificationItems":[]}', 400),
            ("unsigned item", json.dumps({"live": "false", "notificationItems": [
                {"NotificationRequestItem": {"eventCode": "CAPTURE"}}]}).encode(), 401),
            ("true and forged", json.dumps(
                {"live": "false", "notificationItems": [true, forged]}).encode(), 401),
            ("101 items", many, 413), ("too large", b" " * (256 * 1024 + 1), 413)):
        yield what, "/adyen", payload, {}, status


def test_bad_input_is_refused_at_the_listener_and_behind_the_proxy():
    stub = common_pb2_grpc.OperationsStub(DEPLOYMENT.channel("gateway-router", "operator"))

    def waiting():
        status = stub.GetStatus(common_pb2.GetStatusRequest(), timeout=5)
        return next(queue.length for queue in status.queues if queue.name == "notifications")

    before = waiting()
    with proxy() as port:
        for what, path, payload, headers, status in bad_inputs():
            assert post(path, payload, headers)[0] == status, (what, "at the listener")
            assert send(port, path, payload, headers=headers)[0] == status, (what, "behind the proxy")
        host = b"POST /stripe HTTP/1.1\r\nHost: x\r\n"
        for what, text in {
                "two lengths": host + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
                "length and chunks": host + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "no length": host + b"Transfer-Encoding: something\r\n\r\n",
                "a negative length": host + b"Content-Length: -1\r\n\r\n",
                "a broken chunk": host + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
                "no HTTP": b"\x16\x03\x01hello\r\n\r\n"}.items():
            status = raw(port, text)
            assert status == 0 or 400 <= status < 600, (what, status)
        assert send(port, "/stripe", b"{}", method="PUT")[0] == 403
        assert send(port, "/adyen%2f", b"{}")[0] == 404
    assert waiting() == before, "nothing of it was stored"
