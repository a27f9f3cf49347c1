# SPDX-License-Identifier: BSD-3-Clause
"""Our counters are the kernel's: by name, and by what they count."""

from bed import Failure, counters, ip
from kernels import TwoKernels
from packets import FIN, JOIN, PRIO, REMOVE_ADDR, RST, SYN
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
