# SPDX-License-Identifier: BSD-3-Clause
"""A bed on which the kernel has the engine's place too, in a network namespace of its own: what it does there is what the engine is
held against."""

import contextlib
import os
import threading

from bed import Failure, Namespace, counters, ip
from registry import PORT
from wire import WIRES, Kernels, Wire, open_tun

FLAGS = ("signal", "subflow", "backup", "fullmesh")


class KernelAsUs:
    """As wire.Engine."""

    process = None

    def __init__(self, bed, home):
        self.bed, self.home, self.away = bed, home, Namespace()
        self.wires = [os.fdopen(open_tun(i, bed.ours(i), bed.prefix), "rb", buffering=0) for i in WIRES]
        if bed.family == 6:
            ip("-6", "route", "add", "fd00:1::/64", "dev", "tun2", "metric", 4096)
        home.enter()

    @contextlib.contextmanager
    def there(self):
        self.away.enter()
        try:
            yield
        finally:
            self.home.enter()

    def call(self, command, *words):
        with self.there():
            if command == "limits":
                ip("mptcp", "limits", "set", "subflows", words[0], "add_addr_accepted", words[1])
            elif command == "endpoint_del":
                ip("mptcp", "endpoint", "delete", "id", words[0])
            elif command == "endpoint_backup":
                ip("mptcp", "endpoint", "change", "id", words[0], "backup" if words[1] else "nobackup")
            else:
                raise Failure(f"the kernel has no command {command}")

    def endpoint(self, address, flags, id_=0):
        names = [name for bit, name in enumerate(FLAGS) if flags & 1 << bit]
        wire = next(i for i in WIRES if self.bed.ours(i) == address)
        with self.there():
            ip("mptcp", "endpoint", "add", address, "dev", f"tun{wire}", *(["id", id_] if id_ else []), *names)

    def counters(self):
        with self.there():
            return counters()


class Seen(Kernels):
    """A connection of the kernel in our place."""

    def closed(self):
        return self.ended()


class TwoKernels(Wire):
    """Wire with another kernel at our end."""

    def __init__(self, name, family, data):
        super().__init__(name, family, data)
        self._home = Namespace.here()

    def start(self, **_):
        self.engine = KernelAsUs(self, self._home)
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def connect_refused(self, we_connect):
        with self.engine.there() if we_connect else contextlib.nullcontext():
            s = self.kernel_socket(True)
        with contextlib.suppress(ConnectionRefusedError):
            s.connect((self.kernel(1) if we_connect else self.ours(1), PORT))
            raise Failure("the connection is not refused")

    def connect(self, we_connect, first=b"", tcp=False, port=PORT):
        def away(make, *words):
            with self.engine.there():
                return make(*words)

        here = lambda make, *words: make(*words)  # noqa: E731
        server, client = (here, away) if we_connect else (away, here)
        listener = server(self.kernel_listener, port, tcp)
        s = client(self.kernel_socket, tcp)
        s.settimeout(10)
        s.connect((self.kernel(1) if we_connect else self.ours(1), port))
        accepted, connected = self.accepted(listener), Seen(s)
        ours, kernels = (connected, accepted) if we_connect else (Seen(accepted.s), connected)
        if first:
            (ours if we_connect else kernels).send(first)
        return ours, kernels
