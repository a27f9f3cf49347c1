# SPDX-License-Identifier: BSD-3-Clause
"""The engine under command (engine.c), sockets of the kernel, and a thread that carries each packet between them and shows it to
the test, which may change it, keep it, or send others."""

import collections
import contextlib
import fcntl
import json
import os
import random
import select
import shutil
import socket
import struct
import subprocess
import threading
import time

from bed import Failure, Namespace, Process, counters, ip, wait_until
from packets import ACK, CAPABLE, JOIN, MPTCP_KIND, SYN, Segment
from registry import B, LOGS, PORT, register

ENGINE = B / "san/test/interop/engine"
WIRES = (1, 2)
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
IPPROTO_MPTCP, TCP_IS_MPTCP, SOL_MPTCP, MPTCP_INFO = 262, 43, 284, 1
PATIENCE = 10  # seconds for an answer that is due at once
SIGNAL, SUBFLOW, BACKUP, FULLMESH = 1, 2, 4, 8
CLIENT_SERVER = (("-client", True), ("-server", False))


def scene(*roles, families=(4, 6)):
    """Registers a test over a Wire for each family and role: (name's ending, arguments...). Those run side by side."""
    variants = [(f"-v{f}{ending}", f, *arguments) for f in families for ending, *arguments in roles or [("",)]]
    return lambda test: register(test, Wire, variants, side_by_side=True)


def both_roles(test):
    """Its argument is whether we connect."""
    return scene(*CLIENT_SERVER)(test)


class Engine:
    """Our stack in a process; its answers and events come through the thread that carries packets."""

    def __init__(self, logs, wires, configuration):
        ours, theirs = zip(*(socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in wires))
        for s in (*ours, *theirs):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        fields = [f"{name}={value if isinstance(value, str) else int(value)}" for name, value in configuration.items()]
        netifs = [f"{s.fileno()}={addresses}" for s, addresses in zip(ours, wires)]
        self.process = Process("engine", [ENGINE, *fields, *netifs], logs / "engine.err", subprocess.PIPE, subprocess.PIPE,
                               keep=[s.fileno() for s in ours])  # fmt: skip
        for s in ours:
            s.close()
        for s in theirs:
            s.setblocking(False)
        self.wires, self.events, self._rest = theirs, [], b""
        self._answers, self._answered = collections.deque(), threading.Condition()

    def heard(self):
        """Takes what it says. False: it has ended."""
        got = os.read(self.process.stdout.fileno(), 1 << 16)
        *lines, self._rest = (self._rest + got).split(b"\n")
        for line in lines:
            word, _, value = line.decode().partition(" ")
            value = json.loads(value) if value else None
            if word == "event":
                self.events.append(value)
                continue
            with self._answered:
                self._answers.append((word, value))
                self._answered.notify()
        return bool(got)

    def call(self, *words):
        """Says a command. Returns the answer, or raises OSError."""
        self.process.stdin.write((" ".join(map(str, words)) + "\n").encode())
        self.process.stdin.flush()
        with self._answered:
            if not self._answered.wait_for(lambda: self._answers, PATIENCE):
                raise Failure(f"engine: no answer to {words[0]}: {self.process.said()}")
            word, value = self._answers.popleft()
        if word == "error":
            raise OSError(value, f"engine: {words[0]}: {os.strerror(value)}")
        return value

    def counters(self):
        return self.call("counters")

    def endpoint(self, address, flags, id_=0, port=0):
        return self.call("endpoint", address, flags, id_, port)

    def said(self, what, **more):
        """Events of a kind."""
        return [e for e in list(self.events) if e["what"] == what and all(e[k] == v for k, v in more.items())]


