# SPDX-License-Identifier: BSD-3-Clause
"""Handshakes without state: SYN cookies of the kernel and of ours, for the first subflow and for joins."""

from bed import sysctl
from sides import both_families, expect_handshake, expect_used, joins, kernel_endpoint, paced


@both_families
def cookies_of_the_kernel(sides, size):
    """The kernel answers our SYNs with cookies; both subflows come of them."""
    # M-KEY-06, M-JON-35, T-SYN-10
    sysctl("net.ipv4.tcp_syncookies", 2)
    sides.exchange(True, (size // 5, size // 5), paced())
    expect_handshake(True, **joins(True), TcpExtSyncookiesSent=2, TcpExtSyncookiesRecv=2, TcpExtSyncookiesFailed=0)
    expect_used("tun2")


@both_families
def cookies_of_ours(sides, size):
    """We answer the kernel's SYNs with cookies; both subflows come of them."""
    # M-KEY-04 M-KEY-06, M-JON-35, T-SYN-09 T-SYN-10, T-X4
    kernel_endpoint(sides, "subflow")
    sides.exchange(False, (size // 5, size // 5), ["--cookies", *paced()])
    expect_handshake(False, **joins(False))
    expect_used("tun2")
