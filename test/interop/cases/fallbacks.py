# SPDX-License-Identifier: BSD-3-Clause
"""Every way back to TCP that Linux has, and what it does where there is none: rows L-FBK-* and L-BLK-* of docs/INTEROP.md. Those
that are sharp edges stand in edges_*.py."""

import socket
import struct

from bed import Failure, sysctl
from cases.edges_data import each_direction, in_tcp_from_now_on
from packets import (ACK, CAPABLE, DSS, FAIL, JOIN, MPTCP_ERROR, PROHIBITED, RST, SYN, Dss, Mp, Segment)  # fmt: skip
from registry import PORT, SOME
from sides import expect, expect_handshake, joins
from wire import PATIENCE, Kernels, Ours, both_roles, scene

TCP_MD5SIG = 14


@both_roles
def fallback_syn_stripped(bed, we_connect, size):
    """The SYN's option is lost: who accepts has a plain TCP socket."""
    # L-FBK-01, M-INI-23
    bed.pass_on = lambda s: s.without() if s.flags == SYN else s
    ours, kernels = bed.connect(we_connect, b"hello")
    in_tcp_from_now_on(bed, ours, kernels)
    if we_connect:
        expect(MPCapableSYNRX=0)
        bed.expect_ours(MPCapableSYNTX=1, MPCapableFallbackSYNACK=1)
        if kernels.s.getsockopt(socket.SOL_SOCKET, socket.SO_PROTOCOL) != socket.IPPROTO_TCP:
            raise Failure("the kernel's socket is not one of TCP")
    else:
        expect(MPCapableSYNTX=1, MPCapableFallbackSYNACK=1)
        bed.expect_ours(MPCapableSYNRX=0)


@scene(*((f"-{how}-{'client' if we else 'server'}", we, how) for how in ("none", "short", "no-h-bit") for we in (True, False)))
def fallback_synack(bed, we_connect, how, size):
    """The SYN/ACK has no option, or none that can be used: TCP on both sides."""
    # L-FBK-07 L-FBK-04, M-INI-24
    change = {
        "none": lambda o: None,
        "short": lambda o: Mp(bytes([30, 8]) + o[2:8]),
        "no-h-bit": lambda o: o.changed(3, o[3] & ~1),
    }[how]
    bed.pass_on = lambda s: s.replaced(CAPABLE, change(s.mp(CAPABLE))) if s.flags == SYN | ACK and s.mp(CAPABLE) else s
    ours, kernels = bed.connect(we_connect, b"hello")
    in_tcp_from_now_on(bed, ours, kernels)
    if we_connect:
        expect(MPCapableSYNRX=1, MPCapableFallbackACK=1)
        bed.expect_ours(MPCapableFallbackSYNACK=1)
    else:
        expect(MPCapableSYNTX=1, MPCapableFallbackSYNACK=1)
        bed.expect_ours(MPCapableFallbackACK=1)


@scene(("", None))
def fallback_of_a_socket_with_md5(bed, _, size):
    """A kernel's socket with a key for TCP-MD5 does not ask for MPTCP."""
    # L-FBK-05
    listener = bed.start().call("listen", PORT)
    s = bed.kernel_socket()
    address = socket.inet_pton(socket.AF_INET if bed.family == 4 else socket.AF_INET6, "10.9.9.9" if bed.family == 4 else "fd00:9::9")
    where = struct.pack("HH4s", socket.AF_INET, 0, address) if bed.family == 4 else struct.pack("HHI16sI", 10, 0, 0, address, 0)
    try:
        s.setsockopt(socket.IPPROTO_TCP, TCP_MD5SIG, where.ljust(128, b"\0") + struct.pack("BBHii80s", 0, 0, 3, 0, 0, b"key"))
    except OSError as error:
        return f"this kernel has no TCP-MD5 for MPTCP sockets: {error.strerror}"
    s.settimeout(PATIENCE)
    s.connect((bed.ours(1), PORT))
    in_tcp_from_now_on(bed, bed.taken(listener), Kernels(s))
    expect(MPCapableSYNTX=0, MD5SigFallback=1)


