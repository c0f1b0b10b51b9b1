"""Who calls: the deployment's own certificates, and others issued by its authority for the tests."""
import atexit
import datetime
import pathlib
import shutil
import subprocess
import tempfile

import grpc
from scene import DEPLOYMENT

CERTIFICATES = DEPLOYMENT.home / "certs"
STRANGER = "mt_" + "a" + "c" * 26 + "a"
URIS = {
    "stranger": f"spiffe://tender/merchant/{STRANGER}/test",
    "auditor": "spiffe://tender/auditor/test",
}
FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="tender-people-"))
atexit.register(shutil.rmtree, FOLDER)


def openssl(*arguments):
    subprocess.run(
        ["openssl", *arguments], check=True, cwd=FOLDER, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE)


def issue(name, uri, days=(-1, 1), authority=None):
    """(certificate, key) in PEM; `days` from now, from and to. `authority`: another one's files."""
    certificate, key = authority or (
        CERTIFICATES / "ca-current.pem", CERTIFICATES / "ca-current.key")
    now = datetime.datetime.now(datetime.timezone.utc)
    start, end = ((now + datetime.timedelta(days=day)).strftime("%Y%m%d%H%M%SZ") for day in days)
    (FOLDER / "index.txt").write_text("")
    (FOLDER / "ca.conf").write_text(
        f"[ca]\ndefault_ca=a\n[a]\ndatabase={FOLDER}/index.txt\nnew_certs_dir={FOLDER}\n"
        f"certificate={certificate}\nprivate_key={key}\ndefault_md=sha256\nrand_serial=yes\n"
        "policy=p\n[p]\ncommonName=supplied\n")
    (FOLDER / "names").write_text(
        "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
        f"extendedKeyUsage=clientAuth\nsubjectAltName=URI:{uri}\n")
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", f"{name}.key", "-out", "request.pem", "-subj", f"/CN={name}")
    openssl("ca", "-batch", "-notext", "-config", "ca.conf", "-in", "request.pem",
            "-out", f"{name}.pem", "-extfile", "names", "-startdate", start, "-enddate", end)
    return (FOLDER / f"{name}.pem").read_bytes(), (FOLDER / f"{name}.key").read_bytes()


def foreign(name, uri):
    """The same, issued by an authority that nobody knows."""
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", "other-ca.key", "-out", "other-ca.pem", "-subj", "/CN=other", "-days", "2")
    return issue(name, uri, authority=(FOLDER / "other-ca.pem", FOLDER / "other-ca.key"))


def connect(executable, certificate=None, key=None):
    address = DEPLOYMENT.endpoints[executable]
    credentials = grpc.ssl_channel_credentials(
        (CERTIFICATES / "ca.pem").read_bytes(), key, certificate)
    return grpc.secure_channel(f"{address['host']}:{address['port']}", credentials)


_channels = {}


def channel(executable, person):
    """A connection as one of: merchant, stranger, operator, auditor, or a service."""
    if (executable, person) not in _channels:
        if person in URIS:
            files = issue(person, URIS[person])
        else:
            name = {"merchant": "client-demo"}.get(person, person)
            files = tuple((CERTIFICATES / f"{name}.{end}").read_bytes() for end in ("pem", "key"))
        _channels[executable, person] = connect(executable, *files)
    return _channels[executable, person]


def scope(method, person, merchant=None):
    """The metadata by which a person who is no merchant says for whom they act."""
    if not method.scoped or person in ("merchant", "stranger"):
        return []
    return [("tender-merchant", merchant or DEPLOYMENT.merchant)]


def send(method, person, message, metadata, timeout=10):
    """One call with the given bytes or message, as they are; the answer's bytes."""
    data = message if isinstance(message, bytes) else message.SerializeToString()
    call = channel(method.executable, person).unary_unary(
        method.path, request_serializer=None, response_deserializer=None)
    return call(data, metadata=metadata, timeout=timeout)
