# SPDX-License-Identifier: BSD-3-Clause
"""Paths that take less than both ends think, and say so, or not; in both roles and families."""

from bed import sysctl
from registry import SOME
from sides import alone, case, expect_handshake


@case(*((f"-ipv{family}-{'client' if we else 'server'}", family, we) for family in (4, 6) for we in (True, False)))
def black_hole(sides, we_connect, size):
    """T-MTU-13: what is large vanishes in both directions, and nobody says so. Both ends find what gets through, and go on."""
    sysctl("net.ipv4.tcp_mtu_probing", 1)
    sizes = (size // 10, size // 10)
    options = alone(sides) if we_connect else []
    sides.exchange(we_connect, sizes, [*options, "--middlebox", "tun1:drop:larger=1300"])
    sides.says(sides.peer, "ended mptcp")
    expect_handshake(we_connect, TcpExtTCPMTUPSuccess=SOME)


@case(*((f"-ipv{family}-{'client' if we else 'server'}", family, we) for family in (4, 6) for we in (True, False)))
def small_router(sides, we_connect, size):
    """T-MTU-05: a router that takes 1300 octets says so, to both, who then send no more than that."""
    sysctl("net.ipv4.tcp_mtu_probing", 0)
    sizes = (size // 10, size // 10)
    options = alone(sides) if we_connect else []
    chain = "drop:larger=1300,dir=in | icmp:error=too-big,mtu=1300,larger=1300 | drop:larger=1300,dir=out"
    sides.exchange(we_connect, sizes, [*options, "--middlebox", f"tun1:{chain}"])
    sides.says(sides.peer, "ended mptcp")
    expect_handshake(we_connect)
