# SPDX-License-Identifier: BSD-3-Clause
"""What a peer of Linux stumbles over at the start of a connection: rows L-EDGE-* of docs/INTEROP.md."""

import keys
from bed import Failure, ip, sysctl
from packets import ACK, CAPABLE, DSS, JOIN, SYN, Mp
from registry import SOME
from sides import expect, expect_handshake, joins
from wire import SIGNAL, SUBFLOW, both_roles, scene


def is_data(s):
    return bool(s.payload)


def third_ack(s):
    return s.flags == ACK and not s.payload and s.mp(CAPABLE)


@both_roles
def edge_01_first_data(bed, we_connect, size):
    """The first data of who connects has MP_CAPABLE with a length and no DSS, and again when it is sent again."""
    # L-EDGE-01, M-HSK-01 M-HSK-02
    dropped = []

    def lose_the_first(s):
        if s.ours == we_connect and is_data(s) and not dropped:
            dropped.append(s)
            return None
        return s

    bed.pass_on = lose_the_first
    ours, kernels = bed.connect(we_connect, b"hello")
    bed.until_heard(*((ours, kernels) if we_connect else (kernels, ours)))
    again = bed.until_sent(we_connect, is_data, "the first data comes again", 2)
    for s in (dropped[0], again):
        if [len(o) for o in s.mptcp] != [22] or s.mp(CAPABLE)[20:22] != b"\0\5":
            raise Failure(f"the first data has {', '.join(map(str, s.mptcp))}")
    bed.talk(ours, kernels)
    bed.end(ours, kernels)
    expect_handshake(we_connect)


@both_roles
def edge_01_first_data_after_the_peers(bed, we_connect, size):
    """When the other one has spoken first, the first data of who connects has a DSS from subflow sequence number 1."""
    # L-EDGE-01 L-EDGE-08
    ours, kernels = bed.connect(we_connect)
    first, second = (kernels, ours) if we_connect else (ours, kernels)
    bed.say(first, second)
    bed.say(second, first)
    data = bed.sent(we_connect, is_data)[0]
    if data.mp(CAPABLE) or data.dss.ssn != 1 or data.dss.ack is None:
        raise Failure(f"the first data has {', '.join(map(str, data.mptcp))}")
    bed.end(ours, kernels)
    expect_handshake(we_connect)


@both_roles
def edge_02_first_packet_proves_mptcp(bed, we_connect, size):
    """When the first packet of who accepts has no MPTCP option, who connects goes on in TCP without a word."""
    # L-EDGE-02 L-FBK-09, M-FBK-03
    seen = []

    def strip_from_the_first(s):
        if s.ours != we_connect and not s.has(SYN):
            seen.append(s)
            return s.without()
        return s

    bed.pass_on = strip_from_the_first
    ours, kernels = bed.connect(we_connect, b"hello")
    bed.talk(ours, kernels) if not we_connect else bed.say(kernels, ours)
    bed.say(ours, kernels)
    if ours.mptcp or kernels.mptcp:
        raise Failure("it is still MPTCP")
    bed.talk(ours, kernels)
    if any(s.mptcp for s in bed.sent()[-3:]):
        raise Failure("there are still MPTCP options")
    if we_connect:
        bed.expect_ours(MPCapableDataFallback=1)
        expect_handshake(True, DssFallback=range(2), MPCapableDataFallback=range(2), InfiniteMapRx=range(2))
    else:
        expect_handshake(False, MPCapableDataFallback=1)


@both_roles
def edge_02_every_segment_has_an_option(bed, we_connect, size):
    """From the handshake to the end no segment of either goes without MPTCP option, but the last ACK."""
    # L-EDGE-02 L-OPT-02
    ours, kernels = bed.connect(we_connect, b"hello")
    for _ in range(3):
        bed.talk(ours, kernels)
    bed.end(ours, kernels)
    bare = [s for s in bed.sent()[:-1] if not s.mptcp]
    if bare:
        raise Failure(f"without an option: {bare[0]}")
    expect_handshake(we_connect)


