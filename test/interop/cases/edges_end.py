# SPDX-License-Identifier: BSD-3-Clause
"""What a peer of Linux stumbles over at the end of a connection, and of a subflow."""

from bed import Failure
from packets import ACK, FASTCLOSE, FIN, RST, TCPRST, Mp
from registry import SOME
from sides import expect_handshake, joins
from wire import both_roles, scene


def data_fin(s):
    return s.dss and s.dss.fin


@scene(*((f"-{'client' if we else 'server'}-{'we' if us else 'the-kernel'}-first", we, us)
         for we in (True, False) for us in (True, False)))  # fmt: skip
def edge_22_data_fin_first(bed, we_connect, we_end, size):
    """DATA_FIN goes over both subflows, alone with length 1 and subflow sequence number 0; FINs follow when both directions have
    ended."""
    # L-EDGE-22 L-END-01, M-CLS-02 M-CLS-04 M-CLS-10 M-CLS-14
    ours, kernels = bed.connect_joined(we_connect)
    first, second = (ours, kernels) if we_end else (kernels, ours)
    first.shutdown()
    bed.until_sent(we_end, data_fin, "DATA_FIN on both subflows", 2)
    for s in bed.sent(we_end, data_fin):
        if s.payload or (s.dss.length, s.dss.ssn) != (1, 0):
            raise Failure(f"{s}")
    if {s.wire for s in bed.sent(we_end, data_fin)} != {1, 2}:
        raise Failure("on one subflow only")
    bed.say(second, first)  # the other direction goes on
    if bed.sent(test=lambda s: s.has(FIN)):
        raise Failure("a FIN comes too early")
    second.shutdown()
    bed.until(ours.closed, "we see the end")
    for direction in (True, False):
        bed.until_sent(direction, lambda s: s.has(FIN), "FINs of both", 2)
        ends = bed.sent(direction, data_fin)
        if ends[0].time > bed.sent(direction, lambda s: s.has(FIN))[0].time:
            raise Failure("a FIN comes before DATA_FIN")
    expect_handshake(we_connect, **joins(we_connect))


@scene(*((f"-{'client' if we else 'server'}-{'ours' if us else 'the-kernels'}", we, us)
         for we in (True, False) for us in (True, False)))  # fmt: skip
def edge_22_data_fin_again(bed, we_connect, ours_is_lost, size):
    """A DATA_FIN without an answer comes again and again, each time later."""
    # L-EDGE-22 L-END-02, M-CLS-08
    ours, kernels = bed.connect(we_connect)
    bed.talk(ours, kernels)
    bed.pass_on = lambda s: None if s.ours == ours_is_lost and data_fin(s) and len(bed.sent(s.ours, data_fin)) < 4 else s
    (ours if ours_is_lost else kernels).shutdown()
    bed.until_sent(ours_is_lost, data_fin, "DATA_FIN comes four times", 4)
    times = [s.time for s in bed.sent(ours_is_lost, data_fin)]
    if times[3] - times[2] < 1.3 * (times[2] - times[1]):
        raise Failure(f"at {times}")
    (kernels if ours_is_lost else ours).shutdown()
    bed.until(ours.closed, "we see the end")
    expect_handshake(we_connect)


@scene(*((f"-{'client' if we else 'server'}-{'ours' if us else 'the-kernels'}", we, us)
         for we in (True, False) for us in (True, False)))  # fmt: skip
def edge_22_fin_of_one_subflow(bed, we_connect, by_us, size):
    """FIN without DATA_FIN ends one subflow; the stream goes on over the other."""
    # L-EDGE-22 L-PM-30, M-CLS-16
    ours, kernels = bed.connect_joined(we_connect, rejoin=False)
    bed.forge_end(by_us, FIN, wire=2)
    bed.until_sent(not by_us, lambda s: s.has(FIN) and s.wire == 2, "the other half ends too")
    before = len(bed.segments)
    bed.talk(ours, kernels)
    if any(s.payload and s.wire == 2 and s.ours != by_us for s in bed.segments[before:]):
        raise Failure("data goes over the subflow that has ended")
    if kernels.ended() or ours.closed():
        raise Failure("the connection ends")


@scene(*((f"-{'client' if we else 'server'}-{'ours' if us else 'the-kernels'}", we, us)
         for we in (True, False) for us in (True, False)))  # fmt: skip
def edge_23_fastclose(bed, we_connect, by_us, size):
    """An abort is a reset with MP_FASTCLOSE, the receiver's key in it, and MP_TCPRST, on each subflow."""
    # L-EDGE-23 L-OPT-09 L-RST-00, M-FCL-02 M-FCL-09
    ours, kernels = bed.connect_joined(we_connect)
    (ours if by_us else kernels).abort()
    resets = [bed.until_sent(by_us, lambda s, w=w: s.has(RST) and s.wire == w, "a reset on each subflow") for w in (1, 2)]
    for s in resets:
        if not s.mp(FASTCLOSE) or s.mp(FASTCLOSE)[4:12] != bed.keys()[by_us] or s.reason != 0 or not s.has(ACK):
            raise Failure(f"{s}")
    if by_us:
        bed.until(lambda: kernels.error() == 104, "the kernel's program hears of it")
        bed.until_counted(MPFastcloseRx=1)
    else:
        bed.until(ours.closed, "we hear of it")
        if ours.closed()[0]["error"] not in (104, -104):
            raise Failure(f"{ours.closed()}")
        bed.until_counted(MPFastcloseTx=2)
        bed.expect_ours(MPFastcloseRx=SOME)


@both_roles
def edge_23_wrong_key(bed, we_connect, size):
    """MP_FASTCLOSE with another key ends its subflow, as a reset does, and not the connection; so does a plain reset."""
    # L-EDGE-23 L-PM-31, M-FCL-09
    ours, kernels = bed.connect_joined(we_connect, rejoin=False)
    wrong = Mp(bytes([30, 12, FASTCLOSE << 4, 0]) + b"notmykey")
    bed.forge_end(True, RST, wrong, Mp(bytes([30, 4, TCPRST << 4, 0])), wire=2)
    bed.until_counted(MPRstRx=1)
    bed.talk(ours, kernels)
    if kernels.error() or ours.closed():
        raise Failure("the connection ends")


@both_roles
def edge_23_wrong_key_for_us(bed, we_connect, size):
    """The same from the kernel's side: we keep the connection."""
    # L-EDGE-23, M-FCL-09
    ours, kernels = bed.connect_joined(we_connect, rejoin=False)
    wrong = Mp(bytes([30, 12, FASTCLOSE << 4, 0]) + b"notmykey")
    bed.forge_end(False, RST, wrong, Mp(bytes([30, 4, TCPRST << 4, 0])), wire=2)
    bed.until(lambda: bed.engine.said("subflow-down"), "the subflow ends")
    bed.talk(ours, kernels)
    bed.expect_ours(MPFastcloseRx=0, MPRstRx=1)
