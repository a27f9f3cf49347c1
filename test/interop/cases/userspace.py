# SPDX-License-Identifier: BSD-3-Clause
"""Paths managed from outside: by us, by a daemon of the kernel's (pm_nl_ctl), and what each tells the other's."""

import subprocess
from pathlib import Path

from bed import Failure, sysctl
from registry import PORT
from sides import expect_handshake, joins
from wire import scene

TOOL = Path(__file__).resolve().parents[1] / "pm_nl_ctl"


def pm_nl_ctl(*words):
    done = subprocess.run([TOOL, *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        raise Failure(f"pm_nl_ctl {' '.join(map(str, words))}: {done.stderr.strip()}")
    return done.stdout


def until_subflows(bed, ours, n):
    bed.until(lambda: sum(f["established"] for f in ours.subflows()) == n, f"{n} subflows of ours are established")


def told(bed, events, type_, **more):
    """Waits until we were told of such an event; `events` is what we were told before."""

    def came():
        events.extend(bed.engine.call("pm_events"))
        return any(e["type"] == type_ and more.items() <= e.items() for e in events)

    bed.until(came, f"we are told of event {type_} {more}")


@scene()
def opened_by_us_from_outside(bed, size):
    """We open a subflow, make it a backup and end it when we are told to, and the kernel hears and sees it so."""
    # M-JON-02 M-JON-04, M-POL-05, M-REM-10
    bed.watch()
    engine, events = bed.start(path_manager="userspace"), []
    engine.call("pm_listen", 1)
    ours, kernels = bed.connect(True)
    bed.talk(ours, kernels)
    told(bed, events, 2)
    engine.call("pm_create", ours.number, bed.ours(2), 23, bed.kernel(1), PORT, 0)
    until_subflows(bed, ours, 2)
    told(bed, events, 10, local_id=23, remote_id=0, port=PORT)
    bed.until_counted(MPJoinAckRx=1)
    bed.until_monitored("remid=23 locid=0")
    bed.talk(ours, kernels)
    engine.call("pm_backup", ours.number, 2, 1)
    bed.until_counted(MPPrioRx=1)
    bed.until_monitored("SF_PRIO]")
    engine.call("pm_destroy", ours.number, 2)
    told(bed, events, 11, local_id=23)
    bed.until_monitored("SF_CLOSED]")
    bed.talk(ours, kernels)
    bed.end(ours, kernels)
    expect_handshake(True, **joins(True), MPPrioRx=1)


@scene()
def announced_by_us_from_outside(bed, size):
    """We announce two addresses when we are told to; the kernel echoes both, joins, and lets go what we withdraw."""
    # M-ADD-01 M-ADD-03 M-ADD-10, M-REM-02
    bed.watch()
    engine, events = bed.start(path_manager="userspace"), []
    engine.call("pm_listen", 1)
    ours, kernels = bed.connect(False)
    bed.talk(ours, kernels)
    engine.call("pm_announce", ours.number, bed.ours(2), 0, 10)
    engine.call("pm_announce", ours.number, bed.ours(3), 0, 20)
    bed.until_counted(AddAddr=2, EchoAddTx=2)
    bed.until_monitored("remid=10")
    told(bed, events, 10, local_id=10)
    until_subflows(bed, ours, 2)
    engine.call("pm_remove", ours.number, 10)
    bed.until_counted(RmAddr=1)
    bed.until_monitored("REMOVED]")
    told(bed, events, 11, local_id=10)
    bed.talk(ours, kernels)
    bed.end(ours, kernels)


@scene()
def opened_by_a_daemon(bed, size):
    """The kernel's userspace path manager opens a subflow to us, makes it a backup, and ends it."""
    # M-JON-10, M-POL-05
    sysctl("net.mptcp.path_manager", "userspace")
    bed.watch()
    ours, kernels = bed.connect(False)
    bed.talk(ours, kernels)
    bed.until_monitored(" ESTABLISHED]")
    pm_nl_ctl("csf", "lip", bed.kernel(2), "lid", 23, "lport", 4444, "dev", "tun2", "rip", bed.ours(1), "rport", PORT,
              "token", "auto")  # fmt: skip
    until_subflows(bed, ours, 2)
    bed.until_monitored("SF_ESTABLISHED]")
    pm_nl_ctl("set", bed.kernel(2), "flags", "backup", "token", "auto", "rip", bed.ours(1), "rport", PORT)
    bed.until(lambda: ours.subflows()[1]["backup"], "our subflow is a backup")
    bed.talk(ours, kernels)
    pm_nl_ctl("dsf", "lip", bed.kernel(2), "lport", 4444, "rip", bed.ours(1), "rport", PORT, "token", "auto")
    until_subflows(bed, ours, 1)
    bed.until_monitored("SF_CLOSED]")
    bed.talk(ours, kernels)
    bed.end(ours, kernels)
    expect_handshake(False, **joins(False), MPPrioTx=1, RmSubflow=1)


@scene()
def announced_by_a_daemon(bed, size):
    """The kernel's userspace path manager announces an address; we echo it, join, and let go when it is withdrawn."""
    # M-ADD-09 M-ADD-12, M-REM-04
    sysctl("net.mptcp.path_manager", "userspace")
    bed.watch()
    engine = bed.start()
    engine.call("limits", 2, 2)
    ours, kernels = bed.connect(True)
    bed.talk(ours, kernels)
    pm_nl_ctl("ann", bed.kernel(2), "id", 10, "token", "auto")
    bed.until_counted(AddAddrTx=1, EchoAdd=1)
    until_subflows(bed, ours, 2)
    bed.until_monitored("SF_ESTABLISHED]")
    bed.talk(ours, kernels)
    pm_nl_ctl("rem", "id", 10, "token", "auto")
    bed.until(lambda: engine.said("address-removed") or bed.engine.counters()["MPTcpExtRmAddr"] == 1, "we hear of it")
    bed.talk(ours, kernels)
    bed.end(ours, kernels)
    expect_handshake(True, **joins(True), AddAddrTx=1, EchoAdd=1, RmAddrTx=1)