class Ours:
    """A connection of the engine; `said` was sent when it was opened."""

    def __init__(self, engine, number, said=b""):
        self.engine, self.number, self.said = engine, number, said

    def _call(self, command, *words):
        return self.engine.call(command, self.number, *words)

    def send(self, data):
        self.said += data
        self._call("send", data.hex())

    def received(self):
        return bytes.fromhex(self._call("received"))

    def heard(self):
        """How many bytes that is."""
        return self._call("heard")

    def reading(self, on):
        self._call("reading", int(on))

    def shutdown(self):
        self._call("shutdown")

    def close(self):
        self._call("close")

    def abort(self):
        self._call("abort")

    def info(self):
        return self._call("info")

    def subflows(self):
        return self._call("subflows")

    def backup(self, subflow, on):
        self._call("backup", subflow, int(on))

    @property
    def mptcp(self):
        return bool(self.info()["mptcp"])

    def closed(self):
        return self.engine.said("closed", sock=self.number)


class Kernels:
    """A connection of the kernel; what comes is read when somebody asks."""

    def __init__(self, s, said=b""):
        self.s, self._got, self.said = s, b"", said
        s.setblocking(False)

    def send(self, data):
        self.said += data
        while data:
            select.select([], [self.s], [], PATIENCE)
            data = data[self.s.send(data) :]

    def received(self):
        with contextlib.suppress(BlockingIOError):
            while got := self.s.recv(1 << 16):
                self._got += got
        return self._got

    def heard(self):
        return len(self.received())

    def ended(self):
        """The peer's direction has ended, and all was read."""
        self.received()
        try:
            return not self.s.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False

    def shutdown(self):
        self.s.shutdown(socket.SHUT_WR)

    def close(self):
        self.s.close()

    def abort(self):
        self.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.s.close()

    def error(self):
        return self.s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    @property
    def mptcp(self):
        return bool(self.s.getsockopt(socket.IPPROTO_TCP, TCP_IS_MPTCP))

    def info(self):
        """Some of struct mptcp_info."""
        names = ("subflows", "announced", "accepted", "flags", "token", "csum")
        return dict(zip(names, struct.unpack("3B5xII26xB", self.s.getsockopt(SOL_MPTCP, MPTCP_INFO, 96)[:43])))


def open_tun(wire, address, prefix):
    """Makes a TUN interface, which lives until the descriptor is closed."""
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", f"tun{wire}".encode(), IFF_TUN | IFF_NO_PI))
    ip("address", "add", f"{address}/{prefix}", "dev", f"tun{wire}", *(["nodad"] if ":" in address else []))
    ip("link", "set", f"tun{wire}", "up")
    if ":" in address:  # the kernel makes it its own a little later, and until then hears nothing
        wait_until(lambda: f"local {address} " in ip("-6", "route", "show", "table", "local"), f"{address} is the kernel's")
    return fd


