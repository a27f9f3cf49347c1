# SPDX-License-Identifier: BSD-3-Clause
"""What Wireshark's dissector (tshark) thinks of a recorded connection."""

import shutil
import subprocess

from bed import Failure

ERROR = 0x800000  # severity of an expert's remark
CAPABLE, JOIN = "0", "1"
FIELDS = {
    "stream": "tcp.stream",
    "connection": "mptcp.stream",
    "syn": "tcp.flags.syn",
    "ack": "tcp.flags.ack",
    "port": "tcp.srcport",
    "seq": "tcp.seq",
    "length": "tcp.len",
    "subtypes": "tcp.options.mptcp.subtype",
    "reserved": "tcp.options.mptcp.reserved",
    "token_of_key": "mptcp.expected_token",
    "token": "tcp.options.mptcp.recvtok",
    "ssn": "tcp.options.mptcp.subflowseqno",
    "dsn": "mptcp.dss.dsn",
    "mapped": "tcp.options.mptcp.datalvllen",
    "severity": "_ws.expert.severity",
    "remarks": "_ws.expert.message",
    "malformed": "_ws.malformed",
}


def why_not():
    return None if shutil.which("tshark") else "tshark is not installed"


def dissect(path, port):
    """The packets, each as a dictionary of FIELDS; a field that is there more than once has its values with commas between."""
    words = [w for field in FIELDS.values() for w in ("-e", field)]
    command = ["tshark", "-r", path, "-o", "mptcp.analyze_mappings:TRUE", "-o", "mptcp.relative_sequence_numbers:TRUE"]
    command += ["-d", f"tcp.port=={port},data"]  # random bytes look like many a protocol
    done = subprocess.run([*command, "-T", "fields", *words], capture_output=True, text=True)
    if done.returncode:
        raise Failure(f"tshark: {done.stderr.strip()}")
    packets = [dict(zip(FIELDS, line.split("\t")), number=n) for n, line in enumerate(done.stdout.split("\n")[:-1], 1)]
    return [p for p in packets if p["stream"]]


def check(path, port, sizes):
    """Raises Failure about the first disagreement. `sizes`: bytes that the one who connected sent, and the other."""
    packets = dissect(path, port)
    if not packets:
        raise Failure("nothing was recorded")
    check_remarks(packets)
    check_tokens(packets)
    directions = split(packets)
    for sent, size in zip(directions, sizes):
        check_mappings(sent, size)


def check_remarks(packets):
    for p in packets:
        if p["malformed"] or any(int(s, 0) >= ERROR for s in p["severity"].split(",") if s):
            raise Failure(f"packet {p['number']}: {p['remarks'] or 'malformed'}")
        if any(int(bits, 0) for bits in p["reserved"].split(",") if bits):
            raise Failure(f"packet {p['number']}: reserved bits are set")



def check_tokens(packets):
    """Each join names the token that follows from a key of the first handshake, and the dissector agrees that it belongs to
    the connection."""
    tokens = {t for p in packets if CAPABLE in p["subtypes"].split(",") for t in p["token_of_key"].split(",") if t}
    joins = [p for p in packets if p["token"]]
    if len(tokens) != 2 or not joins:
        raise Failure(f"{len(tokens)} tokens and {len(joins)} joins in the record")
    for p in joins:
        if p["token"] not in tokens:
            raise Failure(f"packet {p['number']}: token {p['token']} is of no key")
    if strangers := {p["stream"] for p in packets if p["subtypes"] and p["connection"] not in ("0", "")}:
        raise Failure(f"streams {sorted(strangers)} do not belong to the connection")


def split(packets):
    """The packets of the one who opened the first subflow, and of the other. A later one may be opened by either: its ends are
    told apart by the listening port, which is the same on every subflow."""
    listening = {p["port"] for p in packets if p["syn"] in ("1", "True") and p["ack"] in ("1", "True")}
    if len(listening) != 1:
        raise Failure(f"subflows to the ports {sorted(listening)}")
    return [p for p in packets if p["port"] not in listening], [p for p in packets if p["port"] in listening]


def place(packet):
    """Where the payload is in the stream: its first number, and the one after its last. Numbers are relative."""
    seq, length = int(packet["seq"]), int(packet["length"])
    if not packet["dsn"]:
        if CAPABLE not in packet["subtypes"].split(","):
            raise Failure(f"packet {packet['number']}: payload without a mapping")
        return seq, seq + length  # both streams start here, and the mapping is implied
    ssn, dsn, mapped = (int(packet[field].split(",")[0]) for field in ("ssn", "dsn", "mapped"))
    if not ssn <= seq <= seq + length <= ssn + mapped:
        raise Failure(f"packet {packet['number']}: its mapping does not cover its payload")
    return dsn + seq - ssn, dsn + seq - ssn + length


def check_mappings(packets, size):
    """The payload, where its mappings put it, is every byte of the stream."""
    end = 1
    for start, stop in sorted(place(p) for p in packets if int(p["length"] or 0)):
        if start > end:
            raise Failure(f"no packet carries the stream's bytes from {end} to {start}")
        end = max(end, stop)
    if end != size + 1:
        raise Failure(f"the mappings end at {end} instead of {size + 1}")
