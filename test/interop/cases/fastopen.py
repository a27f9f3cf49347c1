# SPDX-License-Identifier: BSD-3-Clause
"""TCP Fast Open between the engine and the kernel, in both roles, with MPTCP and without."""

import socket

from bed import Failure, counters, sysctl
from packets import DSS, SYN
from registry import PORT
from sides import expect
from wire import Kernels, Ours, scene

CLIENT, SERVER, LISTENERS = 1, 2, 0x400
TCP_FASTOPEN, MSG_FASTOPEN = 23, 0x20000000
KINDS = (("-mptcp", False), ("-tcp", True))


def grown(before, name):
    return counters().get(name, 0) - before.get(name, 0)


def check(what, got, wanted):
    if got != wanted:
        raise Failure(f"{what} is {got} instead of {wanted}")


def check_positions(bed, ours, wanted):
    """Where the first DSS with a mapping stands on the last subflow: the bytes of the SYN do not count."""
    syn = bed.sent(test=lambda s: s.flags == SYN)[-1]  # what else comes belongs to the connection before
    ports = {syn.sport, syn.dport}
    first = [s.dss.ssn for s in bed.sent(ours, lambda s: s.mp(DSS)) if s.dss.length and {s.sport, s.dport} == ports]
    check(f"the position of the first mapping of {'ours' if ours else 'the kernel'}", first[0], wanted)


@scene(*KINDS)
def fast_open_to_the_kernel(bed, tcp, size):
    """The first connection brings a cookie, the second one its first data on the SYN, which the kernel takes.
    T-TFO-07, M-TFO-03 -05 -11."""
    sysctl("net.ipv4.tcp_fastopen", CLIENT | SERVER)
    engine = bed.start(fastopen=CLIENT, mptcp_enabled=not tcp)
    listener = bed.kernel_listener(tcp=tcp)
    listener.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN, 5)
    for turn in range(2):
        before, data = counters(), bed.random.randbytes(300)
        ours = Ours(engine, engine.call("connect_with", bed.kernel(1), PORT, data.hex()), data)
        kernels = bed.accepted(listener)
        bed.until(lambda k=kernels: len(k.received()) >= len(data), "the data arrives")
        check("what arrived", kernels.received(), data)
        bed.talk(ours, kernels)
        bed.talk(ours, kernels)
        check("data on the SYN", [len(s.payload) for s in bed.sent(True, lambda s: s.flags == SYN)][turn], 300 * turn)
        check("cookies asked for", grown(before, "TcpExtTCPFastOpenCookieReqd"), 1 - turn)
        check("passive opens", grown(before, "TcpExtTCPFastOpenPassive"), turn)
        check("MPTCP of ours", ours.mptcp, not tcp)
        check("MPTCP of the kernel's", kernels.mptcp, not tcp)
        if not tcp:  # the first data of a client has MP_CAPABLE for its mapping
            check_positions(bed, True, 301 - 200 * turn)
            check_positions(bed, False, 1)
        bed.end(ours, kernels)
    check("active opens of ours", engine.counters()["TcpExtTCPFastOpenActive"], 1)
    expect()


@scene(*KINDS)
def fast_open_from_the_kernel(bed, tcp, size):
    """The kernel asks for a cookie, and shows it with data on its SYN, which can be read before its third packet.
    T-TFO-05 -06, M-TFO-02 -03 -05."""
    sysctl("net.ipv4.tcp_fastopen", CLIENT)
    engine = bed.start(fastopen=SERVER | LISTENERS, mptcp_enabled=not tcp)
    listener = engine.call("listen", PORT)
    for turn in range(2):
        before, data = counters(), bed.random.randbytes(300)
        s = bed.kernel_socket(tcp)
        check("bytes taken", s.sendto(data, MSG_FASTOPEN, (bed.ours(1), PORT)), 300)
        from_kernel = Kernels(s, data)
        bed.until(lambda t=turn: len(engine.said("accept", sock=listener)) > t, "we have a connection to accept")
        ours = Ours(engine, engine.call("accept", listener))
        bed.until(lambda o=ours: len(o.received()) >= len(data), "the data arrives")
        check("what arrived", ours.received(), data)
        bed.talk(ours, from_kernel)
        bed.talk(ours, from_kernel)
        check("data on the SYN", [len(s.payload) for s in bed.sent(False, lambda s: s.flags == SYN)][turn], 300 * turn)
        check("active opens", grown(before, "TcpExtTCPFastOpenActive"), turn)
        check("failures", grown(before, "TcpExtTCPFastOpenActiveFail"), 0)
        check("MPTCP of ours", ours.mptcp, not tcp)
        check("MPTCP of the kernel's", from_kernel.mptcp, not tcp)
        if not tcp:
            check_positions(bed, True, 1)
            check_positions(bed, False, 301 - 300 * turn)
        bed.end(ours, from_kernel)
    check("passive opens of ours", engine.counters()["TcpExtTCPFastOpenPassive"], 1)
    expect()