class Wire:
    """Two wires between the engine and the kernel. `pass_on`, when a test sets it, is called with each segment and returns what
    goes on in its place: None, a segment, or a list of them."""

    def __init__(self, name, family, data):
        self.family, self.data = family, data
        self.logs = LOGS / name
        shutil.rmtree(self.logs, ignore_errors=True)
        self.logs.mkdir(parents=True)
        Namespace()
        self._tuns = [open_tun(i, self.kernel(i), self.prefix) for i in WIRES]
        if family == 6:  # towards us through a wire that is asked for; IPv4 does that by itself
            ip("-6", "route", "add", "fd00:1::/64", "dev", "tun2", "metric", 4096)
        ip("mptcp", "limits", "set", "subflows", 4, "add_addr_accepted", 4)
        self.engine = self._thread = self._monitor = None
        self.only_tcp = False  # nothing else passes
        self.pass_on, self.broken, self.aliases = None, None, {}  # of ours, by wire: "ADDRESS/PREFIX" each
        self.segments, self._sockets = [], []
        self._start = time.monotonic()
        self._wake = os.pipe()
        self.random = random.Random(f"{data.seed} {name}")

    # Addresses

    @property
    def prefix(self):
        return 24 if self.family == 4 else 64

    def kernel(self, wire):
        return f"10.0.{wire}.1" if self.family == 4 else f"fd00:{wire}::1"

    def ours(self, wire):
        return f"10.0.{wire}.2" if self.family == 4 else f"fd00:{wire}::2"

    def alias(self, wire, number):
        """One more address of ours, before start()."""
        address = self.ours(wire)[:-1] + str(number)
        self.aliases.setdefault(wire, []).append(f"{address}/{self.prefix}")
        return address

    def kernel_endpoint(self, *flags, wire=2):
        dev = ("dev", f"tun{wire}") if "subflow" in flags else ()
        ip("mptcp", "endpoint", "add", self.kernel(wire), *dev, "id", 10 + wire, *flags)

    # Packets

    def _carry(self):
        """The thread."""
        from_us = {s.fileno(): i for i, s in enumerate(self.engine.wires)}
        from_kernel = {fd: i for i, fd in enumerate(self._tuns)}
        says = self.engine.process.stdout.fileno() if self.engine.process else None
        poll = select.poll()
        for fd in (*from_us, *from_kernel, self._wake[0], *([says] if says else [])):
            poll.register(fd, select.POLLIN)
        try:
            while True:
                for fd, _ in poll.poll():
                    if fd == self._wake[0]:
                        return
                    if fd == says:
                        if not self.engine.heard():
                            poll.unregister(fd)
                    elif fd in from_us:
                        self._came(os.read(fd, 1 << 16), True, from_us[fd])
                    else:
                        self._came(os.read(fd, 1 << 16), False, from_kernel[fd])
        except Exception as error:  # the test has to hear of it
            self.broken = error

    def _came(self, packet, ours, wire):
        segment = Segment.parse(packet)
        if not segment:
            if not self.only_tcp:
                self._put(packet, ours, wire)
            return
        segment.ours, segment.wire, segment.time = ours, wire + 1, time.monotonic() - self._start
        self.segments.append(segment)
        if not self.pass_on:
            self._put(packet, ours, wire)
            return
        on = self.pass_on(segment)
        for s in on if isinstance(on, list) else [on]:
            if s:
                self._put(packet if s is segment else s.build(), ours, wire)

    def _put(self, packet, ours, wire):
        with contextlib.suppress(BlockingIOError, ConnectionRefusedError, OSError):  # lost, as on a wire
            if ours:
                os.write(self._tuns[wire], packet)
            else:
                os.write(self.engine.wires[wire].fileno(), packet)

    def put(self, segment):
        """Sends a segment that nobody sent: to the kernel when it is to look like ours."""
        self._put(segment.build(), segment.ours, segment.wire - 1)

    def put_octets(self, octets, ours, wire=1):
        """Likewise, whatever they are."""
        self._put(octets, ours, wire - 1)

    def sent(self, ours=None, test=lambda s: True, wire=None):
        """Segments that passed."""
        return [
            s for s in list(self.segments) if (ours is None or s.ours == ours) and (wire is None or s.wire == wire) and test(s)
        ]

    def until(self, condition, what, seconds=PATIENCE):
        def looked():
            if self.broken:
                raise self.broken
            if self.engine and self.engine.process and self.engine.process.ended():
                raise Failure(f"the engine ended: {self.engine.process.said()[-2000:]}")
            return condition()

        wait_until(looked, what, seconds)

    def until_sent(self, ours, test, what, n=1, seconds=PATIENCE):
        """Waits for the n-th such segment and returns it."""
        self.until(lambda: len(self.sent(ours, test)) >= n, what, seconds)
        return self.sent(ours, test)[n - 1]

    def until_counted(self, **expected):
        """Waits until the kernel has counted at least so much."""
        names = {name if name in counters() else "MPTcpExt" + name: n for name, n in expected.items()}
        self.until(lambda: all(counters().get(name, 0) >= n for name, n in names.items()), f"the kernel counts {expected}")

    def until_joined(self, ours, n=2):
        self.until(lambda: sum(f["established"] for f in ours.subflows()) >= n, f"{n} subflows of ours are established")
        want = "MPJoinSynAckRx" if self.sent(False, lambda s: s.flags == SYN and s.mp(JOIN)) else "MPJoinAckRx"
        self.until_counted(**{want: n - 1})

    def keys(self):
        """(ours, the kernel's), as the third ACK says."""
        capable = self.sent(test=lambda s: not s.has(SYN) and s.mp(CAPABLE))[0]
        option = capable.mp(CAPABLE)
        pair = bytes(option[4:12]), bytes(option[12:20])
        return pair if capable.ours else pair[::-1]

    def last(self, ours, wire=1):
        """Their newest segment on a wire."""
        return self.sent(ours, wire=wire)[-1]

    def forge(self, like, *mptcp, **changes):
        """Sends a copy of a segment without payload and with these MPTCP options."""
        own = [o for o in like.options if o[0] != MPTCP_KIND]
        changes = {"seq": (like.seq + len(like.payload)) % (1 << 32), "payload": b"", "flags": ACK, **changes}
        self.put(like.copy(options=own + list(mptcp), **changes))

    def forge_end(self, by_us, flags, *mptcp, wire=1):
        """FIN or RST in their name, where the other one expects it: behind all that they sent on a wire."""
        sent = self.sent(by_us, wire=wire)
        first = sent[0].seq
        end = max((s.seq - first) % (1 << 32) + len(s.payload) + s.has(SYN) for s in sent)
        self.put(sent[-1].copy(seq=(first + end) % (1 << 32), payload=b"", flags=flags | ACK,
                               options=[o for o in sent[-1].options if o[0] != MPTCP_KIND] + list(mptcp)))  # fmt: skip

    # Connections

    def start(self, **configuration):
        """Starts our side; fields of struct umptcp_config."""
        wires = [",".join([f"{self.ours(i)}/{self.prefix}", *self.aliases.get(i, ())]) for i in WIRES]
        self.engine = Engine(self.logs, wires, configuration)
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()
        return self.engine

    def kernel_socket(self, tcp=False):
        s = socket.socket(socket.AF_INET if self.family == 4 else socket.AF_INET6, socket.SOCK_STREAM,
                          socket.IPPROTO_TCP if tcp else IPPROTO_MPTCP)  # fmt: skip
        self._sockets.append(s)
        return s

    def kernel_listener(self, port=PORT, tcp=False):
        s = self.kernel_socket(tcp)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("0.0.0.0" if self.family == 4 else "::", port))
        s.listen(8)
        s.settimeout(PATIENCE)
        return s

    def accepted(self, listener):
        try:
            s, _ = listener.accept()
        except TimeoutError:
            raise Failure("the kernel has accepted nothing") from None
        self._sockets.append(s)
        return Kernels(s)

    def connect(self, we_connect, first=b"", tcp=False, port=PORT):
        """A connection: (ours, the kernel's). `first` is sent by the one who connects, at once."""
        if not self.engine:
            self.start()
        if we_connect:
            listener = self.kernel_listener(port, tcp)
            ours = Ours(self.engine, self.engine.call("connect", self.kernel(1), port, 0))
            if first:
                ours.send(first)
            return ours, self.accepted(listener)
        listener = self.engine.call("listen", port)
        s = self.kernel_socket(tcp)
        s.settimeout(PATIENCE)
        try:
            s.connect((self.ours(1), port))
        except TimeoutError:
            raise Failure("the kernel cannot connect") from None
        kernels = Kernels(s)
        if first:
            kernels.send(first)
        return self.taken(listener), kernels

    def connect_refused(self, we_connect):
        """Nobody listens."""
        if we_connect:
            number = self.engine.call("connect", self.kernel(1), PORT, 0)
            self.until(lambda: self.engine.said("closed", sock=number), "we are refused")
        else:
            with contextlib.suppress(ConnectionRefusedError):
                self.kernel_socket(True).connect((self.ours(1), PORT))
                raise Failure("the kernel is not refused")

    def connect_joined(self, we_connect, **configuration):
        """A connection with a second subflow, over the other wire, opened by who connected; each has said something."""
        if not self.engine:
            self.start(**configuration)
        if we_connect:
            self.engine.call("limits", 4, 4)
            self.engine.endpoint(self.ours(2), SUBFLOW)
        else:
            self.kernel_endpoint("subflow")
        ours, kernels = self.connect(we_connect)
        self.talk(ours, kernels)
        self.until_joined(ours)
        return ours, kernels

    def taken(self, listener):
        """Our next connection of a listener."""
        self.until(lambda: self.engine.said("accept", sock=listener), "we have a connection to accept")
        return Ours(self.engine, self.engine.call("accept", listener))

    def say(self, sender, receiver, size=100):
        """One says something, and the other has heard all that was said."""
        sender.send(self.random.randbytes(size))
        self.until_heard(sender, receiver)

    def until_heard(self, sender, receiver):
        self.until(lambda: receiver.heard() >= len(sender.said), f"all of {len(sender.said)} bytes arrive")
        if receiver.received() != sender.said:
            raise Failure("other bytes arrived than were sent")

    def talk(self, ours, kernels, size=100):
        self.say(ours, kernels, size)
        self.say(kernels, ours, size)

    def end(self, ours, kernels):
        """Both close in order, we first."""
        ours.shutdown()
        self.until(kernels.ended, "the kernel sees our end")
        kernels.close()
        self.until(ours.closed, "we see the end")
        if error := ours.closed()[0]["error"]:
            raise Failure(f"our connection ended with error {error}")

    # What they counted

    def expect_ours(self, **expected):
        """Our counters of MPTcpExt (or whole names): a number, or a range."""
        values = self.engine.counters()
        for name, number in expected.items():
            got = values.get(name, values.get("MPTcpExt" + name))
            if got is None or (got != number if isinstance(number, int) else got not in number):
                raise Failure(f"we count {name} {got} instead of {number}")

    # What the kernel says

    def ss(self):
        return subprocess.run(["ss", "-Manie"], capture_output=True, text=True).stdout

    def watch(self):
        """Starts `ip mptcp monitor`."""
        self._monitor = Process("monitor", ["ip", "mptcp", "monitor"], self.logs / "monitor.err", stdout=self.logs / "monitor")
        # It is there when it hears of an address that comes and goes: it has no other way to tell.
        self.until(lambda: b"mptcp" in self._monitor_cmdline() and self._monitor_listens(), "the monitor listens")

    def _monitor_cmdline(self):
        with contextlib.suppress(OSError):
            return open(f"/proc/{self._monitor._popen.pid}/cmdline", "rb").read()
        return b""

    def _monitor_listens(self):
        """It has joined a group of generic netlink (the column of groups in /proc/net/netlink)."""
        for line in open("/proc/self/net/netlink"):
            words = line.split()
            if words[1] == "16" and words[2] == str(self._monitor._popen.pid) and int(words[3], 16):
                return True
        return False

    def monitored(self):
        return (self.logs / "monitor").read_text()

    def until_monitored(self, text):
        self.until(lambda: text in self.monitored(), f"the kernel's monitor says {text}")

    # The end

    def stop(self):
        if self._thread:
            os.write(self._wake[1], b"x")
            self._thread.join()
        for fd in (*self._tuns, *self._wake):
            os.close(fd)
        for s in self._sockets:
            s.close()
        for program in (self.engine and self.engine.process, self._monitor):
            if program:
                program.stop()
        for s in self.engine.wires if self.engine else ():
            s.close()
        (self.logs / "segments").write_text("".join(f"{s}\n" for s in self.segments))

    def explain(self):
        if self.engine and self.engine.process:
            for line in self.engine.process.said().splitlines()[-12:]:
                yield f"engine| {line}"
        for s in self.segments[-40:]:
            yield str(s)
        values = self.engine.counters() if self.engine and self.engine.process and not self.engine.process.ended() else {}
        yield "ours| " + " ".join(f"{n.removeprefix('MPTcpExt')}={v}" for n, v in values.items() if n.startswith("MPT") and v)
        values = {n.removeprefix("MPTcpExt"): v for n, v in counters().items() if n.startswith("MPTcpExt") and v}
        yield "kernel| " + " ".join(f"{n}={v}" for n, v in values.items())
