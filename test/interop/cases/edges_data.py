# SPDX-License-Identifier: BSD-3-Clause
"""What a peer of Linux stumbles over while data moves: mappings, checksums, windows, and options that are not there."""

import keys
from bed import Failure, sysctl
from packets import ACK, DSS, FAIL, FIN, MIDDLEBOX, RST, SYN
from registry import SOME
from sides import expect_handshake, joins
from wire import both_roles, scene

SENDERS = (("-client-of-ours", True, True), ("-client-of-the-kernel", True, False), ("-server-of-ours", False, True),
           ("-server-of-the-kernel", False, False))  # fmt: skip


def each_direction(test):
    """Its arguments are whether we connect, and whether it is our data that something happens to."""
    return scene(*SENDERS)(test)


def damaged(s):
    """With another payload, of which TCP sees nothing."""
    return s.copy(payload=bytes(b ^ 0x55 for b in s.payload))


def in_tcp_from_now_on(bed, ours, kernels):
    for _ in range(3):
        bed.talk(ours, kernels)
    if ours.mptcp or kernels.mptcp:
        raise Failure("it is still MPTCP")
    if any(s.mptcp for s in bed.sent()[-3:]):
        raise Failure("there are still MPTCP options")


@both_roles
def edge_04_options_vanish(bed, we_connect, size):
    """With one subflow that never had another, options that vanish in the middle leave TCP behind, without MP_FAIL."""
    # L-EDGE-04 L-FBK-10, M-FBK-04 M-FBK-05
    ours, kernels = bed.connect(we_connect)
    bed.talk(ours, kernels)
    bed.pass_on = lambda s: s.without()
    in_tcp_from_now_on(bed, ours, kernels)
    expect_handshake(we_connect, DssFallback=1)


@each_direction
def edge_04_options_vanish_after_a_join(bed, we_connect, by_us, size):
    """With two subflows, data without mapping resets its subflow with reason 6, and comes over the other."""
    # L-EDGE-04 L-FBK-10 L-FBK-20 L-RST-06, M-FBK-08
    ours, kernels = bed.connect_joined(we_connect)
    stripped = []

    def strip_one_path(s):
        if s.ours == by_us and s.payload and (not stripped or s.wire == stripped[0].wire):
            stripped.append(s)
            return s.without(DSS)
        return s

    bed.pass_on = strip_one_path
    bed.say(*((ours, kernels) if by_us else (kernels, ours)), 3000)
    reset = bed.until_sent(not by_us, lambda s: s.has(RST), "a reset answers")
    if reset.reason != MIDDLEBOX or reset.wire != stripped[0].wire:
        raise Failure(f"the reset: {reset}")
    bed.talk(ours, kernels)
    if not ours.mptcp or not kernels.mptcp:
        raise Failure("it is no MPTCP any more")


@each_direction
def edge_05_first_checksum(bed, we_connect, by_us, size):
    """When the first checksum of all is wrong who receives goes on in TCP at once, and has the data."""
    # L-EDGE-05 L-FBK-15
    sysctl("net.mptcp.checksum_enabled", 1)
    hit = []

    def damage_the_first(s):
        if s.ours == by_us and s.payload and not hit:
            hit.append(s)
            return damaged(s)
        return s

    bed.pass_on = damage_the_first
    ours, kernels = bed.connect(we_connect)
    sender, receiver = (ours, kernels) if by_us else (kernels, ours)
    sender.send(b"x" * 200)
    bed.until(lambda: receiver.received() == b"-" * 200, "the damaged data is there")
    receiver._got = sender.said if by_us else b""
    if by_us:
        bed.say(kernels, ours)
        expect_handshake(we_connect, DataCsumErr=1, DssFallback=1)
    else:
        expect_handshake(we_connect, MPFailRx=range(2), MPFailTx=range(2), InfiniteMapTx=range(2), DssFallback=range(2))
        bed.expect_ours(DataCsumErr=1)


