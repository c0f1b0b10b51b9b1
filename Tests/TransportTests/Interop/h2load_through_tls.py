"""Runs h2load against a server that asks for client certificates.

h2load has no option for one. A proxy on loopback takes its plain HTTP/2 and passes the bytes on,
unread, over TLS 1.3 with the given certificate; everything above TLS is h2load's own.

usage: h2load_through_tls.py H2LOAD PORT AUTHORITY CHAIN KEY
"""

import asyncio
import ssl
import struct
import sys
import tempfile

CALLS = 20_000
CONNECTIONS = 4
STREAMS = 32
MESSAGE = bytes(109)


async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()
    except (ConnectionError, ssl.SSLError):
        writer.close()


async def main(h2load, port, authority, chain, key):
    tls = ssl.create_default_context(cafile=authority)
    tls.load_cert_chain(chain, key)
    tls.set_alpn_protocols(["h2"])

    async def serve(reader, writer):
        far_reader, far_writer = await asyncio.open_connection(
            "127.0.0.1", int(port), ssl=tls, server_hostname="localhost")
        await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))

    proxy = await asyncio.start_server(serve, "127.0.0.1", 0)
    near = proxy.sockets[0].getsockname()[1]
    with tempfile.NamedTemporaryFile() as body:
        body.write(struct.pack(">BI", 0, len(MESSAGE)) + MESSAGE)
        body.flush()
        load = await asyncio.create_subprocess_exec(
            h2load, "-n", str(CALLS), "-c", str(CONNECTIONS), "-m", str(STREAMS), "-d", body.name,
            "-H", "content-type: application/grpc", "-H", "te: trailers",
            f"http://127.0.0.1:{near}/test.Echo/Unary",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
        output, _ = await load.communicate()
    sys.stdout.write(output.decode())
    proxy.close()
    return load.returncode


sys.exit(asyncio.run(main(*sys.argv[1:])))
