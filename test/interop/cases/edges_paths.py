# SPDX-License-Identifier: BSD-3-Clause
"""What a peer of Linux stumbles over with addresses and subflows."""

import keys
from bed import Failure, ip, sysctl
from packets import (ACK, ADD_ADDR, DSS, FIN, JOIN, MPTCP_ERROR, PRIO, PROHIBITED, REMOVE_ADDR, RST, SYN, Mp)  # fmt: skip
from registry import PORT, SOME
from sides import expect_handshake, joins
from wire import BACKUP, SIGNAL, SUBFLOW, both_roles, scene


def join_syn(s):
    return s.flags == SYN and s.mp(JOIN)


def join_synack(s):
    return s.has(SYN | ACK) and s.mp(JOIN)


def join_ack(s):
    return s.flags == ACK and s.mp(JOIN)


def announces(s):
    return s.mp(ADD_ADDR) and not s.mp(ADD_ADDR).bits & 1


def echoes(s):
    return s.mp(ADD_ADDR) and s.mp(ADD_ADDR).bits & 1


def announced(bed, by_kernel):
    """What the kernel has counted for an address and its echoes, as they passed. On a busy machine an echo may take longer than the
    least RTO, as the kernel's comes from its worker, which until then drops copies: only then there is one."""
    sent, answers = bed.sent(not by_kernel, announces), bed.sent(by_kernel, echoes)
    if not sent or not answers:
        raise Failure(f"{len(sent)} announcements, {len(answers)} echoes")
    for first, copy in zip(sent, sent[1:]):
        if copy.clock - first.clock < 190 or answers[0].time < copy.time:
            raise Failure(f"{first} came once more: {copy}")
    if by_kernel:
        return {"AddAddrTx": len(sent), "EchoAdd": len(answers)}
    return {"AddAddr": len(sent), "EchoAddTx": len(answers), "AddAddrDrop": len(sent) - len(answers)}


def allow(bed, subflows, announcements):
    """The same limits on both sides."""
    bed.engine.call("limits", subflows, announcements)
    ip("mptcp", "limits", "set", "subflows", subflows, "add_addr_accepted", announcements)


def announce(bed, by_us, wire=2, id_=0):
    """An endpoint that is announced."""
    if by_us:
        bed.engine.endpoint(bed.ours(wire), SIGNAL, id_)
    else:
        bed.kernel_endpoint("signal", wire=wire)


@both_roles
def edge_12_hmacs(bed, we_connect, size):
    """The HMACs of a join are its leftmost octets, that of an announcement the rightmost, over the id, the address and two octets of
    port, with the announcer's key first."""
    # L-EDGE-12 L-OPT-14, M-JON-10 M-JON-14 M-ADD-10 M-ADD-14
    bed.start()
    allow(bed, 4, 4)
    announce(bed, not we_connect)
    ours, kernels = bed.connect_joined(we_connect)
    first, second = bed.keys() if we_connect else bed.keys()[::-1]  # who connects, who accepts
    syn, synack, third = (bed.sent(test=t)[0] for t in (join_syn, join_synack, join_ack))
    if syn.mp(JOIN)[4:8] != keys.token(second):
        raise Failure(f"the token: {syn}")
    nonces = bytes(syn.mp(JOIN)[8:12]), bytes(synack.mp(JOIN)[12:16])
    if synack.mp(JOIN)[4:12] != keys.join_hmac(second, first, *nonces[::-1])[:8]:
        raise Failure(f"the HMAC: {synack}")
    if third.mp(JOIN)[4:24] != keys.join_hmac(first, second, *nonces):
        raise Failure(f"the HMAC: {third}")
    option = bed.until_sent(not we_connect, announces, "an announcement").mp(ADD_ADDR)
    address = bed.kernel(2) if we_connect else bed.ours(2)
    if option[-8:] != keys.announcement_hmac(second, first, option[3], address):
        raise Failure(f"the HMAC: {option}")
    bed.talk(ours, kernels)