@each_direction
def edge_06_answer_to_mp_fail(bed, we_connect, by_us, size):
    """On the only subflow, after a good checksum, a bad one is answered by DSS and MP_FAIL, that by MP_FAIL, and new data by an
    infinite mapping, which has its numbers, the length 0 and the checksum 0. Then there is TCP. The damaged data is delivered."""
    # L-EDGE-05 L-EDGE-06 L-FBK-16 L-FBK-21 L-FAIL-01 to -04, M-FBK-16 M-FBK-17 M-FBK-18
    sysctl("net.mptcp.checksum_enabled", 1)
    ours, kernels = bed.connect(we_connect)
    bed.talk(ours, kernels)
    hit = []

    def damage_one(s):
        if s.ours == by_us and s.payload and not hit:
            hit.append(s)
            return damaged(s)
        return s

    bed.pass_on = damage_one
    sender, receiver = (ours, kernels) if by_us else (kernels, ours)
    sender.send(b"x" * 200)
    fail = bed.until_sent(not by_us, lambda s: s.mp(FAIL), "MP_FAIL")
    if int.from_bytes(fail.mp(FAIL)[4:12], "big") != hit[0].dss.dsn or not fail.mp(DSS):
        raise Failure(f"MP_FAIL: {fail}, for {hit[0]}")
    answer = bed.until_sent(by_us, lambda s: s.mp(FAIL), "MP_FAIL answers")
    if by_us:
        bed.until(lambda: kernels.received()[-200:] == b"-" * 200, "the kernel delivers what is damaged")
    sender.send(b"y" * 50)
    infinite = bed.until_sent(by_us, lambda s: s.dss and s.dss.length == 0, "an infinite mapping")
    if infinite.dss.checksum or not infinite.payload or infinite.dss.dsn_size == 8 and not infinite.dss.dsn:
        raise Failure(f"the infinite mapping: {infinite}")
    bed.until(lambda: receiver.received()[-50:] == b"y" * 50, "what comes after is there")
    if ours.mptcp or kernels.mptcp or answer.time > infinite.time:
        raise Failure("it is still MPTCP")
    if by_us:
        expect_handshake(we_connect, DataCsumErr=1, MPFailTx=1, MPFailRx=1, InfiniteMapRx=1, DssFallback=1)
    else:
        expect_handshake(we_connect, MPFailRx=1, MPFailTx=1, InfiniteMapTx=1, InfiniteMapRx=range(2), DssFallback=range(2))
        bed.expect_ours(DataCsumErr=1, MPFailTx=1, MPFailRx=1, InfiniteMapRx=1)


@each_direction
def edge_05_checksum_after_a_join(bed, we_connect, by_us, size):
    """With two subflows a bad checksum resets its own: MP_FAIL and MP_TCPRST with reason 6; the data comes over the other."""
    # L-EDGE-05 L-FBK-17 L-RST-06, M-FBK-11 M-FBK-13
    sysctl("net.mptcp.checksum_enabled", 1)
    ours, kernels = bed.connect_joined(we_connect)
    hit = []

    def damage_one(s):
        if s.ours == by_us and s.payload and not hit:
            hit.append(s)
            return damaged(s)
        return s

    bed.pass_on = damage_one
    bed.say(*((ours, kernels) if by_us else (kernels, ours)), 200)
    reset = bed.until_sent(not by_us, lambda s: s.has(RST), "a reset answers")
    if not reset.mp(FAIL) or reset.reason != MIDDLEBOX or reset.wire != hit[0].wire:
        raise Failure(f"the reset: {reset}")
    if int.from_bytes(reset.mp(FAIL)[4:12], "big") != hit[0].dss.dsn:
        raise Failure(f"MP_FAIL is not about {hit[0]}")
    bed.pass_on = None
    bed.talk(ours, kernels)
    more = {"DataCsumErr": 1, "MPFailTx": 1, "MPRstTx": 1, "TcpOutRsts": SOME} if by_us else {"MPFailRx": 1, "MPRstRx": 1}
    expect_handshake(we_connect, **joins(we_connect), **more, TcpEstabResets=range(3))


