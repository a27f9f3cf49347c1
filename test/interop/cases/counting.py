# SPDX-License-Identifier: BSD-3-Clause
"""Our counters are the kernel's: by name, and by what they count."""

import re
import struct

from bed import Failure, counters, ip, until_still
from kernels import TwoKernels
from packets import ACK, FIN, JOIN, PRIO, REMOVE_ADDR, RST, SYN
from wire import BACKUP, SIGNAL, SUBFLOW, scene

# What depends on time, and on how data is spread and cut.
CHANCE = {"MPTCPRetrans", "OFOQueueTail", "OFOQueue", "OFOMerge", "DuplicateData", "NoDSSInWindow", "SndWndShared", "RcvWndShared",
          "RcvWndConflictUpdate", "RcvWndConflict"}  # fmt: skip


@scene(("", None), families=(4,))
def counter_names(bed, _, size):
    """The group MPTcpExt has the kernel's names in the kernel's order; what we count of other groups has names of the kernel."""
    # L-CTR-01
    ours, theirs = list(bed.start().counters()), list(counters())
    mptcp = lambda names: [n for n in names if n.startswith("MPTcpExt")]  # noqa: E731
    if mptcp(ours) != mptcp(theirs):
        raise Failure(f"different: {sorted(set(mptcp(ours)) ^ set(mptcp(theirs))) or 'the order'}")
    if strangers := [n for n in ours if not n.startswith("Umptcp") and n not in theirs]:
        raise Failure(f"the kernel has no {strangers}")


def joined(bed, we_connect, backup=0):
    """Who connects has an endpoint for subflows on the second wire."""
    bed.start()
    bed.engine.call("limits", 4, 4)
    if we_connect:
        bed.engine.endpoint(bed.ours(2), SUBFLOW | backup, 12)
    else:
        bed.kernel_endpoint("subflow", *(["backup"] if backup else []))
    ours, kernels = bed.connect(we_connect)
    bed.talk(ours, kernels)
    bed.until_sent(we_connect, lambda s: s.mp(JOIN) and not s.flags & SYN, "a third ACK of the join")
    bed.until_sent(not we_connect, lambda s: s.wire == 2 and not s.flags & SYN, "the fourth")
    bed.talk(ours, kernels)
    return ours, kernels


def whole_life(bed, we_connect):
    """A join, data, and an end by both."""
    ours, kernels = joined(bed, we_connect)
    ours.shutdown()
    bed.until(kernels.ended, "the kernel sees our end")
    kernels.shutdown()
    bed.until_sent(None, lambda s: s.flags & FIN, "FINs on both subflows", 4)


def backup_subflow(bed, we_connect):
    joined(bed, we_connect, BACKUP)


def priority(bed, we_connect):
    """Who joined makes the subflow a backup."""
    joined(bed, we_connect)
    if we_connect:
        bed.engine.call("endpoint_backup", 12, 1)
    else:
        ip("mptcp", "endpoint", "change", "id", 12, "backup")
    bed.until_sent(we_connect, lambda s: s.mp(PRIO), "MP_PRIO")


def withdrawal(bed, we_connect):
    """Who joined takes the endpoint away."""
    joined(bed, we_connect)
    if we_connect:
        bed.engine.call("endpoint_del", 12)
    else:
        ip("mptcp", "endpoint", "delete", "id", 12)
    bed.until_sent(we_connect, lambda s: s.mp(REMOVE_ADDR), "REMOVE_ADDR")
    bed.until_sent(None, lambda s: s.flags & FIN and s.wire == 2, "FINs of both", 2)


def announcement(bed, we_connect):
    """Who accepts announces, and is joined."""
    bed.start()
    bed.engine.call("limits", 4, 4)
    if we_connect:
        bed.kernel_endpoint("signal")
    else:
        bed.engine.endpoint(bed.ours(2), SIGNAL, 12)
    ours, kernels = bed.connect(we_connect)
    bed.talk(ours, kernels)
    bed.until_sent(not we_connect, lambda s: s.wire == 2 and not s.flags & SYN, "the fourth ACK")
    bed.talk(ours, kernels)


def abort(bed, we_connect):
    """Who connected resets."""
    ours, kernels = joined(bed, we_connect)
    (ours if we_connect else kernels).abort()
    bed.until_sent(we_connect, lambda s: s.flags & RST, "resets on both subflows", 2)


def no_option(bed, we_connect):
    """The SYN/ACK lost its option."""
    bed.pass_on = lambda s: s.without() if s.flags & SYN else s
    bed.start()
    ours, kernels = bed.connect(we_connect, b"hello")
    bed.talk(ours, kernels)


def options_vanish(bed, we_connect):
    bed.start()
    ours, kernels = bed.connect(we_connect)
    bed.talk(ours, kernels)
    bed.pass_on = lambda s: s.without()
    for _ in range(3):
        bed.talk(ours, kernels)