@both_roles
def edge_12_bad_announcement(bed, we_connect, size):
    """An announcement with a wrong HMAC is ignored: no echo, no join, no reset, and no count."""
    # L-EDGE-12 L-PM-09, M-ADD-11
    bed.start()
    allow(bed, 4, 4)
    announce(bed, not we_connect)
    spoil = lambda o: o.changed(len(o) - 1, o[-1] ^ 1)  # noqa: E731
    bed.pass_on = lambda s: s.replaced(ADD_ADDR, spoil(s.mp(ADD_ADDR))) if announces(s) else s
    ours, kernels = bed.connect(we_connect)
    bed.talk(ours, kernels)
    bed.until_sent(not we_connect, announces, "it is announced again", 2)
    bed.talk(ours, kernels)
    if bed.sent(we_connect, lambda s: echoes(s) or s.has(RST) or join_syn(s)):
        raise Failure("somebody cares")
    if we_connect:
        bed.expect_ours(AddAddr=0)
    expect_handshake(we_connect, **({"AddAddrTx": SOME, "EchoAdd": 0} if we_connect else {"AddAddr": 0, "EchoAddTx": 0}))


@both_roles
def edge_13_announcement_alone(bed, we_connect, size):
    """Linux announces on an ACK without DSS, and that is neither a fall-back nor a loss; the echo repeats id and address."""
    # L-EDGE-13 L-PM-06 L-PM-08, M-GEN-04 M-ADD-12
    bed.start()
    allow(bed, 4, 4)
    announce(bed, not we_connect)
    ours, kernels = bed.connect(we_connect)
    bed.talk(ours, kernels)
    bed.until_joined(ours)
    option = bed.until_sent(not we_connect, announces, "an announcement")
    echo = bed.until_sent(we_connect, echoes, "an echo")
    if not option.pure_ack or (not option.ours and option.mp(DSS)):
        raise Failure(f"the announcement: {option}")
    if echo.mp(ADD_ADDR)[3:] != option.mp(ADD_ADDR)[3:-8]:
        raise Failure(f"the echo: {echo} of {option}")
    bed.talk(ours, kernels)
    bed.end(ours, kernels)
    expect_handshake(we_connect, **joins(we_connect), **announced(bed, we_connect), TcpRetransSegs=0)


@both_roles
def edge_13_announced_until_echoed(bed, we_connect, size):
    """Without an echo with that id an announcement comes four times, each wait twice that of the one before."""
    # L-EDGE-13 L-PM-07, M-ADD-18
    bed.start(rejoin=False)
    allow(bed, 0, 0)
    announce(bed, not we_connect)
    other = lambda o: o.changed(3, o[3] + 1)  # noqa: E731
    bed.pass_on = lambda s: s.replaced(ADD_ADDR, other(s.mp(ADD_ADDR))) if echoes(s) else s
    ours, kernels = bed.connect(we_connect)
    bed.talk(ours, kernels)
    bed.until_sent(not we_connect, announces, "it is announced four times", 4)
    times = [s.clock for s in bed.sent(not we_connect, announces)]  # the sender's: a busy machine carries them late
    waits = [b - a for a, b in zip(times, times[1:])]
    if not 1.2 < waits[2] / waits[1] < 3.5:  # the first one follows from an RTO with few samples, which may be far off
        raise Failure(f"announced at {times}")
    bed.talk(ours, kernels)
    bed.until_counted(**({"EchoAdd": 4} if we_connect else {"EchoAddTx": 4}))
    expect_handshake(we_connect, **({"AddAddrTx": 4, "EchoAdd": 4} if we_connect else {"AddAddr": 4, "EchoAddTx": 4}))


@both_roles
def edge_13_one_announcement_at_a_time(bed, we_connect, size):
    """The second address is announced when the first was echoed."""
    # L-EDGE-13 L-PM-03
    addresses = [bed.alias(2, last) for last in (7, 8)]
    bed.start()
    allow(bed, 2, 0)
    if we_connect:
        for last in (7, 8):
            ip("mptcp", "endpoint", "add", f"10.0.9.{last}", "id", last, "signal")
    else:
        for last, address in zip((7, 8), addresses):
            bed.engine.endpoint(address, SIGNAL, last)
    held = []
    bed.pass_on = lambda s: held.append(s) if echoes(s) and not held else s
    ours, kernels = bed.connect(we_connect)
    bed.talk(ours, kernels)
    bed.until_sent(not we_connect, lambda s: announces(s) and s.mp(ADD_ADDR)[3] == 8, "the second one")
    at = [s.mp(ADD_ADDR)[3] for s in bed.sent(not we_connect, announces)]
    if not held or at[:2] != [7, 7] or at[-1] != 8:
        raise Failure(f"announced {at}")
    bed.until_sent(we_connect, lambda s: echoes(s) and s.mp(ADD_ADDR)[3] == 8, "its echo")


