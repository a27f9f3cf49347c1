# SPDX-License-Identifier: BSD-3-Clause
"""Paths that come and go, and lose or change what they carry."""

import subprocess

from bed import Failure, ip, sysctl, traffic
from cases.exchanges import converse
from registry import MB, SOME
from sides import WIRES, alone, case, expect_handshake, expect_share, joins, kernel_endpoint, slow


@case(("", 4))
def backup_of_ours(sides, size):
    """The kernel leaves a subflow alone that we call a backup; so do we."""
    # M-JON-09, M-POL-04 M-POL-06
    sides.exchange(True, (size // 5, size // 5), ["--endpoint", f"{sides.ours(2)},subflow,backup"])
    expect_handshake(True, **joins(True), MPJoinSynBackupRx=1)
    expect_share("tun2", 0, 0.01)


@case(("", 6))
def backup_of_the_kernel(sides, size):
    """We leave a subflow alone that the kernel calls a backup."""
    kernel_endpoint(sides, "subflow", "backup")  # M-JON-09, M-POL-04
    sides.exchange(False, (size // 5, size // 5))
    expect_handshake(False, **joins(False))
    expect_share("tun2", 0, 0.01)


@case(("", 4), side_by_side=True)
def backup_later(sides, size):
    """MP_PRIO from the kernel takes our data off a subflow."""
    # M-POL-05 M-POL-06
    kernel_endpoint(sides, "subflow")
    sizes = (size // 5, 0)
    data = sides.data.file("ours", sizes[0]).read_bytes()
    sides.connect(False, (subprocess.PIPE, subprocess.PIPE), (slow(), ()))  # neither ends before the priority has changed
    sides.nc.stdin.write(data[:MB])
    sides.nc.stdin.flush()
    sides.nc.until_says("subflow up 2")
    sides.nc.stdin.write(data[MB : 3 * MB])
    sides.nc.stdin.flush()
    sides.nc.until(lambda: traffic("tun2")[0] > MB // 10, "sends over both")  # so the kernel has the subflow, too
    ip("mptcp", "endpoint", "change", "id", 12, "backup")
    sides.nc.until_says("priority changed by the peer")
    before = traffic("tun2")
    sides.nc.stdin.write(data[3 * MB :])
    sides.nc.stdin.close()
    sides.peer.stdin.close()
    sides.finish(sizes)
    after = traffic("tun2")
    if after[0] - before[0] > sizes[0] // 10:
        raise Failure(f"{after[0] - before[0]} bytes of ours went over a backup")
    expect_handshake(False, **joins(False), MPPrioTx=1)


@case(("", 4), side_by_side=True)
def endpoint_removed_by_the_kernel(sides, size):
    """REMOVE_ADDR in the middle: the subflow ends, and its data comes over the other."""
    # M-REM-07 M-REM-11 M-REM-14
    kernel_endpoint(sides, "subflow")
    sizes = (size // 5, size // 5)
    sides.start(False, sizes, slow())
    sides.nc.until_says("subflow up 2")
    sides.until_received(MB)
    ip("mptcp", "endpoint", "delete", "id", 12)
    sides.finish(sizes)
    expect_handshake(False, **joins(False), RmAddrTx=1, RmSubflow=1, TcpOutRsts=range(999),
                     TcpEstabResets=range(2), TcpExtTCPAbortOnData=range(2), MPRstTx=range(2), MPRstRx=range(2))  # fmt: skip


@case(("-client", 4, True, "tun2"), ("-server", 6, False, "tun2"), ("-first-client", 4, True, "tun1"),
      ("-first-server", 4, False, "tun1"), side_by_side=True)  # fmt: skip
def path_cut(sides, we_connect, wire, size):
    """A path goes away in the middle, be it the first or the second: its data comes over the other."""
    # M-RTX-01 M-RTX-03 M-RTX-06 M-RTX-11 M-RTX-13, M-SEM-08, M-POL-11
    if not we_connect:
        kernel_endpoint(sides, "subflow")
    sizes = (size // 10, size // 10)
    sides.start(we_connect, sizes, slow("50M"))
    sides.nc.until_says("subflow up 2")
    sides.until_received(MB)
    ip("link", "set", wire, "down")
    sides.finish_without_leave(sizes)
    joined = joins(we_connect)
    expect_handshake(we_connect, **{name: range(1, 9) for name in joined}, MPRstTx=range(9), MPRstRx=range(9),
                     TcpOutRsts=range(99), TcpEstabResets=range(9), TcpAttemptFails=range(9),
                     TcpExtTCPAbortOnData=range(9), TcpExtTCPAbortOnTimeout=range(9))  # fmt: skip


@case(("-client", 4, True), ("-server", 6, False))
def bad_wires(sides, we_connect, size):
    """Loss, disorder and copies in both directions of both paths."""
    # M-GEN-10, M-HSK-05 M-HSK-06 M-HSK-10, M-JON-16, M-MAP-03 M-MAP-04 M-MAP-06, M-RTX-01 M-RTX-02 M-RTX-03 M-RTX-04,
    # T-SCK-04 T-SCK-05 T-SCK-11 T-SCK-16, T-RCK-05 T-RCK-06 T-RCK-10
    if not we_connect:
        kernel_endpoint(sides, "subflow")
    bad = [w for wire in WIRES for w in ("--fault", f"{wire}:delay=3ms,loss=1%,reorder=1%,duplicate=1%")]
    sizes = (size // 10, size // 10)
    sides.start(we_connect, sizes, bad)
    sides.finish(sizes, 90)
    expect_handshake(we_connect, **{name: SOME for name in joins(we_connect)}, TcpExtTCPChallengeACK=range(99),
                     TcpExtTCPSYNChallenge=range(99), MPJoinRejected=range(2), TcpOutRsts=range(99), MPRstTx=range(4),
                     TcpExtTCPAbortOnData=range(4), TcpAttemptFails=range(4), TcpEstabResets=range(4))  # fmt: skip


@case(("-of-ours", 4, True, "out"), ("-of-the-kernel", 6, False, "in"), side_by_side=True)
def damaged(sides, we_connect, direction, size):
    """Bytes that a middlebox changed on one path are found by the DSS checksum and come over the other."""
    # M-FBK-11 M-FBK-13 M-FBK-14 M-FBK-15 M-FBK-33, M-MBX-25: MP_FAIL with a reset, in either direction.
    sysctl("net.mptcp.checksum_enabled", 1)
    if not we_connect:
        kernel_endpoint(sides, "subflow")
    sizes = (size // 10, size // 10)
    change = f"tun2:{direction}.corrupt-payload=2%,refix"
    sides.start(we_connect, sizes, [*slow("200M", which=["tun1"]), "--fault", f"{change},rate=200M,delay=2ms"])
    sides.finish(sizes, by_checksum=True)
    found = {"MPFailTx": SOME, "DataCsumErr": SOME, "MPRstTx": SOME} if we_connect else {"MPFailRx": SOME, "MPRstRx": SOME}
    joined = {name: SOME for name in joins(we_connect)}
    expect_handshake(we_connect, **joined, **found, MPJoinRejected=range(9), TcpOutRsts=SOME if we_connect else range(999),
                     TcpExtTCPAbortOnData=range(9), TcpEstabResets=range(999), TcpAttemptFails=range(999))  # fmt: skip


@case(("", 4))
def damaged_on_the_only_path(sides, size):
    """With one subflow a bad checksum ends MPTCP: MP_FAIL, an infinite mapping, and the connection goes on as TCP, which does
    not find the damage."""
    # M-FBK-16 M-FBK-17 M-FBK-18 M-FBK-23 M-FBK-24 M-FBK-29 M-FBK-30, M-MBX-26. A conversation: the kernel's TCP gets stuck
    # when there is more to be sent at that moment (the mapped rest of its queue comes with the options of before, and is too
    # long for the wire).
    damage = ["--csum", "--fault", "tun1:in.corrupt-payload=2%,refix"]
    if not converse(sides, True, 500, [*alone(sides), *damage]):
        raise Failure("nothing was damaged")
    sides.says(sides.nc, "TCP (fallen back)")
    sides.says(sides.peer, "ended tcp")
    expect_handshake(True, MPFailRx=1, MPFailTx=1, InfiniteMapTx=1, DssFallback=range(2))