@each_direction
def edge_07_same_mapping_again(bed, we_connect, by_us, size):
    """A segment that is sent again has the mapping that it had."""
    # L-EDGE-07, M-MAP-03 M-MAP-04
    ours, kernels = bed.connect(we_connect)
    bed.talk(ours, kernels)
    lost = []

    def lose_some(s):
        if s.ours == by_us and s.payload and s.seq not in lost and len(lost) < 4:
            lost.append(s.seq)
            return None
        return s

    bed.pass_on = lose_some
    bed.say(*((ours, kernels) if by_us else (kernels, ours)), 20000)
    place = lambda s: (s.dss.dsn - s.dss.ssn) if s.dss and s.dss.dsn is not None else None  # noqa: E731
    mapped = {}
    for s in bed.sent(by_us, lambda s: s.payload and place(s) is not None):
        for octet in (s.seq, s.seq + len(s.payload) - 1):
            if mapped.setdefault(octet, place(s)) != place(s):
                raise Failure(f"another mapping: {s}")
    if len(lost) < 4 or not all(len(bed.sent(by_us, lambda s, q=q: s.seq <= q < s.seq + len(s.payload))) > 1 for q in lost):
        raise Failure("nothing was sent again")
    bed.pass_on = None
    bed.end(ours, kernels)
    expect_handshake(we_connect)


@scene(*((f"-{what}-{'client' if we else 'server'}", we, what) for what in ("ahead", "other") for we in (True, False)))
def edge_07_bad_mapping(bed, we_connect, what, size):
    """A mapping that begins ahead of the data, or maps what is mapped already elsewhere, ends MPTCP on the only subflow."""
    # L-EDGE-07 L-FBK-12 L-FBK-13
    ours, kernels = bed.connect(we_connect)
    bed.talk(ours, kernels)
    done = []

    def falsify(s):
        if not (s.ours and s.payload and s.dss) or done:
            return s
        done.append(s)
        d = s.dss
        if what == "ahead":
            d.ssn += 5
            return s.replaced(DSS, d.option())
        half, rest = s.copy(payload=s.payload[:100]), s.copy(payload=s.payload[100:], seq=s.seq + 100)
        d.dsn += 10
        return [half, rest.replaced(DSS, d.option())]

    bed.pass_on = falsify
    bed.say(ours, kernels, 200)
    bed.pass_on = None
    in_tcp_from_now_on(bed, ours, kernels)
    counted = {"DSSNoMatchTCP": 1} if what == "ahead" else {"DSSNotMatching": 1}
    expect_handshake(we_connect, DssFallback=1, **counted)


@both_roles
def edge_09_width_of_data_ack(bed, we_connect, size):
    """DATA_ACK has 4 octets until a mapping with 8 came, and again after one with 4; either width is taken, and both mixed."""
    # L-EDGE-09 L-OPT-03, M-DSS-05 M-DSS-07

    def shorten(s):
        d = s.dss
        if d and d.dsn is not None and d.dsn_size == 8:
            d.dsn_size = 4
        if d and d.ack is not None and d.ack_size == 8 and self_choice():
            d.ack_size = 4
        return s.replaced(DSS, d.option()) if d else s

    self_choice = lambda: bed.random.random() < 0.5  # noqa: E731
    ours, kernels = bed.connect(we_connect)
    bed.talk(ours, kernels)
    if bed.sent(False, lambda s: s.dss)[-1].dss.ack_size != 8:
        raise Failure("the kernel's DATA_ACK is short after a long mapping")
    bed.pass_on = shorten
    for _ in range(5):
        bed.talk(ours, kernels, 3000)
    if bed.sent(False, lambda s: s.dss)[-1].dss.ack_size != 4:
        raise Failure("the kernel's DATA_ACK is long after a short mapping")
    bed.end(ours, kernels)
    expect_handshake(we_connect)