@scene(("-kernel", False), ("-ours", True), ("-kernel-without-timestamps", False, False), families=(6,))
def edge_14_no_room(bed, by_us, timestamps=True, size=0):
    """An IPv6 address with a port does not fit beside timestamps: Linux does not announce it, and goes on with the next."""
    # L-EDGE-14 L-PM-10
    sysctl("net.ipv4.tcp_timestamps", int(timestamps))
    bed.start()
    allow(bed, 4, 4)
    if by_us:
        bed.engine.endpoint(bed.ours(2), SIGNAL, 5, 8100)
    else:
        ip("mptcp", "endpoint", "add", bed.kernel(2), "id", 5, "signal", "port", 8100)
        ip("mptcp", "endpoint", "add", "fd00:9::1", "id", 6, "signal")
    ours, kernels = bed.connect(not by_us)
    bed.talk(ours, kernels)
    if by_us:
        sent = bed.until_sent(True, announces, "it is announced")
        if len(sent.mp(ADD_ADDR)) != 30 or any(o[0] == 8 for o in sent.options):
            raise Failure(f"{sent}")
        bed.until_counted(AddAddr=1, PortAdd=1)
        return
    bed.until_sent(False, lambda s: announces(s) and s.mp(ADD_ADDR)[3] == 6, "the next one")
    if bool(bed.sent(False, lambda s: announces(s) and s.mp(ADD_ADDR)[3] == 5)) == timestamps:
        raise Failure("the one with a port is announced, or not")
    expect_handshake(True, AddAddrTx=range(1, 3), EchoAdd=range(3), AddAddrTxDrop=SOME if timestamps else 0,
                     MPJoinPortSynRx=range(2), MPJoinPortAckRx=range(2), MPJoinSynRx=range(3), MPJoinAckRx=range(3))  # fmt: skip


@both_roles
def edge_15_judged_at_the_third_ack(bed, we_connect, size):
    """A join beyond the limit is reset with reason 3. Linux answers the SYN first, and resets behind the third ACK."""
    # L-EDGE-15 L-PM-28 L-RST-03, M-JON-12 M-JON-24
    bed.start(rejoin=False)
    if we_connect:
        bed.engine.call("limits", 4, 4)
        ip("mptcp", "limits", "set", "subflows", 0)
        bed.engine.endpoint(bed.ours(2), SUBFLOW)
    else:
        bed.engine.call("limits", 0, 0)
        bed.kernel_endpoint("subflow")
    ours, kernels = bed.connect(we_connect)
    bed.talk(ours, kernels)
    if we_connect:
        bed.until_sent(False, join_synack, "a SYN/ACK")
        bed.until_sent(True, join_ack, "a third ACK")
    reset = bed.until_sent(not we_connect, lambda s: s.has(RST), "a reset")
    if reset.reason != PROHIBITED or reset.wire != 2:
        raise Failure(f"the reset: {reset}")
    bed.talk(ours, kernels)
    if not we_connect:
        bed.expect_ours(MPJoinSynRx=1, MPJoinRejected=1, MPJoinAckRx=0)
    more = {"MPJoinSynRx": 1, "MPJoinAckRx": 0, "MPJoinRejected": 1} if we_connect else {"MPJoinSynTx": 1}
    expect_handshake(we_connect, **more, TcpOutRsts=range(3), MPRstTx=range(3), MPRstRx=range(2), TcpEstabResets=range(3),
                     TcpAttemptFails=range(3))  # fmt: skip


