# SPDX-License-Identifier: BSD-3-Clause
"""Two programs and the wires between them: examples/nc with our stack at one side of two TUN interfaces, bench/peer with the
kernel's at the other. What the kernel must have counted when they are done."""

import array
import hashlib
import random
import shutil
import subprocess
import time

import bed
from bed import Failure, Namespace, Process, counters, ip, traffic
from registry import B, LOGS, PORT, SOME, register

NC = next((p for p in (B / "san/nc", B / "nc") if p.exists()), B / "nc")
PEER = B / "bench/peer"
WIRES = ("tun1", "tun2")
SIDES = ("ours", "kernel")


def case(*variants, side_by_side=False):
    """Registers a test over two programs."""
    return lambda test: register(test, Sides, variants, side_by_side)


def both_families(test):
    return case(("-v4", 4), ("-v6", 6))(test)


# What the kernel must not count unless a case expects it.
UNWANTED = [
    "MPTcpExt" + name
    for name in """MPCapableFallbackACK MPCapableFallbackSYNACK MPCapableSYNTXDrop MPCapableSYNTXDisabled MPCapableEndpAttempt
    MPFallbackTokenInit MPJoinNoTokenFound MPJoinSynAckHMacFailure MPJoinAckHMacFailure MPJoinRejected DSSNotMatching
    DSSCorruptionFallback DSSCorruptionReset InfiniteMapTx InfiniteMapRx DSSNoMatchTCP DataCsumErr NoDSSInWindow AddAddrDrop
    AddAddrTxDrop EchoAddTxDrop MismatchPortSynRx MismatchPortAckRx RmAddrDrop RmAddrTxDrop MPFailTx MPFailRx MPFastcloseTx
    MPFastcloseRx MPRstTx MPRstRx Blackhole MPCapableDataFallback DssFallback SimultConnectFallback
    FallbackFailed""".split()
] + """TcpInErrs TcpInCsumErrors TcpOutRsts TcpEstabResets TcpAttemptFails TcpExtTCPChallengeACK TcpExtTCPSYNChallenge
    TcpExtPAWSEstab TcpExtTCPAbortOnData TcpExtTCPAbortOnTimeout IpInHdrErrors IpInAddrErrors IpExtInCsumErrors""".split()


class Data:
    """Random bytes of each direction, the same in every case."""

    def __init__(self, folder, seed):
        self.folder, self.seed, self._digests = folder, seed, {}

    def file(self, side, size):
        path = self.folder / f"{side}-{size}"
        if not path.exists():
            path.write_bytes(random.Random(f"{self.seed} {side}").randbytes(size))
        return path

    def expect(self, side, size, output, by_checksum=False):
        """The output is exactly the bytes of that side; `by_checksum`: but for what an Internet checksum does not see, such as
        two bits that change each other's way."""
        source = self.file(side, size)
        if source not in self._digests:
            self._digests[source] = digest(source)
        same = digest(output) == self._digests[source]
        if not same and not (by_checksum and internet_sum(output) == internet_sum(source)):
            raise Failure(f"{output.name}: {difference(source, output)}")


