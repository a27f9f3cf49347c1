# SPDX-License-Identifier: BSD-3-Clause
"""Connections over two paths, as programs see them."""

import os
import random
import shutil
import subprocess
import time

import bed
import capture
from bed import Failure, ip, sysctl, traffic
from registry import MB, PORT, SOME
from sides import (SIDES, WIRES, alone, both_families, case, expect_handshake, expect_share, expect_used, joins,
                   kernel_endpoint, paced, send_to_reader)  # fmt: skip


@case(*((f"-v{family}-{'client' if we else 'server'}{'-csum' if csum else ''}", family, we, csum)
        for family in (4, 6) for we in (True, False) for csum in (False, True)))  # fmt: skip
def exchange(sides, we_connect, csum, size):
    """Much data in both directions over two subflows, the second one joined by who connected."""
    # M-INI-01 M-INI-09 M-INI-10 M-INI-12 M-INI-18, M-KEY-07 M-KEY-08 M-KEY-10, M-HSK-01 M-HSK-02 M-HSK-09, M-JON-02 M-JON-05
    # M-JON-10 M-JON-14 M-JON-15 M-JON-16 M-JON-17 M-JON-18, M-MAP-01 M-MAP-02 M-MAP-05 M-MAP-07 M-MAP-19 M-MAP-21, M-DAK-01
    # M-DAK-02 M-DAK-03 M-DAK-04, M-RCV-01 M-RCV-02 M-RCV-03, M-DSS-05 M-DSS-07, M-FBK-03, M-CLS-02 M-CLS-03 M-CLS-04 M-CLS-05
    # M-CLS-10 M-CLS-14, T-HDR-01 T-HDR-12 T-HDR-15, T-WND-01 T-WND-02 T-WND-03: the kernel disagrees with none of it.
    nc = []
    if not we_connect:
        kernel_endpoint(sides, "subflow")
    if csum and sides.family == 4:  # either side may ask
        nc = ["--csum"]
    elif csum:
        sysctl("net.mptcp.checksum_enabled", 1)
    sides.exchange(we_connect, (size, size), nc)
    expect_handshake(we_connect, **joins(we_connect))
    expect_used("tun2")
    sides.says(sides.nc, "MPTCP with checksums" if csum else "MPTCP ")


@case(("-of-ours", 4, True, "ours"), ("-of-the-kernel", 6, False, "kernel"))
def both_paths(sides, we_connect, sender, size):
    """Two equal paths are used alike, and together are faster than one."""
    # M-API-09, M-POL-01 M-POL-03
    megabits, size = 100, size // 5
    wires = [w for wire in WIRES for w in ("--fault", f"{wire}:rate={megabits}M,delay=5ms,queue=200k")]
    if not we_connect:
        kernel_endpoint(sides, "subflow")
    reader = send_to_reader(sides, we_connect, sender, size, options=(wires, ()))
    sides.nc.until_says("subflow up 2")
    start = time.monotonic()
    reader.until(lambda: reader.output.stat().st_size == size, "has received everything", 20)
    seconds, one_path_seconds = time.monotonic() - start, size * 8e-6 / megabits
    reader.stdin.close()
    sides.finish((size, 0) if sender == "ours" else (0, size))
    expect_handshake(we_connect, **joins(we_connect))
    expect_share("tun2", 0.3, 0.7, directions=[SIDES.index(sender)])
    if seconds > 0.75 * one_path_seconds:
        raise Failure(f"took {seconds:.2f} s; one path would take {one_path_seconds:.2f} s")


@case(("-to-the-client", 4, True, (0, 1)), ("-to-the-server", 6, False, (0, 1)), ("-from-the-client", 6, True, (1, 0)),
      ("-from-the-server", 4, False, (1, 0)), ("-nothing-client", 4, True, (0, 0)),
      ("-nothing-server", 6, False, (0, 0)))  # fmt: skip