@both_roles
def edge_15_third_ack_again(bed, we_connect, size):
    """The third ACK of a join is repeated until the fourth comes, and before that no data goes over the subflow."""
    # L-EDGE-15 L-EDGE-16, M-JON-15 M-JON-16 M-JON-17
    fourth = lambda s: s.wire == 2 and s.ours != we_connect and not s.has(SYN)  # noqa: E731
    bed.pass_on = lambda s: None if fourth(s) else s
    bed.start()
    if we_connect:
        bed.engine.call("limits", 4, 4)
        bed.engine.endpoint(bed.ours(2), SUBFLOW)
    else:
        bed.kernel_endpoint("subflow")
    ours, kernels = bed.connect(we_connect)
    bed.talk(ours, kernels)
    bed.until_sent(we_connect, join_ack, "the third ACK comes three times", 3)
    first, second = (ours, kernels) if we_connect else (kernels, ours)
    bed.say(first, second, 5000)
    if bed.sent(we_connect, lambda s: s.wire == 2 and s.payload):
        raise Failure("there is data before the fourth ACK")
    answers = bed.sent(not we_connect, fourth)
    if len(answers) < 2 or not all(s.mp(DSS) or s.mp(ADD_ADDR) for s in answers):
        raise Failure(f"{len(answers)} answers, or without DSS")
    bed.pass_on = None
    bed.until_joined(ours)
    bed.talk(ours, kernels)
    expect_handshake(we_connect, **joins(we_connect), TcpExtTCPChallengeACK=range(9), TcpExtTCPSYNChallenge=range(9))


@scene(("", None))
def edge_16_bare_fourth_ack(bed, _, size):
    """A fourth ACK without MPTCP option makes Linux reset the subflow that it opened."""
    # L-EDGE-16 L-FBK-20 L-RST-01
    bed.start(rejoin=False)
    bed.engine.call("limits", 4, 4)
    bed.pass_on = lambda s: s.without() if s.wire == 2 and s.ours and not s.has(SYN) else s
    bed.kernel_endpoint("subflow")
    ours, kernels = bed.connect(False)
    bed.talk(ours, kernels)
    bed.until_sent(False, lambda s: s.has(RST) and s.wire == 2, "a reset")
    bed.talk(ours, kernels)
    if not ours.mptcp or not kernels.mptcp:
        raise Failure("the connection is no MPTCP any more")


@both_roles
def edge_17_withdrawn_id_0(bed, we_connect, size):
    """REMOVE_ADDR of id 0 ends all subflows to the first address, with FIN; the others go on."""
    # L-EDGE-17 L-PM-22 L-PM-23, M-REM-07 M-REM-11
    ours, kernels = bed.connect_joined(we_connect)
    own = bed.last(True)
    bed.forge(own, Mp(bytes([30, 4, REMOVE_ADDR << 4, 0])))
    bed.until_sent(False, lambda s: s.has(FIN) and s.wire == 1, "the kernel ends the first subflow")
    bed.until_counted(RmAddr=1)
    if bed.sent(False, lambda s: s.has(RST)):
        raise Failure("the kernel resets")


@both_roles
def edge_17_kernel_withdraws_id_0(bed, we_connect, size):
    """Linux withdraws its first address: all subflows to that end, and one to another address carries the connection."""
    # L-EDGE-17 L-PM-25
    if we_connect:
        bed.start()
        bed.kernel_endpoint("signal")
    ours, kernels = bed.connect_joined(we_connect)
    if we_connect:
        bed.until(lambda: any(f["remote_id"] == 12 and f["established"] for f in ours.subflows()), "the announced one is joined")
    ip("mptcp", "endpoint", "delete", "id", 0, bed.kernel(1))
    sent = bed.until_sent(False, lambda s: s.mp(REMOVE_ADDR), "REMOVE_ADDR")
    if bytes(sent.mp(REMOVE_ADDR)[3:4]) != b"\0":
        raise Failure(f"{sent}")
    bed.until_sent(False, lambda s: s.has(FIN) and s.wire == 1, "the first subflow ends")
    bed.talk(ours, kernels)
    if [f["remote"] for f in ours.subflows() if f["state"] == 1] != [bed.kernel(2)]:
        raise Failure(f"{ours.subflows()}")
    bed.expect_ours(RmAddr=1)
    bed.until_counted(RmAddrTx=1)