@scene(("", None))
def fallback_simultaneous_open(bed, _, size):
    """Both connect to each other at the same time: TCP."""
    # L-FBK-08, M-INI-11
    bed.start()
    held = {SYN: [], SYN | ACK: [], ACK: []}  # each waits for the other's: none overtakes what was sent before it
    bed.pass_on = lambda s: held[s.flags].append(s) if len(held.get(s.flags, "..")) < 2 else s
    s = bed.kernel_socket()
    s.bind((bed.kernel(1), 7001))
    s.setblocking(False)
    s.connect_ex((bed.ours(1), 7002))
    ours = Ours(bed.engine, bed.engine.call("connect", bed.kernel(1), 7001, 7002))
    for flags, what in ((SYN, "both ask"), (SYN | ACK, "both answer"), (ACK, "both have heard")):
        bed.until(lambda flags=flags: len(held[flags]) == 2, what)
        for segment in held[flags]:
            bed.put(segment)
    bed.until(lambda: bed.engine.said("connected"), "we are connected")
    if ours.mptcp or Kernels(s).mptcp or bed.sent(test=lambda s: s.flags != SYN and s.mptcp):
        raise Failure("there is MPTCP")
    expect(MPCapableSYNTX=1, SimultConnectFallback=1)
    bed.expect_ours(MPCapableSYNTX=1, SimultConnectFallback=1)


def without_length(s):
    """As an infinite mapping."""
    d = s.dss
    d.length, d.checksum = 0, None
    return s.replaced(DSS, d.option())


def other_checksum(s):
    """With a checksum where none was agreed."""
    d = s.dss
    d.checksum = 0x1234
    return s.replaced(DSS, d.option())


def ahead(s):
    """Mapped to a place that the subflow has not reached."""
    d = s.dss
    d.ssn += 5
    return s.replaced(DSS, d.option())


BROKEN = {"infinite": without_length, "checksum": other_checksum, "ahead": ahead}
COUNTED = {"infinite": {"InfiniteMapRx": 1}, "checksum": {}, "ahead": {"DSSNoMatchTCP": 1}}


def breaks_once(bed, ours, how):
    """Changes their next data, in all of its copies."""
    hit = set()

    def change(s):
        if s.ours != ours or not s.payload or not s.dss or s.dss.dsn is None or (hit and (s.wire, s.seq) not in hit):
            return s
        hit.add((s.wire, s.seq))
        return BROKEN[how](s)

    bed.pass_on = change
    return hit


@scene(*((f"-{how}-{'client' if we else 'server'}", we, how) for how in BROKEN for we in (True, False)))
def fallback_mapping(bed, we_connect, how, size):
    """A mapping of ours that Linux cannot use: TCP, and the data is there."""
    # L-FBK-11 L-FBK-12 L-FBK-14
    ours, kernels = bed.connect(we_connect)
    bed.talk(ours, kernels)
    breaks_once(bed, True, how)
    bed.say(ours, kernels)
    bed.pass_on = None
    in_tcp_from_now_on(bed, ours, kernels)
    expect_handshake(we_connect, DssFallback=1, **COUNTED[how])


@scene(*((f"-{how}-{'client' if we else 'server'}", we, how) for how in BROKEN for we in (True, False)))
def fallback_mapping_after_a_join(bed, we_connect, how, size):
    """With two subflows the one with such a mapping is reset, with reason 1, and the data comes over the other."""
    # L-FBK-11 L-FBK-12 L-FBK-14 L-RST-01
    ours, kernels = bed.connect_joined(we_connect, rejoin=False)
    breaks_once(bed, True, how)
    bed.say(ours, kernels)
    reset = bed.until_sent(False, lambda s: s.has(RST), "a reset")
    if reset.reason != MPTCP_ERROR:
        raise Failure(f"the reset: {reset}")
    bed.pass_on = None
    bed.talk(ours, kernels)
    if not ours.mptcp or not kernels.mptcp:
        raise Failure("the connection is no MPTCP any more")
    bed.until_counted(MPRstTx=1, **COUNTED[how])


@both_roles
def fallback_infinite_mapping_of_the_kernel(bed, we_connect, size):
    """A mapping of length 0 that comes to us leaves TCP: no byte is lost, and both agree."""
    # L-FBK-11, M-FBK-23
    ours, kernels = bed.connect(we_connect)
    bed.talk(ours, kernels)
    breaks_once(bed, False, "infinite")
    bed.say(kernels, ours)
    bed.pass_on = None
    in_tcp_from_now_on(bed, ours, kernels)
    bed.expect_ours(InfiniteMapRx=1, DssFallback=1)


@both_roles
def fallback_checksum_not_agreed(bed, we_connect, size):
    """Where Linux goes on in TCP we do as RFC 8684 3.3 says: a checksum that was not agreed resets the subflow, with reason 1."""
    # L-FBK-14, M-DSS-05 M-DSS-06
    ours, kernels = bed.connect(we_connect)
    bed.talk(ours, kernels)
    breaks_once(bed, False, "checksum")
    kernels.send(b"x" * 100)
    reset = bed.until_sent(True, lambda s: s.has(RST), "a reset")
    if reset.reason != MPTCP_ERROR:
        raise Failure(f"{reset}")
    bed.until_counted(MPRstRx=1)


