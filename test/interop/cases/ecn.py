# SPDX-License-Identifier: BSD-3-Clause
"""Explicit congestion notification between the engine and the kernel, on wires that mark packets."""

from bed import Failure, counters, sysctl
from packets import SYN
from wire import scene

CWR, ECE = 0x80, 0x40
NOT_ECT, ECT0, CE = 0, 2, 3
MARKED = 6  # of so many segments that can be marked, one is


def check(what, fine):
    if not fine:
        raise Failure(what)


def marking(bed):
    """Marks some of what can be marked, in both directions."""
    seen = {True: 0, False: 0}

    def pass_on(s):
        if s.ecn != ECT0:
            return s
        seen[s.ours] += 1
        return s.copy(ecn=CE) if seen[s.ours] % MARKED == 0 else s

    bed.pass_on = pass_on


def talk_much(bed, ours, kernels):
    for _ in range(6):
        bed.talk(ours, kernels, 40000)


@scene(("-client", True, True), ("-server", False, True), ("-mptcp-client", True, False), ("-mptcp-server", False, False))
def marks_are_answered(bed, we_connect, tcp, size):
    """Both agree on ECN; the wire marks data both ways: each counts what came, echoes it, and answers what is echoed.
    T-ECN-01 -02 -05 -06 -09 -10 -16, T-X18."""
    sysctl("net.ipv4.tcp_ecn", 2 if we_connect else 1)
    sysctl("net.ipv4.tcp_congestion_control", "reno")
    engine = bed.start(ecn=1 if we_connect else 2, mptcp_enabled=not tcp)
    marking(bed)
    ours, kernels = bed.connect(we_connect, tcp=tcp)
    check("MPTCP of both", ours.mptcp == kernels.mptcp == (not tcp))
    talk_much(bed, ours, kernels)
    marked = {by_us: sum(s.ecn == ECT0 for s in bed.sent(by_us)) // MARKED for by_us in (True, False)}
    for by_us in (True, False):
        who = "we" if by_us else "the kernel"
        check(f"{who} sent what can be marked", marked[by_us] > 0)
        check(f"only data of {who} can be marked", all(s.payload for s in bed.sent(by_us, lambda s: s.ecn != NOT_ECT)))
        check(f"{who} echoed a mark", bed.sent(by_us, lambda s: s.flags & ECE and not s.has(SYN)))
        check(f"{who} said CWR", bed.sent(by_us, lambda s: s.flags & CWR and not s.has(SYN)))
    family = "IpExt" if bed.family == 4 else "Ip6"
    check("the kernel counts our marks", counters()[family + "InCEPkts"] == marked[True])
    check("we count the kernel's marks", engine.counters()[family + "InCEPkts"] == marked[False])
    check("the kernel hears of marks", counters()["TcpExtTCPDeliveredCE"] > 0)
    check("we hear of marks", engine.counters()["TcpExtTCPDeliveredCE"] > 0)
    bed.end(ours, kernels)


@scene(("-client", True), ("-server", False))
def bits_are_cleared(bed, we_connect, size):
    """Something on the way takes the bits of both headers away: there is no ECN, and nothing is missing. T-ECN-03."""
    sysctl("net.ipv4.tcp_ecn", 1)
    bed.start(ecn=1)
    bed.pass_on = lambda s: s.copy(ecn=NOT_ECT, flags=s.flags & ~(ECE | CWR))
    ours, kernels = bed.connect(we_connect)
    talk_much(bed, ours, kernels)
    check("nothing can be marked", all(s.ecn == NOT_ECT for s in bed.sent()))
    bed.end(ours, kernels)
