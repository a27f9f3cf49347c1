# SPDX-License-Identifier: BSD-3-Clause
"""What Linux's path manager does on live connections, and ours with it: rows L-PM-* of docs/INTEROP.md. Those that are sharp edges
stand in edges_paths.py, refusals of joins in fallbacks.py."""

import keys
from bed import Failure, counters, ip, sysctl
from cases.edges_paths import allow, announced, announces, echoes, join_ack, join_syn, join_synack
from packets import ACK, ADD_ADDR, DSS, FIN, JOIN, PRIO, REMOVE_ADDR, RST, SYN, Mp
from registry import SOME
from sides import expect, expect_handshake, joins
from wire import BACKUP, SIGNAL, SUBFLOW, both_roles, scene


def removes(s):
    return s.mp(REMOVE_ADDR)


def established(ours):
    return [f for f in ours.subflows() if f["established"] and f["state"] == 1]


def cut_off(bed):
    """A reset came before the FINs of both. One behind them answers a copy, for which there is no connection any more."""
    fins = bed.sent(test=lambda s: s.has(FIN))
    return bed.sent(test=lambda s: s.has(RST) and s.time < fins[1].time)


@both_roles
def pm_signal_endpoint(bed, by_kernel, size):
    """An endpoint that is announced: who accepts says it right after the handshake, who connects joins it, and the kernel's monitor
    tells of both."""
    # L-PM-01 L-PM-06 L-PM-36, M-ADD-01
    bed.watch()
    bed.start()
    allow(bed, 4, 4)
    if by_kernel:
        bed.kernel_endpoint("signal")
    else:
        bed.engine.endpoint(bed.ours(2), SIGNAL)
    ours, kernels = bed.connect(by_kernel)
    bed.talk(ours, kernels)
    bed.until_joined(ours)
    join = bed.sent(by_kernel, join_syn)[0]
    if join.dst != (bed.kernel(2) if by_kernel else bed.ours(2)):
        raise Failure(f"{join}")
    bed.until_monitored("CREATED")
    bed.until_monitored("ESTABLISHED")
    bed.until_monitored("SF_ESTABLISHED")
    if not by_kernel:
        bed.until_monitored("ANNOUNCED")
    bed.end(ours, kernels)
    bed.until_monitored("CLOSED")
    expect_handshake(by_kernel, **joins(by_kernel), **announced(bed, by_kernel))


@both_roles
def pm_endpoint_added_later(bed, we_connect, size):
    """An endpoint that is added while a connection lives is joined from at once."""
    # L-PM-15
    bed.start()
    allow(bed, 4, 4)
    ours, kernels = bed.connect(we_connect)
    bed.talk(ours, kernels)
    bed.talk(ours, kernels)
    if we_connect:
        bed.engine.endpoint(bed.ours(2), SUBFLOW)
    else:
        bed.kernel_endpoint("subflow")
    bed.until_joined(ours)
    bed.end(ours, kernels)
    expect_handshake(we_connect, **joins(we_connect))


@both_roles
def pm_announced_later(bed, we_connect, size):
    """The same with one that is announced."""
    # L-PM-15
    bed.start()
    allow(bed, 4, 4)
    ours, kernels = bed.connect(we_connect)
    bed.talk(ours, kernels)
    bed.talk(ours, kernels)
    if we_connect:
        bed.kernel_endpoint("signal")
    else:
        bed.engine.endpoint(bed.ours(2), SIGNAL)
    bed.until_joined(ours)
    bed.end(ours, kernels)
    expect_handshake(we_connect, **joins(we_connect), **announced(bed, we_connect))