# ---- Joins never fall back -------------------------------------------------------------------------------------------

JOIN_SYNACK = lambda s: s.has(SYN | ACK) and s.wire == 2  # noqa: E731
JOIN_ACK = lambda s: s.flags == ACK and s.wire == 2 and s.mp(JOIN)  # noqa: E731


def start_joining(bed, we_connect):
    """A connection whose second subflow is being opened by who connected."""
    bed.start(rejoin=False)
    bed.engine.call("limits", 4, 4)
    if we_connect:
        bed.engine.endpoint(bed.ours(2), 2)
    else:
        bed.kernel_endpoint("subflow")
    ours, kernels = bed.connect(we_connect)
    bed.talk(ours, kernels)
    return ours, kernels


def until_refused(bed, by_us, reason, ours, kernels):
    reset = bed.until_sent(by_us, lambda s: s.has(RST) and s.wire == 2, "a reset")
    if reset.reason != reason:
        raise Failure(f"the reset: {reset}")
    bed.talk(ours, kernels)
    if not ours.mptcp or not kernels.mptcp:
        raise Failure("the connection is no MPTCP any more")


@scene(*((f"-{how}-{'client' if we else 'server'}", we, how) for how in ("none", "hmac") for we in (True, False)))
def join_synack_refused(bed, we_connect, how, size):
    """A SYN/ACK without MP_JOIN, or with a wrong HMAC, is answered by a reset with reason 1."""
    # L-FBK-20 L-RST-01, M-JON-18
    change = (lambda o: None) if how == "none" else (lambda o: o.changed(5, o[5] ^ 1))
    bed.pass_on = lambda s: s.replaced(JOIN, change(s.mp(JOIN))) if JOIN_SYNACK(s) else s
    ours, kernels = start_joining(bed, we_connect)
    until_refused(bed, we_connect, MPTCP_ERROR, ours, kernels)
    if we_connect and how == "hmac":
        bed.expect_ours(MPJoinSynAckRx=0, MPJoinSynAckHMacFailure=1)


@scene(*((f"-{how}-{'client' if we else 'server'}", we, how) for how in ("none", "hmac") for we in (True, False)))
def join_ack_refused(bed, we_connect, how, size):
    """A third ACK without MP_JOIN, or with a wrong HMAC, is answered by a reset with reason 1."""
    # L-FBK-20 L-PM-29 L-RST-01, M-JON-19
    change = (lambda o: None) if how == "none" else (lambda o: o.changed(5, o[5] ^ 1))
    bed.pass_on = lambda s: s.replaced(JOIN, change(s.mp(JOIN))) if JOIN_ACK(s) else s
    ours, kernels = start_joining(bed, we_connect)
    until_refused(bed, not we_connect, MPTCP_ERROR, ours, kernels)
    if how == "hmac" and we_connect:
        bed.until_counted(MPJoinAckHMacFailure=1)
    elif how == "hmac":
        bed.expect_ours(MPJoinAckRx=0, MPJoinAckHMacFailure=1)


@both_roles
def join_with_an_unknown_token(bed, by_us, size):
    """A join that names nobody's token is reset with reason 1."""
    # L-PM-29 L-RST-01, M-JON-13
    ours, kernels = bed.connect(True)
    bed.talk(ours, kernels)
    option = Mp(bytes([30, 12, JOIN << 4, 5]) + b"nobodyyy")
    src, dst, dport = (bed.ours(2), bed.kernel(1), PORT) if by_us else (bed.kernel(2), bed.ours(1), ours.subflows()[0]["local_port"])
    bed.put(Segment(src, dst, 4711, dport, 1000, 0, SYN, 65535, [b"\2\4\5\xb4", option], ours=by_us, wire=2))
    reset = bed.until_sent(not by_us, lambda s: s.has(RST), "a reset")
    if reset.reason != MPTCP_ERROR or reset.ack != 1001:
        raise Failure(f"{reset}")
    if by_us:
        expect_handshake(True, MPJoinNoTokenFound=1, MPJoinSynRx=1, TcpOutRsts=1, MPRstTx=0)
    else:
        bed.expect_ours(MPJoinNoTokenFound=1, MPJoinSynRx=1, MPRstTx=0)