def digest(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def internet_sum(path):
    content = path.read_bytes()
    return len(content), sum(array.array("H", content + bytes(len(content) % 2))) % 0xFFFF


def difference(source, output):
    wanted, got = source.read_bytes(), output.read_bytes()
    at = next((i for i in range(0, min(len(wanted), len(got)), 4096) if wanted[i : i + 4096] != got[i : i + 4096]), None)
    return f"{len(got)} bytes instead of {len(wanted)}" + (f", different from about {at} on" if at is not None else "")


class Sides:
    """Two wires between us and the kernel, and a program at each side."""

    def __init__(self, name, family, data):
        self.family, self.data = family, data
        self.logs = LOGS / name
        shutil.rmtree(self.logs, ignore_errors=True)
        self.logs.mkdir(parents=True)
        Namespace()
        for i, wire in enumerate(WIRES, 1):
            bed.tun(wire, [f"{self.kernel(i)}/{self.prefix}"])
        if family == 6:  # towards us through a wire that is asked for; IPv4 does that by itself
            ip("-6", "route", "add", "fd00:1::/64", "dev", "tun2", "metric", 4096)
        ip("mptcp", "limits", "set", "subflows", 4, "add_addr_accepted", 4)
        self.nc = self.peer = None

    @property
    def prefix(self):
        return 24 if self.family == 4 else 64

    def kernel(self, wire):
        return f"10.0.{wire}.1" if self.family == 4 else f"fd00:{wire}::1"

    def ours(self, wire):
        return f"10.0.{wire}.2" if self.family == 4 else f"fd00:{wire}::2"

    def _nc(self, options, stdin, stdout):
        wires = [w for i, wire in enumerate(WIRES, 1) for w in ("--tun", f"{wire}={self.ours(i)}/{self.prefix}")]
        command = [NC, "-v", *wires, *options]
        self.nc = Process("nc", command, self.logs / "nc.err", stdin, stdout or self.data.folder / "nc.out")

    def _peer(self, options, stdin, stdout):
        output = stdout or self.data.folder / "peer.out"
        self.peer = Process("peer", [PEER, *options], self.logs / "peer.err", stdin, output)

    def connect(self, we_connect, stdins, options=((), ()), stdouts=(None, None)):
        """Starts both programs; tuples are for us and the kernel. Without a stdout it is a file for finish()."""
        nc, peer = options
        if we_connect:
            anywhere = "0.0.0.0" if self.family == 4 else "::"
            self._peer(["-l", *peer, anywhere, PORT], stdins[1], stdouts[1])
            self.peer.until_says("listening")
            self._nc([*nc, self.kernel(1), PORT], stdins[0], stdouts[0])
        else:
            self._nc(["-l", *nc, PORT], stdins[0], stdouts[0])
            self.nc.until(lambda: all(map(bed.running, WIRES)), "has the wires")
            self._peer([*peer, self.ours(1), PORT], stdins[1], stdouts[1])

    def start(self, we_connect, sizes, nc=(), peer=()):
        """Starts to exchange so many bytes (ours, the kernel's)."""
        self.connect(we_connect, [self.data.file(side, size) for side, size in zip(SIDES, sizes)], (nc, peer))

    def finish(self, sizes, seconds=60, by_checksum=False):
        """Both programs end in order, and every byte arrived."""
        end = time.monotonic() + seconds
        for program in (self.nc, self.peer):
            status = program.wait(max(1, end - time.monotonic()))
            if status:
                raise Failure(f"{program.name}: exit status {status}")
        self.expect_received(sizes, by_checksum)

    def finish_without_leave(self, sizes):
        """The same when a path is dead: then our program's last packets wait for it, and there is no need to see that."""
        self.peer.wait(60)
        self.nc.until(lambda: "nc: closed\n" in self.nc.said() and "reinjected" in self.nc.said(), "has ended in order", 60)
        self.expect_received(sizes)

    def expect_received(self, sizes, by_checksum=False):
        self.data.expect("ours", sizes[0], self.peer.output, by_checksum)
        self.data.expect("kernel", sizes[1], self.nc.output, by_checksum)

    def exchange(self, we_connect, sizes, nc=(), peer=()):
        self.start(we_connect, sizes, nc, peer)
        self.finish(sizes)

    def received(self, program):
        return program.output.stat().st_size

    def until_received(self, size):
        """Both sides have received so much."""
        for program in (self.nc, self.peer):
            program.until(lambda p=program: self.received(p) >= size, f"has received {size} bytes", 30)

    def says(self, program, text):
        if text not in program.said():
            raise Failure(f"{program.name} does not say '{text}'")

    def stop(self):
        for program in (self.nc, self.peer):
            if program:
                program.stop()

    def explain(self):
        """Lines that help to understand a failure."""
        for program in (self.nc, self.peer):
            for line in program.said().splitlines()[-12:] if program else []:
                yield f"{program.name}| {line}"
        values = {n.removeprefix("MPTcpExt"): v for n, v in counters().items() if n.startswith("MPTcpExt") and v}
        yield "kernel| " + " ".join(f"{n}={v}" for n, v in values.items())


# ---- Expectations --------------------------------------------------------------------------------------------------------


def expect(**expected):
    """What the kernel counted: the names given (of MPTcpExt, or whole) with a number or a range, and nothing unwanted. Where
    challenges of a SYN are expected, each may be an input error, too: it is one when the connection is established."""
    values = counters()
    if "TcpExtTCPSYNChallenge" in expected:
        expected = {"TcpInErrs": range(values["TcpExtTCPSYNChallenge"] + 1), **expected}
    wanted = {name if name in values else "MPTcpExt" + name: number for name, number in expected.items()}
    wanted = {**{name: 0 for name in UNWANTED if name in values}, **wanted}
    wrong = []
    for name, number in wanted.items():
        got = values.get(name, 0)
        if got != number if isinstance(number, int) else got not in number:
            some = number if isinstance(number, int) else f"at least {number.start}" if number is SOME else number
            wrong.append(f"{name} is {got} instead of {some}")
    if wrong:
        raise Failure("; ".join(wrong))


def expect_handshake(we_connect, **more):
    """MP_CAPABLE in the role that was asked for, seen by the kernel; and more."""
    capable = {"MPCapableSYNRX": 1, "MPCapableACKRX": 1} if we_connect else {"MPCapableSYNTX": 1, "MPCapableSYNACKRX": 1}
    expect(**capable, **more)


def joins(we_connect, n=1):
    """n subflows more, from the one who connected."""
    return {"MPJoinSynRx": n, "MPJoinAckRx": n} if we_connect else {"MPJoinSynTx": n, "MPJoinSynAckRx": n}


def share(wire):
    """The part of the bytes that went over a wire, in each direction: (ours, the kernel's)."""
    return tuple(traffic(wire)[i] / max(1, sum(traffic(w)[i] for w in WIRES)) for i in (0, 1))


def expect_share(wire, low=0.0, high=1.0, directions=(0, 1)):
    for i in directions:
        if not low <= share(wire)[i] <= high:
            who = ("our", "the kernel's")[i]
            raise Failure(f"{share(wire)[i]:.1%} of {who} bytes went over {wire}, instead of {low:.0%} to {high:.0%}")


def expect_used(wire):
    """On wires without a limit the schedulers may prefer one, but not all of the time."""
    if max(share(wire)) < 0.001:
        raise Failure(f"next to nothing went over {wire}")


# ---- Options -------------------------------------------------------------------------------------------------------------


def kernel_endpoint(sides, *flags, wire=2):
    """An endpoint of the kernel; a source of subflows has to be told its interface."""
    dev = ("dev", WIRES[wire - 1]) if "subflow" in flags else ()
    ip("mptcp", "endpoint", "add", sides.kernel(wire), *dev, "id", 10 + wire, *flags)


def slow(rate="100M", delay="2ms", which=WIRES, direction=""):
    """Options for wires that leave the time to do something; `direction`: "in." or "out." when one is enough."""
    return [w for wire in which for w in ("--fault", f"{wire}:{direction}rate={rate},{direction}delay={delay}")]


def paced():
    """Options for wires that lose nothing and are slow enough for a join to come before the end."""
    return [w for wire in WIRES for w in ("--fault", f"{wire}:rate=400M,delay=1ms,queue=16M")]


def alone(sides):
    """Options of ours for a connection that stays with its first subflow."""
    return ["--endpoint", sides.ours(2)]


def send_to_reader(sides, we_connect, sender, size, options=((), ()), stdout=None):
    """One sends, and the other keeps its own direction open until its standard input is closed: a kernel refuses joins when
    one direction has ended. Returns the one who reads."""
    source = sides.data.file(sender, size)
    if sender == "ours":
        sides.connect(we_connect, (source, subprocess.PIPE), options, (None, stdout))
        return sides.peer
    sides.connect(we_connect, (subprocess.PIPE, source), options, (stdout, None))
    return sides.nc