@both_roles
def pm_announcement_beyond_the_limit(bed, by_kernel, size):
    """Beyond the limit there is an echo, and nothing else."""
    # L-PM-11, M-ADD-05
    bed.start()
    allow(bed, 2, 0)
    if by_kernel:
        bed.kernel_endpoint("signal")
    else:
        bed.engine.endpoint(bed.ours(2), SIGNAL)
    ours, kernels = bed.connect(by_kernel)
    bed.talk(ours, kernels)
    bed.until_sent(by_kernel, echoes, "an echo")
    bed.talk(ours, kernels)
    bed.talk(ours, kernels)
    if bed.sent(test=join_syn):
        raise Failure("somebody joins")
    bed.end(ours, kernels)
    expect_handshake(by_kernel, **announced(bed, by_kernel))


@both_roles
def pm_signal_endpoint_removed(bed, by_kernel, size):
    """What was announced is withdrawn, and its subflow ends with a FIN, not with a reset."""
    # L-PM-16 L-PM-22, M-REM-01 M-REM-07
    bed.watch()
    bed.start(rejoin=False)
    allow(bed, 4, 4)
    number = 12
    if by_kernel:
        bed.kernel_endpoint("signal")
    else:
        number = bed.engine.endpoint(bed.ours(2), SIGNAL)
    ours, kernels = bed.connect(by_kernel)
    bed.talk(ours, kernels)
    bed.until_joined(ours)
    if by_kernel:
        ip("mptcp", "endpoint", "delete", "id", number)
    else:
        bed.engine.call("endpoint_del", number)
    sent = bed.until_sent(not by_kernel, removes, "REMOVE_ADDR")
    if bytes(sent.mp(REMOVE_ADDR)[3:4]) != bytes([number]):
        raise Failure(f"{sent}")
    bed.until_sent(None, lambda s: s.has(FIN) and s.wire == 2, "FINs of both", 2)
    bed.talk(ours, kernels)
    if cut_off(bed) or len(established(ours)) != 1:
        raise Failure(f"{ours.subflows()}")
    if not by_kernel:
        bed.until_counted(RmAddr=1)
        bed.until_monitored("REMOVED")
    bed.until_monitored("SF_CLOSED")


@both_roles
def pm_subflow_endpoint_removed(bed, we_connect, size):
    """The source of a subflow goes away: REMOVE_ADDR with its id, and the subflow ends with a FIN."""
    # L-PM-17
    ours, kernels = bed.connect_joined(we_connect, rejoin=False)
    if we_connect:
        bed.engine.call("endpoint_del", 1)
    else:
        ip("mptcp", "endpoint", "delete", "id", 12)
    sent = bed.until_sent(we_connect, removes, "REMOVE_ADDR")
    if bytes(sent.mp(REMOVE_ADDR)[3:4]) != bytes([1 if we_connect else 12]):
        raise Failure(f"{sent}")
    bed.until_sent(None, lambda s: s.has(FIN) and s.wire == 2, "FINs of both", 2)
    bed.talk(ours, kernels)
    if cut_off(bed) or len(established(ours)) != 1:
        raise Failure(f"{ours.subflows()}")
    bed.until_counted(**({"RmAddr": 1} if we_connect else {"RmAddrTx": 1, "RmSubflow": 1}))


@both_roles
def pm_endpoint_comes_back(bed, we_connect, size):
    """An endpoint that was removed and is added again is joined from again."""
    # L-PM-19
    ours, kernels = bed.connect_joined(we_connect, rejoin=False)
    if we_connect:
        bed.engine.call("endpoint_del", 1)
    else:
        ip("mptcp", "endpoint", "delete", "id", 12)
    bed.until_counted(**({"RmAddr": 1} if we_connect else {"RmAddrTx": 1}))
    bed.until(lambda: len(established(ours)) == 1, "the subflow is gone")
    bed.talk(ours, kernels)
    if we_connect:
        bed.engine.endpoint(bed.ours(2), SUBFLOW)
    else:
        bed.kernel_endpoint("subflow")
    bed.until(lambda: len(established(ours)) == 2, "there are two again")
    bed.talk(ours, kernels)
    expect_handshake(we_connect, **joins(we_connect, 2), **({"RmAddr": SOME} if we_connect else {"RmAddrTx": 1, "RmSubflow": 1}))