@both_roles
def edge_03_no_third_ack(bed, we_connect, size):
    """The third ACK gets lost and the data comes without MP_CAPABLE: who accepts has a TCP connection, for ever."""
    # L-EDGE-03 L-FBK-04, M-FBK-01

    def filter_(s):
        if s.ours != we_connect or s.has(SYN):
            return s
        return None if third_ack(s) else s.without()

    bed.pass_on = filter_
    ours, kernels = bed.connect(we_connect, b"hello")
    bed.until_heard(*((ours, kernels) if we_connect else (kernels, ours)))
    bed.talk(ours, kernels)
    if ours.mptcp or kernels.mptcp:
        raise Failure("it is still MPTCP")
    if we_connect:
        expect(MPCapableSYNRX=1, MPCapableFallbackACK=1)
    else:
        bed.expect_ours(MPCapableFallbackACK=1)
        expect_handshake(False, MPCapableDataFallback=range(2), DssFallback=range(2))


@both_roles
def edge_03_third_ack_repaired(bed, we_connect, size):
    """The third ACK gets lost, and the data with MP_CAPABLE does what it should have done."""
    # L-EDGE-03, M-HSK-05
    bed.pass_on = lambda s: None if s.ours == we_connect and third_ack(s) else s
    ours, kernels = bed.connect(we_connect, b"hello")
    bed.talk(ours, kernels)
    bed.end(ours, kernels)
    expect_handshake(we_connect)


@both_roles
def edge_08_numbers_start(bed, we_connect, size):
    """Each direction's first octet has the IDSN of its key, and one more, as data sequence number; and 1 on the subflow."""
    # L-EDGE-08 L-OPT-11, M-KEY-07 M-KEY-10
    ours, kernels = bed.connect(we_connect)
    first, second = (kernels, ours) if we_connect else (ours, kernels)
    bed.say(first, second)
    bed.say(second, first)
    for direction, key in zip((True, False), bed.keys()):
        data = bed.sent(direction, is_data)[0]
        if (data.dss.dsn, data.dss.ssn) != ((keys.idsn(key) + 1) % (1 << 64), 1):
            raise Failure(f"the first data of {'ours' if direction else 'the kernel'}: {data}")
    bed.end(ours, kernels)
    expect_handshake(we_connect)


@scene(*((f"-{'client' if we else 'server'}-{who}", we, who) for we in (True, False)
         for who in ("neither", "connects", "accepts")))  # fmt: skip
def edge_10_checksum_flag(bed, we_connect, who, size):
    """A of the SYN/ACK is the wish of who accepts alone; A of the third ACK is that of both, and then there are checksums."""
    # L-EDGE-10 L-OPT-12, M-INI-13
    by_us = we_connect == (who == "connects") and who != "neither"
    sysctl("net.mptcp.checksum_enabled", int(who != "neither" and not by_us))
    bed.start(checksum_enabled=by_us)
    ours, kernels = bed.connect(we_connect)
    bed.talk(ours, kernels)
    syn, synack, third = (s.mp(CAPABLE)[3] & 0x80 for s in bed.sent()[:3])
    want = (who == "connects", who == "accepts", who != "neither")
    if (bool(syn), bool(synack), bool(third)) != want:
        raise Failure(f"A is {(bool(syn), bool(synack), bool(third))} instead of {want}")
    if any((s.dss.checksum is not None) != (who != "neither") for s in bed.sent(test=is_data) if s.dss):
        raise Failure("the data has checksums, or not")
    if bool(ours.info()["csum"]) != (who != "neither"):
        raise Failure("our information says otherwise")
    if bool(kernels.info()["csum"]) != (who != "neither"):
        raise Failure("the kernel's information says otherwise")
    bed.end(ours, kernels)
    expect_handshake(we_connect)