# Where we do something else on purpose, or two resets may cross.
OTHERWISE = {
    options_vanish: {"InfiniteMapTx"},  # RFC 8684 3.7: who falls back says so with an infinite mapping; Linux does not
    abort: {"MPFastcloseRx", "MPRstTx", "MPRstRx"},  # the other subflow's reset meets the one that answers the first
}
SCENARIOS = (whole_life, backup_subflow, priority, withdrawal, announcement, abort, no_option, options_vanish)


def settled(bed):
    """What our side counted, when it does not change any more."""
    last = []

    def same():
        values = bed.engine.counters()
        last.append({n.removeprefix("MPTcpExt"): v for n, v in values.items() if n.startswith("MPTcpExt")})
        return len(last) > 20 and all(v == last[-1] for v in last[-20:])

    bed.until(same, "the counters come to rest")
    return {n: v for n, v in last[-1].items() if n not in CHANCE}


@scene(*((f"-{f.__name__.replace('_', '-')}-{'client' if we else 'server'}", we, f) for f in SCENARIOS for we in (True, False)))
def counts_alike(bed, we_connect, scenario, size):
    """In the same scenario we count what the kernel counts in our place."""
    # L-CTR-04
    scenario(bed, we_connect)
    ours = settled(bed)
    other = TwoKernels(f"{bed.logs.name}-kernel", bed.family, bed.data)
    try:
        scenario(other, we_connect)
        theirs = settled(other)
    finally:
        other.stop()
    different = {n: (ours[n], v) for n, v in theirs.items() if ours[n] != v and n not in OTHERWISE.get(scenario, ())}
    if different:
        raise Failure("(ours, the kernel's): " + ", ".join(f"{n} {v}" for n, v in different.items()))


# ---- The groups of IP and TCP -------------------------------------------------------------------------------------------

# What the kernel counts and we do not, or not alike. All other counters have to be equal, those that we have none of, too.
UNLIKE = {
    "TcpExtTCPHPHits": "which way a segment took through the kernel's code",
    "TcpExtTCPHPAcks": "likewise",
    "TcpExtTCPPureAcks": "those of the kernel's that did not count for TCPHPAcks; ours are both",
    "TcpExtTCPAutoCorking": "how the kernel's queue to the device was filled",
    "TcpExtTCPBacklogCoalesce": "whether the application held the socket just then",
    "TcpExtTCPRcvCoalesce": "how the kernel stores what came",
    "TcpExtTcpTimeoutRehash": "a timeout chooses another flow label; we have none",
    "TcpExtTcpDuplicateDataRehash": "likewise",
    "TcpExtDelayedACKs": "whether an application was fast enough",
    **dict.fromkeys(("IpForwarding", "IpDefaultTTL", "TcpRtoAlgorithm", "TcpRtoMin", "TcpRtoMax", "TcpMaxConn"), "settings"),
    "Ip6OutMcastPkts": "reports of multicast listeners, which a host of ours is not",
    "Ip6OutMcastOctets": "likewise",
}
GROUPS = re.compile(r"(Ip|Ip6|IpExt|Tcp|TcpExt)[A-Z]\w*$")


def quiet(bed):
    """No segment passes any more."""
    until_still(lambda: len(bed.segments), 10, "the conversation")


def dialogue(bed, we_connect):
    """Both say something, and both end."""
    ours, kernels = bed.connect(we_connect, tcp=True)
    quiet(bed)
    bed.say(ours, kernels)
    quiet(bed)
    bed.say(kernels, ours)
    quiet(bed)
    ours.shutdown()
    bed.until(kernels.ended, "the kernel sees our end")
    quiet(bed)
    kernels.shutdown()
    bed.until(ours.closed, "we see the end")


def reset(bed, we_connect):
    """Who connected resets."""
    ours, kernels = bed.connect(we_connect, tcp=True)
    bed.talk(ours, kernels)
    quiet(bed)
    (ours if we_connect else kernels).abort()


def refused(bed, we_connect):
    """There is no listener."""
    bed.connect_refused(we_connect)


def strays(bed, we_connect):
    """Segments of no connection come to us."""
    ours, kernels = bed.connect(we_connect, tcp=True)
    quiet(bed)
    like = bed.last(False).copy(sport=4000, dport=4001, payload=b"")
    for flags in (SYN, ACK, RST, FIN | ACK, SYN | ACK, RST | ACK):
        bed.put(like.copy(flags=flags))
        quiet(bed)


def broken(bed, we_connect):
    """Wrong: TCP's checksum, its header's length (too small, and beyond the end), IP's checksum, and lengths."""
    ours, kernels = bed.connect(we_connect, tcp=True)
    bed.talk(ours, kernels)
    quiet(bed)
    good = bed.last(False).copy(payload=b"hello").build()
    tcp = 20 if bed.family == 4 else 40
    changes = [(tcp + 16, 1), (tcp + 12, 0xC0), (tcp + 12, 0x40), *([(10, 1)] if bed.family == 4 else [])]
    packets = [good[:at] + bytes([good[at] ^ bits]) + good[at + 1 :] for at, bits in changes]
    packets += [good[:-1], packets[-1][:-1], good[: tcp + 10], good[: tcp - 10], good[:1]]
    if bed.family == 6:
        packets.append(good[:4] + struct.pack("!H", 10) + good[6:])  # the rest is padding
    for octets in packets:
        bed.put_octets(octets, False)
        quiet(bed)