@both_roles
def edge_11_pseudo_header(bed, we_connect, size):
    """Every checksum is over 64 bits of data sequence number, the subflow's, the length with DATA_FIN, and the payload; and
    DATA_FIN alone has one."""
    # L-EDGE-11 L-OPT-13, M-FBK-11, M-DSS-09
    sysctl("net.mptcp.checksum_enabled", 1)
    ours, kernels = bed.connect(we_connect)
    for _ in range(3):
        bed.talk(ours, kernels, 777)
    bed.end(ours, kernels)
    alone = 0
    for s in bed.sent(test=lambda s: s.dss and s.dss.dsn is not None):
        if keys.mapping_checksum(s.dss.dsn, s.dss.ssn, s.dss.length, s.payload) != s.dss.checksum:
            raise Failure(f"the checksum of {s}")
        alone += s.dss.fin and not s.payload
    if alone < 2:
        raise Failure("no DATA_FIN alone in each direction")
    expect_handshake(we_connect)


def right_edges(bed, by_us):
    """(segment, data sequence number behind the announced window) of the acknowledgments of one side, in their order."""
    scale = {}
    for s in bed.sent(by_us):
        if s.has(SYN):
            scale[s.wire] = next(o[2] for o in s.options if o[0] == 3)
        elif s.dss and s.dss.ack is not None and s.dss.ack_size == 8:
            yield s, s.dss.ack + (s.window << scale[s.wire])


def hold_until_both_used(bed, by_us):
    """The receiver's segments wait until the sender has used both wires: where acknowledgments are quick, one path can be enough."""
    used, held = set(), []

    def hold(s):
        if s.ours != by_us:
            if len(used) != 1:
                return s
            held.append(s)
            return None
        if len(s.payload) > 1000:
            used.add(s.wire)
        while len(used) == 2 and held:
            bed.put(held.pop(0))
        return s

    bed.pass_on = hold


def expect_within_the_window(bed, by_us):
    """What was sent is within the farthest edge that was announced on any wire."""
    unit = 1 << max(next(o[2] for o in s.options if o[0] == 3) for s in bed.sent(not by_us, lambda s: s.has(SYN)))
    last = max(edge for _, edge in right_edges(bed, not by_us)) + unit
    ends = [s.dss.dsn + s.dss.length for s in bed.sent(by_us, lambda s: s.dss and s.payload and s.dss.dsn_size == 8)]
    if max(ends) > last:
        raise Failure(f"{max(ends) - last} octets beyond the window")


@each_direction
def edge_20_windows(bed, we_connect, by_us, size):
    """The window counts from the DATA_ACK and is that of the connection: on no subflow its right edge moves back, and the sender
    uses it on each."""
    # L-EDGE-20, M-RCV-01 M-RCV-02 M-RCV-03
    ours, kernels = bed.connect_joined(we_connect)
    sender, receiver = (ours, kernels) if by_us else (kernels, ours)
    hold_until_both_used(bed, by_us)
    bed.say(sender, receiver, 700000)
    unit = 1 << max(next(o[2] for o in s.options if o[0] == 3) for s in bed.sent(not by_us, lambda s: s.has(SYN)))
    farthest = {1: 0, 2: 0}  # two wires have no common order
    for s, edge in right_edges(bed, not by_us):
        if edge + unit < farthest[s.wire]:
            raise Failure(f"the window's edge moved back by {farthest[s.wire] - edge}: {s}")
        farthest[s.wire] = max(farthest[s.wire], edge)
    expect_within_the_window(bed, by_us)
    if {s.wire for s in bed.sent(by_us, lambda s: len(s.payload) > 1000)} != {1, 2}:
        raise Failure("only one path was used")
    bed.end(ours, kernels)
    expect_handshake(we_connect, **joins(we_connect))


def send_all_that_fits(kernels, data):
    """What the kernel takes of the data, while nobody reads at the other end."""
    at = 0
    while at < len(data):
        try:
            at += kernels.s.send(data[at:])
        except BlockingIOError:
            break
    kernels.said += data[:at]