@scene(("", None))
def pm_flush(bed, _, size):
    """All endpoints go: one REMOVE_ADDR with what was announced; the subflows of all end."""
    # L-PM-18, M-REM-03
    bed.start(rejoin=False)
    bed.engine.call("limits", 4, 4)
    bed.kernel_endpoint("signal")
    ours, kernels = bed.connect(True)
    bed.talk(ours, kernels)
    bed.until(lambda: len(established(ours)) == 2, "it is joined")
    ip("mptcp", "endpoint", "flush")
    sent = bed.until_sent(False, removes, "REMOVE_ADDR")
    if bytes(sent.mp(REMOVE_ADDR)[3:]) != b"\x0c":
        raise Failure(f"{sent}")
    bed.until(lambda: len(established(ours)) == 1, "its subflow ends")
    bed.talk(ours, kernels)
    expect_handshake(True, **joins(True), **announced(bed, True), RmAddrTx=1, RmSubflow=1)


@both_roles
def pm_unknown_id_withdrawn(bed, by_us, size):
    """REMOVE_ADDR of an id that nobody has changes nothing, and counts."""
    # L-PM-22, M-REM-09
    ours, kernels = bed.connect_joined(True)
    bed.forge(bed.last(by_us), Mp(bytes([30, 4, REMOVE_ADDR << 4, 77])))
    if by_us:
        bed.until_counted(RmAddr=1)
    bed.talk(ours, kernels)
    bed.expect_ours(RmAddr=0 if by_us else 1)
    if len(established(ours)) != 2:
        raise Failure(f"{ours.subflows()}")


@scene(("", None))
def pm_fullmesh(bed, _, size):
    """An endpoint with fullmesh joins every address of ours that the kernel knows."""
    # L-PM-05
    bed.start(rejoin=False)
    allow(bed, 8, 8)
    bed.engine.endpoint(bed.ours(2), SIGNAL)
    bed.kernel_endpoint("subflow", "fullmesh")
    ours, kernels = bed.connect(False)
    bed.talk(ours, kernels)
    bed.until(lambda: len(established(ours)) == 3, "there are three subflows")
    bed.talk(ours, kernels)
    ends = {(s.src, s.dst) for s in bed.sent(False, join_syn)}
    if ends != {(bed.kernel(2), bed.ours(1)), (bed.kernel(2), bed.ours(2))}:
        raise Failure(f"joins {ends}")
    expect_handshake(False, **joins(False, 2), **announced(bed, False))


@both_roles
def pm_next_endpoint(bed, we_connect, size):
    """A join that is refused is not tried again; the next endpoint is."""
    # L-PM-04 L-PM-29, M-RST-05
    if we_connect:
        second = bed.alias(2, 7)
    else:
        ip("address", "add", f"{bed.kernel(2)[:-1]}7/{bed.prefix}", "dev", "tun2", *(["nodad"] if bed.family == 6 else []))
        second = f"{bed.kernel(2)[:-1]}7"
    first = bed.ours(2) if we_connect else bed.kernel(2)
    refuse = lambda s: s.replaced(JOIN, s.mp(JOIN).changed(5, s.mp(JOIN)[5] ^ 1))  # noqa: E731
    bed.pass_on = lambda s: refuse(s) if join_synack(s) and s.dst == first else s
    bed.start(rejoin=False)
    bed.engine.call("limits", 1, 0)
    ip("mptcp", "limits", "set", "subflows", 1)
    for address in (first, second):
        if we_connect:
            bed.engine.endpoint(address, SUBFLOW)
        else:
            ip("mptcp", "endpoint", "add", address, "dev", "tun2", "subflow")
    ours, kernels = bed.connect(we_connect)
    bed.talk(ours, kernels)
    bed.until(lambda: len(established(ours)) == 2, "the second endpoint is used")
    bed.talk(ours, kernels)
    if [s.src for s in bed.sent(we_connect, join_syn)] != [first, second]:
        raise Failure(f"joins {[s.src for s in bed.sent(we_connect, join_syn)]}")