def old_timestamps(bed, we_connect):
    """Old duplicates, with payload, and without behind what came since; and a copy that is too old for nothing but its number."""
    ours, kernels = bed.connect(we_connect, tcp=True)
    bed.talk(ours, kernels)
    bed.talk(ours, kernels)
    quiet(bed)
    like = bed.sent(False, lambda s: s.payload)[-1]
    quiet(bed)
    bed.put(like)
    quiet(bed)
    bed.put(like.stamped(-100000).copy(seq=(like.seq + len(like.payload)) % (1 << 32)))
    quiet(bed)
    bed.put(like.stamped(-100000).copy(payload=b"", flags=ACK))


def beyond_the_window(bed, we_connect):
    ours, kernels = bed.connect(we_connect, tcp=True)
    bed.talk(ours, kernels)
    quiet(bed)
    like = bed.last(False)
    bed.put(like.copy(seq=(like.seq + (1 << 30)) % (1 << 32), payload=b"hello"))


def challenge(bed, we_connect):
    """A RST in the window that is not exact."""
    ours, kernels = bed.connect(we_connect, tcp=True)
    bed.talk(ours, kernels)
    quiet(bed)
    like = bed.last(False)
    bed.put(like.copy(seq=(like.seq + len(like.payload) + 10) % (1 << 32), payload=b"", flags=RST))


def closed_window(bed, we_connect):
    """The kernel's window is shut until our third probe; the second gets lost, because the kernel answers no two within half a
    second: it would be chance whether it answers that one."""
    ours, kernels = bed.connect(we_connect, tcp=True)
    bed.talk(ours, kernels)
    probes = []

    def shut(segment):
        if not segment.ours:
            return segment if len(probes) >= 3 else segment.copy(window=0)
        probes.append(segment)
        return None if len(probes) == 2 else segment

    bed.pass_on = lambda s: s if s.ours else s.copy(window=0)
    bed.say(ours, kernels)  # one more, and the answer shuts it
    quiet(bed)
    bed.pass_on = shut
    ours.send(b"later")
    bed.until_heard(ours, kernels)


def lost(bed, we_connect):
    """Our first two copies of a segment get lost: the probe, too."""
    ours, kernels = bed.connect(we_connect, tcp=True)
    bed.talk(ours, kernels)
    bed.talk(ours, kernels)
    quiet(bed)
    left = [2]

    def lose(segment):
        left[0] -= bool(segment.ours and segment.payload)
        return segment if not (segment.ours and segment.payload) or left[0] < 0 else None

    bed.pass_on = lose
    bed.say(ours, kernels)


def lost_syn(bed, we_connect):
    """Who connects says so a second time."""
    bed.pass_on = lambda s: s if len(bed.segments) > 1 else None
    bed.connect(we_connect, tcp=True)


CONVERSATIONS = (dialogue, reset, refused, strays, broken, old_timestamps, beyond_the_window, challenge, closed_window, lost, lost_syn)


def held(bed, we_connect, scenario):
    """What our side counted of IP and TCP. A kernel's reports of multicast listeners are not of the conversation."""
    bed.only_tcp = True
    bed.start(mptcp_enabled=False)
    scenario(bed, we_connect)
    quiet(bed)
    all_ = bed.engine.counters()
    values = {n: v for n, v in all_.items() if GROUPS.match(n)}
    reports = all_.get("Icmp6OutMsgs", 0)
    for name, n in (("Ip6OutRequests", reports), ("Ip6OutTransmits", reports), ("Ip6OutOctets", all_.get("Ip6OutMcastOctets", 0))):
        values[name] -= n
    return values


@scene(*((f"-{f.__name__.replace('_', '-')}-{'client' if we else 'server'}", we, f) for f in CONVERSATIONS for we in (True, False)))
def counts_of_tcp_alike(bed, we_connect, scenario, size):
    """In the same conversation of plain TCP we count what the kernel counts in our place: all of IP and TCP."""
    # L-CTR-05
    ours = held(bed, we_connect, scenario)
    other = TwoKernels(f"{bed.logs.name}-kernel", bed.family, bed.data)
    try:
        theirs = held(other, we_connect, scenario)
    finally:
        other.stop()
    different = {n: (ours.get(n, 0), v) for n, v in theirs.items() if ours.get(n, 0) != v and n not in UNLIKE}
    if different:
        raise Failure("(ours, the kernel's): " + ", ".join(f"{n} {v}" for n, v in different.items()))