@scene(("-client", True), ("-server", False))
def edge_20_repeated_acknowledgment(bed, we_connect, size):
    """One path filled much of the window, and on the other a segment comes again: the kernel keeps the larger window that it knows
    from there, adds the DATA_ACK of our answer, and still sends nothing beyond our edge."""
    # L-EDGE-20, M-RCV-02 M-RCV-03
    bed.start(rmem_default=1 << 18, rmem_max=1 << 18)
    ours, kernels = bed.connect_joined(we_connect)
    hold_until_both_used(bed, False)
    bed.say(kernels, ours, 700000)
    ours.backup(ours.subflows()[1]["id"], True)
    bed.until_counted(MPPrioRx=1)
    ours.reading(False)
    send_all_that_fits(kernels, bed.random.randbytes(100000))
    bed.until(lambda: ours.info()["bytes_received"] == len(kernels.said), "a part of the window is filled")
    asked = len(bed.sent(True, wire=2))
    bed.put(bed.sent(False, lambda s: s.payload, wire=2)[-1])
    bed.until(lambda: len(bed.sent(True, wire=2)) > asked, "the repetition is answered")
    send_all_that_fits(kernels, bed.random.randbytes(1 << 20))
    shut = bed.until_sent(True, lambda s: s.window == 0, "our window closes")
    bed.until_sent(False, lambda s: s.time > shut.time and s.pure_ack, "the kernel asks when it opens")
    expect_within_the_window(bed, False)
    ours.reading(True)
    bed.until_heard(kernels, ours)
    bed.end(ours, kernels)
    expect_handshake(we_connect, **joins(we_connect), MPPrioRx=1)


@scene(("-client", True), ("-server", False))
def edge_21_zero_window_probe(bed, we_connect, size):
    """The kernel asks a closed window in TCP, and once that may send with an octet that is old in the stream: both are answered
    with DSS, and nothing is delivered twice."""
    # L-EDGE-21, M-SND-04
    bed.start(rmem_default=1 << 16, rmem_max=1 << 16)
    ours, kernels = bed.connect(we_connect)
    bed.talk(ours, kernels)
    ours.reading(False)
    send_all_that_fits(kernels, bed.random.randbytes(1 << 18))
    shut = bed.until_sent(True, lambda s: s.window == 0, "our window closes")
    bed.until_counted(WinProbe=1)
    probe = bed.until_sent(False, lambda s: s.time > shut.time and s.pure_ack, "TCP asks too")
    answer = bed.until_sent(True, lambda s: s.time > probe.time and s.flags & (ACK | FIN | RST) == ACK, "an answer")
    if not answer.dss or answer.dss.ack is None or answer.window:
        raise Failure(f"the answer to {probe}: {answer}")
    ours.reading(True)
    bed.until_heard(kernels, ours)
    probe = bed.until_sent(False, lambda s: len(s.payload) == 1 and s.dss and s.dss.length == 1, "the octet below the window")
    after = bed.until_sent(True, lambda s: s.time > probe.time and (s.ack - probe.seq) % (1 << 32) < 1 << 31, "an answer")
    if after.ack == probe.seq or not after.dss:
        raise Failure(f"the answer to {probe}: {after}")
    bed.end(ours, kernels)
    expect_handshake(we_connect, WinProbe=SOME)


@both_roles
def edge_21_our_probe(bed, we_connect, size):
    """The kernel does not read: what waits here goes on when it does."""
    # L-EDGE-21, M-SND-04
    ours, kernels = bed.connect(we_connect)
    bed.talk(ours, kernels)
    ours.send(bed.random.randbytes(1 << 19))
    ours.send(bed.random.randbytes(1 << 19))
    full = bed.until_sent(False, lambda s: s.window == 0, "the kernel's window closes")
    bed.until_sent(True, lambda s: s.time > full.time and s.pure_ack, "we ask")
    bed.until_heard(ours, kernels)
    bed.end(ours, kernels)
    expect_handshake(we_connect)