@both_roles
def edge_18_implicit_id(bed, we_connect, size):
    """A join from, or to, an address without endpoint gives that an id, which Linux shows as an implicit endpoint; it is the same
    for the next connection."""
    # L-EDGE-18 L-PM-14
    bed.start()
    allow(bed, 4, 4)
    if we_connect:  # the kernel accepts on an address that nobody announced
        bed.engine.endpoint(bed.ours(2), SUBFLOW)
    else:
        bed.engine.endpoint(bed.ours(2), SIGNAL)
    ids = set()
    for port in (PORT, PORT + 1):
        before = len(bed.segments)
        ours, kernels = bed.connect(we_connect, port=port)
        bed.talk(ours, kernels)
        if we_connect:
            bed.until(lambda n=before: any(join_syn(s) for s in bed.segments[n:]), "we join")
            bed.forge(bed.last(False), keys.announcement(*bed_keys(bed, before)[::-1], 77, bed.kernel(2)))
        bed.until(lambda n=before: any(join_ack(s) and bed.kernel(2) in (s.src, s.dst) for s in bed.segments[n:]), "a join")
        test = join_synack if we_connect else join_syn
        ids |= {s.mp(JOIN)[3] for s in bed.segments[before:] if test(s) and s.src == bed.kernel(2)}
    shown = [line for line in ip("mptcp", "endpoint", "show").splitlines() if "implicit" in line or "rawflags 10" in line]  # older `ip`
    if len(ids) != 1 or ids == {0} or len(shown) != 1 or f"id {ids.pop()} " not in shown[0]:
        raise Failure(f"ids {ids}, endpoints {shown}")


def bed_keys(bed, since):
    """As Wire.keys(), for the connection that began then."""
    segments, bed.segments = bed.segments, bed.segments[since:]
    try:
        return bed.keys()
    finally:
        bed.segments = segments + bed.segments[len(segments) - since :]


@scene(("", True))
def edge_18_no_id_left(bed, we_connect, size):
    """A join to a ninth address of Linux is reset with reason 1: there are eight endpoints."""
    # L-EDGE-18 L-PM-27 L-RST-01
    bed.start(rejoin=False)
    allow(bed, 4, 4)
    for i in range(8):
        ip("mptcp", "endpoint", "add", f"10.0.9.{i + 1}")
    ours, kernels = bed.connect(True)
    bed.talk(ours, kernels)
    bed.forge(bed.last(False), keys.announcement(*bed.keys()[::-1], 77, bed.kernel(2)))
    bed.until_sent(True, lambda s: join_syn(s) and s.dst == bed.kernel(2), "we join")
    reset = bed.until_sent(False, lambda s: s.has(RST), "a reset")
    if reset.reason != MPTCP_ERROR:
        raise Failure(f"the reset: {reset}")
    bed.talk(ours, kernels)


@scene(("-mptcp", False), ("-tcp", True))
def edge_19_connecting_to_a_port_endpoint(bed, tcp, size):
    """On the port of an endpoint there are joins only: any other SYN is reset."""
    # L-EDGE-19 L-PM-02, M-ADD-22
    bed.start(mptcp_enabled=not tcp)
    ip("mptcp", "endpoint", "add", bed.kernel(1), "id", 5, "signal", "port", 8100)
    bed.engine.call("connect", bed.kernel(1), 8100, 0)
    bed.until_sent(False, lambda s: s.has(RST), "a reset")
    bed.until(lambda: bed.engine.said("closed"), "we see it")
    if bed.engine.said("closed")[0]["error"] not in (111, -111):
        raise Failure(f"{bed.engine.said('closed')}")
    bed.until_counted(MPCapableEndpAttempt=1)


@scene(("", None))
def edge_19_port_announced_first(bed, _, size):
    """An endpoint with a port is announced before the others, and joins to it count as such."""
    # L-EDGE-19 L-PM-02 L-OPT-05
    sysctl("net.ipv4.tcp_timestamps", 0)  # or it does not fit, with IPv6
    bed.start()
    allow(bed, 4, 4)
    ip("mptcp", "endpoint", "add", "10.0.9.1", "id", 6, "signal")
    ip("mptcp", "endpoint", "add", bed.kernel(2), "id", 5, "signal", "port", 8100)
    ours, kernels = bed.connect(True)
    bed.talk(ours, kernels)
    first = bed.until_sent(False, announces, "an announcement")
    if first.mp(ADD_ADDR)[3] != 5:
        raise Failure(f"{first} is the first")
    join = bed.until_sent(True, join_syn, "we join")
    if (join.dst, join.dport) != (bed.kernel(2), 8100):
        raise Failure(f"{join}")
    bed.until_counted(MPJoinPortSynRx=1, MPJoinPortAckRx=1)
    bed.until_sent(True, lambda s: echoes(s) and s.mp(ADD_ADDR)[-2:] == (8100).to_bytes(2, "big"), "an echo with the port")