MALFORMED = {
    "long": lambda o: Mp(bytes([o[0], 5]) + o[2:4] + b"\0"),
    "b-bit": lambda o: o.changed(3, o[3] | 0x40),
    "no-h-bit": lambda o: o.changed(3, o[3] & ~0x01),
    "version-0": lambda o: o.changed(2, o[2] & 0xF0),
}


@scene(*((f"-{how}-{'client' if we else 'server'}", we, how) for how in MALFORMED for we in (True, False)))
def edge_24_malformed_syn(bed, we_connect, how, size):
    """MP_CAPABLE that is not quite right in a SYN counts as none: plain TCP, no reset."""
    # L-EDGE-24 L-FBK-01, M-INI-23, M-GEN-03
    bed.pass_on = lambda s: s.replaced(CAPABLE, MALFORMED[how](s.mp(CAPABLE))) if s.flags == SYN else s
    ours, kernels = bed.connect(we_connect, b"hello")
    bed.talk(ours, kernels)
    if ours.mptcp or kernels.mptcp or bed.sent(not we_connect, lambda s: s.mptcp):
        raise Failure("there is MPTCP")
    expect(**({"MPCapableSYNRX": 0} if we_connect else {"MPCapableSYNTX": 1, "MPCapableFallbackSYNACK": 1}))


@both_roles
def edge_24_both_in_a_syn(bed, we_connect, size):
    """MP_CAPABLE and MP_JOIN in one SYN: plain TCP."""
    # L-EDGE-24 L-FBK-01
    join = Mp(bytes([30, 12, JOIN << 4, 0]) + bytes(range(8)))
    bed.pass_on = lambda s: s.copy(options=[*s.options, join]) if s.flags == SYN else s
    ours, kernels = bed.connect(we_connect, b"hello")
    bed.talk(ours, kernels)
    if ours.mptcp or kernels.mptcp:
        raise Failure("there is MPTCP")
    expect(**({} if we_connect else {"MPCapableSYNTX": 1, "MPCapableFallbackSYNACK": 1}))