@both_roles
def pm_all_endpoints_at_once(bed, we_connect, size):
    """The joins from several endpoints do not wait for each other, and stop at the limit."""
    # L-PM-04, M-PTH-01
    if we_connect:
        addresses = [bed.alias(2, n) for n in (7, 8, 9)]
    else:
        addresses = [f"{bed.kernel(2)[:-1]}{n}" for n in (7, 8, 9)]
        for address in addresses:
            ip("address", "add", f"{address}/{bed.prefix}", "dev", "tun2", *(["nodad"] if bed.family == 6 else []))
    held = []
    bed.pass_on = lambda s: held.append(s) if join_synack(s) else s
    bed.start(rejoin=False)
    allow(bed, 2, 0)
    for address in addresses:
        if we_connect:
            bed.engine.endpoint(address, SUBFLOW)
        else:
            ip("mptcp", "endpoint", "add", address, "dev", "tun2", "subflow")
    ours, kernels = bed.connect(we_connect)
    bed.talk(ours, kernels)
    bed.until(lambda: len({s.dst for s in held}) == 2, "two joins without an answer")
    bed.pass_on = None
    for s in list(held):
        bed.put(s)
    bed.until(lambda: len(established(ours)) == 3, "there are three subflows")
    bed.talk(ours, kernels)
    if len({s.src for s in bed.sent(we_connect, join_syn)}) != 2:
        raise Failure("more joins than the limit allows")


@both_roles
def pm_reset_subflow(bed, we_connect, size):
    """A subflow that is reset takes no byte with it: what it carried comes over the other at once."""
    # L-PM-31, M-RTX-06
    ours, kernels = bed.connect_joined(we_connect, rejoin=False)
    hit = []

    def kill(s):  # the first data on the second subflow is lost, and its sender is told of a reset
        if hit and s.wire == 2:
            return None
        if s.wire == 2 and len(s.payload) > 500:
            hit.append(s)
            bed.put(s.copy(src=s.dst, dst=s.src, sport=s.dport, dport=s.sport, seq=s.ack, ack=s.seq, flags=RST | ACK, payload=b"",
                           options=[], ours=not s.ours))  # fmt: skip
            return None
        return s

    bed.pass_on = kill
    bed.say(ours, kernels, 150000)
    if not hit:
        bed.say(kernels, ours, 150000)
    bed.talk(ours, kernels)
    if not hit:
        return "the second subflow carried nothing"


@both_roles
def pm_backup_endpoint(bed, we_connect, size):
    """The B flag of an endpoint stands in the SYN of who joins, and the subflow is left alone."""
    # L-PM-13 L-OPT-10, M-JON-09
    bed.start()
    allow(bed, 4, 4)
    if we_connect:
        bed.engine.endpoint(bed.ours(2), SUBFLOW | BACKUP)
    else:
        bed.kernel_endpoint("subflow", "backup")
    ours, kernels = bed.connect(we_connect)
    bed.talk(ours, kernels)
    bed.until_joined(ours)
    if not bed.sent(we_connect, join_syn)[0].mp(JOIN).bits & 1:
        raise Failure("no B in the SYN")
    bed.talk(ours, kernels, 20000)
    if bed.sent(test=lambda s: s.wire == 2 and s.payload):
        raise Failure("data on the backup")
    bed.end(ours, kernels)
    expect_handshake(we_connect, **joins(we_connect), **({"MPJoinSynBackupRx": 1} if we_connect else {}))