@scene(("", None))
def edge_19_port_not_announced(bed, _, size):
    """A join to a port where others listen, and which nobody announced, is reset with reason 3."""
    # L-EDGE-19 L-PM-26 L-RST-03
    bed.start(rejoin=False)
    allow(bed, 4, 4)
    other = bed.kernel_listener(8200)
    ours, kernels = bed.connect(True)
    bed.talk(ours, kernels)
    bed.forge(bed.last(False), keys.announcement(*bed.keys()[::-1], 77, bed.kernel(2), 8200))
    bed.until_sent(True, lambda s: join_syn(s) and s.dport == 8200, "we join")
    reset = bed.until_sent(False, lambda s: s.has(RST), "a reset")
    if reset.reason != PROHIBITED:
        raise Failure(f"the reset: {reset}")
    bed.until_counted(MismatchPortSynRx=1)
    bed.talk(ours, kernels)
    other.close()


@scene(("-join", True), ("-announcement", False))
def edge_27_userspace_without_daemon(bed, we_join, size):
    """A path manager in user space that nobody runs: Linux refuses joins with reason 3, and does not echo."""
    # L-EDGE-27 L-RST-03
    sysctl("net.mptcp.path_manager", "userspace")
    bed.start(rejoin=False)
    bed.engine.call("limits", 4, 4)
    bed.engine.endpoint(bed.ours(2), SUBFLOW if we_join else SIGNAL)
    ours, kernels = bed.connect(we_join)
    bed.talk(ours, kernels)
    if we_join:
        reset = bed.until_sent(False, lambda s: s.has(RST), "a reset")
        if reset.reason != PROHIBITED:
            raise Failure(f"the reset: {reset}")
        bed.until_counted(MPJoinRejected=1)
    else:
        bed.until_counted(AddAddr=2, AddAddrDrop=2)
        if bed.sent(False, echoes):
            raise Failure("the kernel echoes")
    bed.talk(ours, kernels)


@scene(*((f"-{'client' if we else 'server'}-{'by-us' if us else 'by-the-kernel'}", we, us)
         for we in (True, False) for us in (True, False)))  # fmt: skip
def edge_29_priority(bed, we_connect, by_us, size):
    """MP_PRIO has three octets, comes on the subflow that it is about and counts for that alone."""
    # L-EDGE-29 L-OPT-08 L-PM-24, M-POL-05 M-POL-06
    ours, kernels = bed.connect_joined(we_connect)
    second = next(f["id"] for f in ours.subflows() if f["netif"] == 2)
    if by_us:
        ours.backup(second, True)
    elif we_connect:
        bed.forge(bed.last(False, wire=2), Mp(bytes([30, 3, PRIO << 4 | 1])))
    else:
        ip("mptcp", "endpoint", "change", "id", 12, "backup")
    if not (we_connect and not by_us):
        sent = bed.until_sent(by_us, lambda s: s.mp(PRIO), "MP_PRIO")
        if len(sent.mp(PRIO)) != 3 or not sent.mp(PRIO).bits & 1 or sent.wire != 2 or not sent.pure_ack or not sent.mp(DSS):
            raise Failure(f"MP_PRIO: {sent}")
    if by_us:
        bed.until_counted(MPPrioRx=1)
    else:
        bed.until(lambda: bed.engine.said("priority"), "we hear of it")
        bed.expect_ours(MPPrioRx=1)
    if [f["backup"] for f in ours.subflows()] != [0, 1]:
        raise Failure(f"{ours.subflows()}")
    before = len(bed.segments)
    bed.talk(ours, kernels, 20000)
    if any(s.wire == 2 and s.payload for s in bed.segments[before:]):
        raise Failure("data goes over the backup")


@both_roles
def edge_29_first_subflow_as_backup(bed, we_connect, size):
    """When the first address is an endpoint for backup, MP_PRIO says so right after the handshake."""
    # L-EDGE-29 L-PM-13
    bed.start()
    if we_connect:
        bed.engine.endpoint(bed.ours(1), SUBFLOW | BACKUP)
    else:
        bed.kernel_endpoint("subflow", "backup", wire=1)
    ours, kernels = bed.connect(we_connect)
    bed.talk(ours, kernels)
    sent = bed.until_sent(we_connect, lambda s: s.mp(PRIO), "MP_PRIO")
    if not sent.mp(PRIO).bits & 1 or sent.wire != 1:
        raise Failure(f"{sent}")
    if we_connect:
        bed.until_counted(MPPrioRx=1)
    else:
        bed.until(lambda: bed.engine.said("priority"), "we hear of it")