@both_roles
def edge_24_options_last(bed, we_connect, size):
    """MPTCP's options stand behind all of TCP's, and come before SACK blocks when there is no room for all."""
    # L-EDGE-24 L-OPT-01
    lost = []

    def lose_some(s):  # every third one of data, once: SACK blocks follow
        if len(s.payload) > 1000 and s.seq not in lost and (s.seq // 1000) % 3 == 0:
            lost.append(s.seq)
            return None
        return s

    ours, kernels = bed.connect(we_connect)
    bed.talk(ours, kernels)
    bed.pass_on = lose_some
    bed.say(ours, kernels, 40000)
    bed.say(kernels, ours, 40000)
    bed.pass_on = None
    bed.end(ours, kernels)
    for s in bed.sent():
        kinds = [o[0] for o in s.options]
        if 30 in kinds and (30 in kinds[: -len(s.mptcp)] or kinds[-1] != 30):
            raise Failure(f"the options {kinds} of {s}")
    if not any(5 in [o[0] for o in s.options] and s.mp(DSS) for s in bed.sent()):
        raise Failure("no SACK beside a DSS: nothing was lost")
    expect_handshake(we_connect)


@both_roles
def edge_25_syn_policy(bed, we_connect, size):
    """SYNs with MP_CAPABLE get lost: three, then one of TCP; when that one is answered the next connection is TCP at once."""
    # L-EDGE-25 L-FBK-06 L-BLK-01 L-BLK-02, M-HEU-01
    bed.pass_on = lambda s: None if s.flags == SYN and s.mp(CAPABLE) else s
    ours, kernels = bed.connect(we_connect)
    bed.talk(ours, kernels)
    syns = bed.sent(we_connect, lambda s: s.flags == SYN)
    if [bool(s.mptcp) for s in syns] != [True, True, True, False]:
        raise Failure(f"{len(syns)} SYNs: {[list(map(str, s.mptcp)) for s in syns]}")
    expected = {"MPCapableSYNTX": 1, "MPCapableSYNTXDrop": 1, "Blackhole": 1}
    if we_connect:
        bed.expect_ours(**expected)
    else:
        expect(**expected)
    before = len(bed.segments)
    ours, kernels = bed.connect(we_connect, port=8001)
    bed.talk(ours, kernels)
    if bed.segments[before].mptcp:
        raise Failure("the next connection tries MPTCP")
    expected = {"MPCapableSYNTXDisabled": 1, "MPCapableSYNTX": 1}
    if we_connect:
        bed.expect_ours(**expected)
        return
    expect(**expected, Blackhole=1, MPCapableSYNTXDrop=1)
    sysctl("net.mptcp.blackhole_timeout", 3600)  # L-BLK-03: forgets it all
    bed.pass_on = None
    ours, kernels = bed.connect(we_connect, port=8002)
    if not ours.mptcp:
        raise Failure("the kernel does not try MPTCP again")


@both_roles
def edge_26_c_flag(bed, we_connect, size):
    """Who accepts wants no joins to its first address: who connects joins the announced one only, also when its limit of
    announcements is zero."""
    # L-EDGE-26 L-PM-20 L-PM-21, M-INI-16
    bed.start(allow_join_initial_addr_port=we_connect)
    if we_connect:
        sysctl("net.mptcp.allow_join_initial_addr_port", 0)
        bed.engine.call("limits", 2, 0)
        bed.engine.endpoint(bed.ours(2), SUBFLOW)
        bed.kernel_endpoint("signal")
    else:
        ip("mptcp", "limits", "set", "subflows", 2, "add_addr_accepted", 0)
        bed.kernel_endpoint("subflow")
        bed.engine.call("limits", 2, 0)
        bed.engine.endpoint(bed.ours(2), SIGNAL)
    ours, kernels = bed.connect(we_connect, b"hello")
    bed.say(kernels if we_connect else ours, ours if we_connect else kernels)
    bed.until_joined(ours)
    first, announced = (bed.kernel(1), bed.kernel(2)) if we_connect else (bed.ours(1), bed.ours(2))
    syns = bed.sent(we_connect, lambda s: s.flags == SYN and s.mp(JOIN))
    if [s.dst for s in syns] != [announced]:
        raise Failure(f"joins to {[s.dst for s in syns]}; {first} wants none")
    bed.end(ours, kernels)
    expect_handshake(we_connect, **joins(we_connect), **({"AddAddrTx": SOME} if we_connect else {"AddAddr": SOME}))


@both_roles
def edge_28_counted_at_accept(bed, we_connect, size):
    """The connection counts as validated when the program accepts it; as established while it can be used, in TCP too, and not
    when it is over: there is no TIME-WAIT of the connection."""
    # L-EDGE-28 L-CTR-03
    bed.start()
    if we_connect:
        listener = bed.kernel_listener()
        bed.engine.call("connect", bed.kernel(1), 8000, 0)
        bed.until_sent(True, third_ack, "the third ACK")
        expect(MPCapableSYNRX=1, MPCapableACKRX=0)
        kernels = bed.accepted(listener)
        expect(MPCapableSYNRX=1, MPCapableACKRX=1, MPCurrEstab=1)
        bed.expect_ours(MPCurrEstab=1)
        kernels.close()
        return
    listener = bed.engine.call("listen", 8000)
    s = bed.kernel_socket()
    s.connect((bed.ours(1), 8000))
    bed.until(lambda: bed.engine.said("accept"), "we have something to accept")
    bed.expect_ours(MPCapableSYNRX=1, MPCapableACKRX=0)
    ours = bed.taken(listener)
    bed.expect_ours(MPCapableACKRX=1, MPCurrEstab=1)
    expect(MPCapableSYNTX=1, MPCapableSYNACKRX=1, MPCurrEstab=1)
    s.close()
    bed.until(lambda: bed.engine.counters()["MPTcpExtMPCurrEstab"] == 1, "CLOSE-WAIT counts")
    ours.close()
    bed.until(lambda: bed.engine.counters()["MPTcpExtMPCurrEstab"] == 0, "it does not count any more")