@both_roles
def pm_backup_of_who_accepts(bed, we_connect, size):
    """B stands in the SYN/ACK when the address that accepts is an endpoint for backup, and its id with it."""
    # L-PM-13 L-OPT-10, M-JON-09
    bed.start()
    allow(bed, 4, 4)
    if we_connect:
        bed.kernel_endpoint("signal", "backup")
    else:
        bed.engine.endpoint(bed.ours(2), SIGNAL | BACKUP, 9)
    ours, kernels = bed.connect(we_connect)
    bed.talk(ours, kernels)
    bed.until_joined(ours)
    option = bed.sent(not we_connect, join_synack)[0].mp(JOIN)
    if not option.bits & 1 or option[3] != (12 if we_connect else 9):
        raise Failure(f"{option}")
    if not we_connect:
        bed.until_counted(MPJoinSynAckBackupRx=1)


@scene(("-kernel", False), ("-ours", True))
def pm_back_up_from_a_dead_end(bed, by_us, size):
    """With no subflow left the connection waits for a new one, and goes on when it comes."""
    # L-PM-34, M-SEM-08
    bed.start(rejoin=False)
    allow(bed, 4, 4)
    ours, kernels = bed.connect(by_us)
    bed.talk(ours, kernels)
    bed.talk(ours, kernels)
    bed.forge_end(True, RST)
    bed.forge_end(False, RST)
    bed.until(lambda: not established(ours), "no subflow is left")
    if kernels.error() or ours.closed():
        raise Failure("the connection ends")
    if by_us:
        bed.engine.endpoint(bed.ours(2), SUBFLOW)
    else:
        bed.kernel_endpoint("subflow")
    bed.until(lambda: len(established(ours)) == 1, "a new subflow")
    bed.talk(ours, kernels)


@scene(("-kernel", False), ("-ours", True))
def pm_close_timeout(bed, by_us, size):
    """It does not wait for ever: after close_timeout the connection is over."""
    # L-PM-34
    sysctl("net.mptcp.close_timeout", 1)
    bed.start(rejoin=False, close_timeout=1_000_000_000)
    ours, kernels = bed.connect(by_us)
    bed.talk(ours, kernels)
    bed.talk(ours, kernels)
    bed.forge_end(not by_us, RST)
    if by_us:
        bed.until(ours.closed, "it is over")
    else:
        bed.until(lambda: not counters()["MPTcpExtMPCurrEstab"], "it is over")


@scene(("", None), families=(6,))
def pm_families(bed, _, size):
    """A connection over IPv6 has subflows over IPv4 too."""
    # L-PM-33
    bed.aliases = {2: ["10.0.2.2/24"]}
    bed.start()
    allow(bed, 4, 4)
    ip("address", "add", "10.0.2.1/24", "dev", "tun2")
    bed.engine.endpoint("10.0.2.2", SUBFLOW)
    ip("mptcp", "endpoint", "add", "10.0.2.1", "id", 12, "signal")
    ours, kernels = bed.connect(True)
    bed.talk(ours, kernels)
    bed.until(lambda: any(f["remote"] == "10.0.2.1" for f in established(ours)), "a subflow over IPv4")
    bed.talk(ours, kernels)
    bed.end(ours, kernels)


@scene(("", None), families=(4,))
def pm_families_of_a_socket_for_ipv4(bed, _, size):
    """A kernel's socket for IPv4 echoes an IPv6 address, and does not use it."""
    # L-PM-33
    address = "fd00:2::2"
    bed.aliases = {2: [f"{address}/64"]}
    bed.start()
    allow(bed, 4, 4)
    ip("address", "add", "fd00:2::1/64", "dev", "tun2", "nodad")
    bed.engine.endpoint(address, SIGNAL)
    ours, kernels = bed.connect(False)
    bed.talk(ours, kernels)
    bed.until_sent(False, echoes, "an echo")
    bed.talk(ours, kernels)
    if bed.sent(test=join_syn):
        raise Failure("a join")
    bed.end(ours, kernels)
    expect_handshake(False, **announced(bed, False))
