"""A watch over the connections of a download, which ends them where a server is too slow."""

import socket
import threading
import time
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter

from fmnbench.data.sources.pace import Pace


class Watch:
    """A watch over the connections of one download, which it ends where they are too slow.

    A timeout of a socket is of one read: a server that sends a byte before each of them, or
    interim answers (100 Continue) without end, never meets it. `fault` says what was too slow.
    """

    def __init__(self, pace: Pace) -> None:
        self.fault: str | None = None
        self._pace = pace
        self._came = 0
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()
        for each in self._sockets:
            each.close()

    def session(self) -> requests.Session:
        """Returns a session whose connections are watched."""
        session = requests.Session()
        for scheme in ("https://", "http://"):
            session.mount(scheme, _Adapter(self))
        return session

    def count(self, size: int) -> None:
        """Takes up that so many bytes of the file came."""
        self._came += size

    def add(self, connection: socket.socket) -> None:
        """Takes up a new connection; ours is a second descriptor of it."""
        with self._lock:
            self._sockets.append(connection.dup())
            if self.fault is not None:
                self._end()

    def _run(self) -> None:
        begin, before = time.monotonic(), 0
        while not self._is_over.wait(self._wait(begin)):
            came, before = self._came - before, self._came
            fault = self._judge(came, time.monotonic() - begin)
            if fault is not None:
                with self._lock:
                    self.fault = fault
                    self._end()
                return

    def _wait(self, begin: float) -> float:
        """Returns the seconds to the end of this window, or of the longest download."""
        rest = begin + self._pace.longest - time.monotonic()
        return max(0.0, min(self._pace.window, rest))

    def _judge(self, came: int, elapsed: float) -> str | None:
        pace = self._pace
        if elapsed >= pace.longest:
            return f"took more than {pace.longest:g} s"
        least = pace.least * pace.window
        if came < least:
            return f"is too slow ({came} bytes in {pace.window:g} s; the least is {least:.0f})"
        return None

    def _end(self) -> None:
        """Ends the connections, as if the server had: a thread that reads gets an end."""
        for each in self._sockets:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # its server has ended it already


class _Adapter(HTTPAdapter):
    """Connections of requests that a watch knows from their first byte on, before TLS."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch

    def get_connection_with_tls_context(
        self,
        *given: Any,  # noqa: ANN401 - the base's own, passed on
        **named: Any,  # noqa: ANN401 - likewise
    ) -> urllib3.HTTPConnectionPool:
        pool = super().get_connection_with_tls_context(*given, **named)
        kind: Any = type(pool).ConnectionCls
        watch = self._watch

        class Watched(kind):  # type: ignore[misc]  # its base is that of the pool: http, https
            def _new_conn(self) -> socket.socket:
                connection: socket.socket = super()._new_conn()
                watch.add(connection)
                return connection

        pool.ConnectionCls = Watched
        return pool
