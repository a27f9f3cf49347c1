# SPDX-License-Identifier: BSD-3-Clause
"""One of the two has no Multipath TCP, or wants none."""

from bed import sysctl
from sides import both_families, expect


@both_families
def tcp_by_us_to_mptcp(sides, size):
    """A kernel's MPTCP listener serves our plain TCP."""
    # M-INI-23, M-FBK-01
    sides.exchange(True, (size // 5, size // 5), ["--no-mptcp"])
    sides.says(sides.peer, "connected tcp")
    expect(MPCapableSYNRX=0)


@both_families
def tcp_by_us_for_mptcp(sides, size):
    """The kernel asks for MPTCP, and we answer in plain TCP."""
    sides.exchange(False, (size // 5, size // 5), ["--no-mptcp"])  # M-INI-23 M-INI-24
    sides.says(sides.peer, "ended tcp")
    expect(MPCapableSYNTX=1, MPCapableFallbackSYNACK=1)


@both_families
def tcp_by_the_kernel_to_us(sides, size):
    """A kernel without MPTCP connects to us, who would."""
    sysctl("net.mptcp.enabled", 0)  # M-INI-23 M-INI-25, M-FBK-01
    sides.exchange(False, (size // 5, size // 5), peer=["--tcp"])
    sides.says(sides.nc, "\nTCP ")
    expect()


@both_families
def tcp_by_the_kernel_for_us(sides, size):
    """We ask a kernel without MPTCP for it, and fall back."""
    sysctl("net.mptcp.enabled", 0)  # M-INI-05 M-INI-24, M-FBK-29 M-FBK-30
    sides.exchange(True, (size // 5, size // 5), peer=["--tcp"])
    sides.says(sides.nc, "TCP (fallen back)")
    expect()
