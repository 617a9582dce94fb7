"""Somebody between a client and a PostgreSQL server with TLS, who can read all and break it off."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from services.process import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from services.certificates import Signed

ASK_FOR_TLS = bytes([0, 0, 0, 8, 4, 210, 22, 47])


@dataclass
class Between:
    """What it does to a connection: the certificate it shows, what it says before, where it ends."""

    server: int
    shows: Sequence[Signed]
    """The n-th to the n-th connection, the last one to all that follow."""
    says: bytes = b""
    """In the clear after the word that TLS may begin, from the second connection on."""
    ends_after: int | None = None
    """Bytes that came from the server."""
    politely: bool = False
    """Ends with the word that TLS has for it."""
    port: int = field(default_factory=free_port)
    seen: int = 0

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        shown = self.shows[min(self.seen, len(self.shows) - 1)]
        says = self.says if self.seen else b""
        self.seen += 1
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            assert await reader.readexactly(len(ASK_FOR_TLS)) == ASK_FOR_TLS
            writer.write(b"S" + says)
            ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            ours.load_cert_chain(shown.certificate, shown.key)
            await writer.start_tls(ours)
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.server)
            server_writer.write(ASK_FOR_TLS)
            assert await server_reader.readexactly(1) == b"S"
            theirs = ssl.create_default_context()
            theirs.check_hostname, theirs.verify_mode = False, ssl.CERT_NONE
            await server_writer.start_tls(theirs)
            up = asyncio.ensure_future(_carry(reader, server_writer, None))
            await _carry(server_reader, writer, self.ends_after)
            up.cancel()
            server_writer.transport.abort()
            if self.politely:
                writer.close()
                await writer.wait_closed()
        writer.transport.abort()


async def _carry(source: asyncio.StreamReader, target: asyncio.StreamWriter, most: int | None) -> None:
    carried = 0
    with contextlib.suppress(OSError):
        while part := await source.read(65_536 if most is None else min(65_536, most - carried)):
            target.write(part)
            await target.drain()
            carried += len(part)


@contextlib.contextmanager
def listening(between: Between) -> Iterator[Between]:
    """While the block runs."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(between.meet, "127.0.0.1", between.port))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield between
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _end(server: asyncio.Server) -> None:
    server.close()
    meetings = asyncio.all_tasks() - {asyncio.current_task()}
    for meeting in meetings:
        meeting.cancel()
    await asyncio.gather(*meetings, return_exceptions=True)
