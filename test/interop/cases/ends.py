# SPDX-License-Identifier: BSD-3-Clause
"""How a connection ends."""

import signal
import subprocess

from bed import Failure
from registry import MB, SOME
from sides import alone, case, expect_handshake, joins, kernel_endpoint, slow


@case(("", 4, True), ("-server", 6, False))
def half_close_by_the_kernel(sides, we_connect, size):
    """After the kernel's end of the stream we still send."""
    # M-CLS-06 M-CLS-14 M-CLS-17
    sizes = (size // 10, size // 50)
    sides.connect(we_connect, (subprocess.PIPE, sides.data.file("kernel", sizes[1])), (alone(sides), ()))
    sides.nc.until(lambda: sides.received(sides.nc) == sizes[1], "has received everything")
    with sides.nc.stdin as stdin:
        stdin.write(sides.data.file("ours", sizes[0]).read_bytes())
    sides.finish(sizes)
    expect_handshake(we_connect)


@case(("", 6, True), ("-server", 4, False))
def half_close_by_us(sides, we_connect, size):
    """After our end of the stream the kernel still sends."""
    sizes = (size // 50, size // 10)  # M-CLS-02 M-CLS-17
    sides.exchange(we_connect, sizes, alone(sides), ["--answer"])
    expect_handshake(we_connect)


@case(("", 4, True), ("-server", 6, False))
def abort_by_us(sides, we_connect, size):
    """MP_FASTCLOSE: the kernel's program has its connection reset, on all subflows."""
    # M-FCL-02 M-FCL-12, M-SEM-07
    if not we_connect:
        kernel_endpoint(sides, "subflow")
    sides.start(we_connect, (size, size), slow(direction="in."))
    sides.until_received(MB // 10)
    sides.nc.signal(signal.SIGTERM)
    if sides.nc.wait(10) != 1 or sides.peer.wait(10) != 1:
        raise Failure("a program ended as if nothing were wrong")
    sides.says(sides.peer, "Connection reset by peer")
    expect_handshake(we_connect, **joins(we_connect), MPFastcloseRx=SOME, MPRstRx=range(3), MPRstTx=range(3),
                     TcpOutRsts=range(3), TcpEstabResets=range(3))  # fmt: skip


@case(("", 6, True), ("-server", 4, False))
def abort_by_the_kernel(sides, we_connect, size):
    """MP_FASTCLOSE from the kernel ends our program's connection."""
    # M-FCL-09 M-FCL-12
    if not we_connect:
        kernel_endpoint(sides, "subflow")
    sides.start(we_connect, (size, size), slow(), ["--abort", MB // 10])
    if sides.nc.wait(20) != 1:
        raise Failure("nc ended as if nothing were wrong")
    sides.says(sides.nc, "Connection reset by peer")
    expect_handshake(we_connect, **joins(we_connect), MPFastcloseTx=SOME, MPRstTx=SOME, TcpOutRsts=SOME,
                     TcpEstabResets=SOME, TcpExtTCPAbortOnData=range(9))  # fmt: skip