def one_way(sides, we_connect, which, size):
    """The first byte comes from either side; an end of the stream without a byte is a connection too."""
    # M-HSK-01 M-HSK-03 M-HSK-07 M-HSK-08, M-CLS-04 M-CLS-17: MP_CAPABLE with data, DSS first, DATA_FIN alone.
    sizes = tuple(w * size // 10 for w in which)
    sides.exchange(we_connect, sizes, alone(sides))
    expect_handshake(we_connect)


@both_families
def announced_by_the_kernel(sides, size):
    """We accept an ADD_ADDR, echo it, and join."""
    # M-ADD-09 M-ADD-10 M-ADD-12, M-JON-01 M-JON-06
    kernel_endpoint(sides, "signal")
    nc = ["--limits", "2,2", *alone(sides), *paced()]
    sides.exchange(True, (size // 5, size // 5), nc)
    expect_handshake(True, **joins(True), AddAddrTx=1, EchoAdd=1)
    expect_used("tun2")
    sides.says(sides.nc, f"address announced by the peer {'[' if sides.family == 6 else ''}{sides.kernel(2)}")


@both_families
def announced_by_us(sides, size):
    """The kernel takes our ADD_ADDR, echoes it, and joins."""
    # M-ADD-01 M-ADD-03 M-ADD-10 M-ADD-14 M-ADD-22, M-JON-25 M-JON-26, M-GEN-04
    nc = ["--endpoint", f"{sides.ours(2)},signal", *paced()]
    sides.exchange(False, (size // 5, size // 5), nc)
    expect_handshake(False, **joins(False), AddAddr=1, EchoAddTx=1)
    expect_used("tun2")


@both_families
def announcement_not_wanted(sides, size):
    """Beyond the limit an ADD_ADDR is echoed and nothing else."""
    kernel_endpoint(sides, "signal")  # M-ADD-05
    nc = ["--limits", "2,0", *alone(sides)]
    sides.exchange(True, (size // 10, size // 10), nc)
    expect_handshake(True, MPJoinSynRx=0, AddAddrTx=1, EchoAdd=1)


@case(("", 4))
def no_joins_to_the_first_address(sides, size):
    """The kernel says not to join its first address, so we join the announced one only."""
    sysctl("net.mptcp.allow_join_initial_addr_port", 0)  # M-INI-16
    kernel_endpoint(sides, "signal")
    nc = ["--limits", "2,2", "--endpoint", f"{sides.ours(2)},subflow", *paced()]
    sides.exchange(True, (size // 10, size // 10), nc)
    expect_handshake(True, **joins(True), AddAddrTx=1, EchoAdd=1)


@case(("", 4))
def join_refused(sides, size):
    """The kernel refuses a subflow more: the connection goes on without, and does not ask again and again."""
    ip("mptcp", "limits", "set", "subflows", 0)  # M-JON-24, M-RST-05
    sides.exchange(True, (size // 10, size // 10))
    expect_handshake(True, MPJoinSynRx=1, MPJoinAckRx=0, MPJoinRejected=1, MPRstTx=range(2), TcpOutRsts=1,
                     TcpEstabResets=range(2), TcpAttemptFails=range(2))  # fmt: skip


@case(("-of-the-kernel", 4, True, "ours"), ("-of-ours", 6, True, "kernel"), ("-of-the-kernel-server", 6, False, "ours"),
      ("-of-ours-server", 4, False, "kernel"))  # fmt: skip
def slow_reader(sides, we_connect, sender, size):
    """Who does not read stops the other one, on both subflows, and then gets everything."""
    # M-RCV-01 M-RCV-02 M-RCV-03 M-RCV-10, M-SND-01 M-SND-02 M-SND-04 M-SND-06, M-DAK-06, T-WND-03 T-WND-05 T-WND-08 T-WND-10
    # T-WND-21
    if not we_connect:
        kernel_endpoint(sides, "subflow")
    direction, size = SIDES.index(sender), size // 2
    reader = send_to_reader(sides, we_connect, sender, size, stdout=subprocess.PIPE)
    reader.until_says("connect")
    bed.until_still(lambda: [traffic(wire)[direction] // MB for wire in WIRES], 20, "sending without a reader")
    reader.stdin.close()
    output = sides.data.folder / "read.out"
    with open(output, "wb") as out:
        shutil.copyfileobj(reader.stdout, out, MB)
    sides.data.expect(sender, size, output)
    for program in (sides.nc, sides.peer):
        if program.wait(20):
            raise Failure(f"{program.name} ended with an error")
    expect_handshake(we_connect, **joins(we_connect))


def converse(sides, we_connect, messages, options=()):
    """We say something, the kernel repeats it, and so on; then both end. Returns how many answers were not the message."""
    there, back = os.pipe()
    sides.connect(we_connect, (subprocess.PIPE, there), (options, ()), (subprocess.PIPE, back))
    os.close(there)
    os.close(back)
    other, content = 0, random.Random(sides.data.seed)
    for _ in range(messages):
        message = content.randbytes(content.randrange(1, 3000))
        sides.nc.stdin.write(message)
        sides.nc.stdin.flush()
        answer = sides.nc.stdout.read(len(message))
        if len(answer) != len(message):
            raise Failure("the connection ended early")
        other += answer != message
    sides.nc.stdin.close()
    if sides.nc.stdout.read() or sides.nc.wait(10) or sides.peer.wait(10):
        raise Failure("no orderly end")
    return other


@case(("-client", 4, True), ("-server", 6, False))
def echo(sides, we_connect, size):
    """Small messages and their answers: none of them waits for a timer."""
    start = time.monotonic()  # T-WND-12 T-WND-14: Nagle and delayed acknowledgments get along.
    if converse(sides, we_connect, 500):
        raise Failure("an answer is not the message")
    expect_handshake(we_connect)
    if (seconds := time.monotonic() - start) > 5:
        raise Failure(f"500 messages took {seconds:.1f} s")


@case(*((f"-v{family}-{'client' if we else 'server'}", family, we) for family in (4, 6) for we in (True, False)))
def dissected(sides, we_connect, size):
    """A packet dissector finds no mistake in what we sent, and the same tokens and mappings."""
    # M-GEN-01 M-GEN-11 M-GEN-13, M-KEY-07 M-KEY-12, M-JON-02 M-JON-08 M-JON-19, M-DSS-03, M-ADD-10 M-ADD-14, M-MAP-01
    why = capture.why_not()
    if why:
        return why
    sizes = (size // 25, size // 20)
    kernel_endpoint(sides, "signal" if we_connect else "subflow")
    pcap = sides.logs / "nc.pcapng"
    sides.exchange(we_connect, sizes, ["--csum", "--pcap", pcap, "--limits", "4,4", *paced()])
    expect_handshake(we_connect, **({"MPJoinAckRx": SOME} if we_connect else {"MPJoinSynAckRx": 1}))
    capture.check(pcap, PORT, sizes if we_connect else sizes[::-1])
