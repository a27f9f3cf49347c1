# SPDX-License-Identifier: BSD-3-Clause
"""The forms of the options as both send them: rows L-OPT-* of docs/INTEROP.md that are not sharp edges."""

from bed import Failure, ip, sysctl
from cases.edges_paths import allow, announces, echoes, join_ack, join_syn, join_synack
from packets import ACK, ADD_ADDR, CAPABLE, DSS, FAIL, FASTCLOSE, JOIN, PRIO, REMOVE_ADDR, RST, SYN, TCPRST
from sides import expect_handshake, joins
from wire import SIGNAL, SUBFLOW, both_roles, scene

BESIDE = {  # what may stand together in one segment
    frozenset({CAPABLE}), frozenset({JOIN}), frozenset({DSS}), frozenset({ADD_ADDR}), frozenset({DSS, REMOVE_ADDR}),
    frozenset({DSS, PRIO}), frozenset({DSS, FAIL}), frozenset({FASTCLOSE, TCPRST}), frozenset({FAIL, TCPRST}), frozenset({TCPRST}),
    frozenset({DSS, ADD_ADDR}),
}  # fmt: skip
RESERVED_FLAGS, RESERVED_BITS = {CAPABLE: 0x1E, DSS: 0xE0}, {JOIN: 0x0E, PRIO: 0x0E, ADD_ADDR: 0x0E}


@both_roles
def option_forms(bed, we_connect, size):
    """Over a whole life, with a join, an announcement, a withdrawal, a priority and an end: the lengths, the bits that are
    reserved, and which options stand together, are the same on both sides."""
    # L-OPT-04 L-OPT-06 L-OPT-07, M-GEN-01 M-GEN-11
    bed.start(rejoin=False)
    allow(bed, 4, 4)
    if we_connect:
        bed.kernel_endpoint("signal")
    else:
        bed.engine.endpoint(bed.ours(2), SIGNAL, 9)
    ours, kernels = bed.connect_joined(we_connect)
    bed.until_sent(we_connect, echoes, "an echo")
    ours.backup(next(f["id"] for f in ours.subflows() if f["netif"] == 2), True)
    bed.until_counted(MPPrioRx=1)
    if we_connect:
        ip("mptcp", "endpoint", "delete", "id", 12)
    else:
        bed.engine.call("endpoint_del", 9)
    bed.until_sent(not we_connect, lambda s: s.mp(REMOVE_ADDR), "REMOVE_ADDR")
    bed.talk(ours, kernels)
    (ours if we_connect else kernels).abort()
    bed.until_sent(we_connect, lambda s: s.mp(FASTCLOSE), "MP_FASTCLOSE")
    v6 = bed.family == 6
    lengths = {
        CAPABLE: {4, 12, 20, 22, 24}, JOIN: {12, 16, 24}, DSS: {8, 12, 18, 20, 22, 26, 28}, REMOVE_ADDR: {4}, PRIO: {3},
        ADD_ADDR: {28, 20} if v6 else {16, 8}, FASTCLOSE: {12}, TCPRST: {4}, FAIL: {12},
    }  # fmt: skip
    seen = set()
    for s in bed.sent():
        subtypes = [o.subtype for o in s.mptcp]
        if subtypes and frozenset(subtypes) not in BESIDE:
            raise Failure(f"together: {s}")
        for o in s.mptcp:
            seen.add((s.ours, o.subtype))
            reserved = o[3] & RESERVED_FLAGS[o.subtype] if o.subtype in RESERVED_FLAGS else o.bits & RESERVED_BITS.get(o.subtype, 0)
            if len(o) not in lengths[o.subtype] or reserved:
                raise Failure(f"{o} of {s}")
    if len(seen) < 10:
        raise Failure(f"only {sorted(seen)} were sent")


@both_roles
def option_third_ack_of_a_join(bed, we_connect, size):
    """MP_JOIN in its three forms: 12, 16 and 24 octets, and nothing beside it; the id in the SYN/ACK is 0 at the first address."""
    # L-OPT-10 L-OPT-06, M-JON-02
    ours, kernels = bed.connect_joined(we_connect)
    for test, length, who in ((join_syn, 12, we_connect), (join_synack, 16, not we_connect), (join_ack, 24, we_connect)):
        s = bed.sent(who, test)[0]
        if [len(o) for o in s.mptcp] != [length]:
            raise Failure(f"{s}")
    if bed.sent(not we_connect, join_synack)[0].mp(JOIN)[3] != 0:
        raise Failure("the id in the SYN/ACK")
    bed.end(ours, kernels)
    expect_handshake(we_connect, **joins(we_connect))


@both_roles
def option_same_again(bed, we_connect, size):
    """SYN and SYN/ACK that are sent again say the same keys, tokens and nonces."""
    # L-OPT-16, M-INI-10
    lost = set()

    def lose_the_first(s):
        kind = (s.wire, s.flags)
        if s.flags & SYN and kind not in lost:
            lost.add(kind)
            return None
        return s

    bed.pass_on = lose_the_first
    ours, kernels = bed.connect_joined(we_connect)
    for wire in (1, 2):
        for flags in (SYN, SYN | ACK):
            again = bed.sent(None, lambda s, f=flags: s.flags == f, wire)
            if len(again) < 2 or len({bytes(s.mptcp[0]) for s in again}) != 1:
                raise Failure(f"{[str(s) for s in again]}")


@both_roles
def option_fully_established(bed, we_connect, size):
    """Until a DSS comes the third ACK's option stands in every segment at the first sequence number; a join waits for it."""
    # L-OPT-15, M-HSK-05 M-JON-01
    held = []
    bed.start()
    allow(bed, 4, 4)
    if we_connect:
        bed.engine.endpoint(bed.ours(2), SUBFLOW)
    else:
        bed.kernel_endpoint("subflow")
    bed.pass_on = lambda s: held.append(s) if s.ours != we_connect and not s.has(SYN) else s
    ours, kernels = bed.connect(we_connect, b"hello")
    bed.until_sent(we_connect, lambda s: s.payload, "the data comes again", 2)
    if bed.sent(we_connect, join_syn):
        raise Failure("a join before the first DSS")
    if not all(s.mp(CAPABLE) for s in bed.sent(we_connect)):
        raise Failure("a segment without MP_CAPABLE")
    bed.pass_on = None
    bed.until_joined(ours)
    bed.talk(ours, kernels)


@both_roles
def option_port(bed, by_us, size):
    """ADD_ADDR with a port, and its echo, are two octets longer."""
    # L-OPT-05, M-ADD-22
    sysctl("net.ipv4.tcp_timestamps", 0)
    bed.start()
    allow(bed, 4, 0)
    if by_us:
        bed.engine.endpoint(bed.ours(2), SIGNAL, 5, 8100)
    else:
        ip("mptcp", "endpoint", "add", bed.kernel(2), "id", 5, "signal", "port", 8100)
    ours, kernels = bed.connect(not by_us)
    bed.talk(ours, kernels)
    size = 30 if bed.family == 6 else 18
    if len(bed.until_sent(by_us, announces, "an announcement").mp(ADD_ADDR)) != size:
        raise Failure("its length")
    if len(bed.until_sent(not by_us, echoes, "an echo").mp(ADD_ADDR)) != size - 8:
        raise Failure("the echo's length")
    if by_us:
        bed.until_counted(PortAdd=1, AddAddr=1)
    else:
        bed.expect_ours(PortAdd=1, AddAddr=1)
