# SPDX-License-Identifier: BSD-3-Clause
"""The mutants: what is broken, where, which requirements that breaks, and what the message of a script that notices has to speak
of."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Mutant:
    name: str
    breaks: str  # what a peer would see
    file: str
    old: str
    new: str
    points_at: str = ""  # regular expression; empty: the tests that notice need not be scripts
    rows: tuple = ()  # requirements; for each a test that names it must fail


MUTANTS = (
    Mutant("hmac-truncation", "the SYN/ACK of a join carries the wrong 64 bits of the HMAC", "src/wire/mpcrypto.c",
           "{ return load_be64(hmac); }", "{ return load_be64(hmac + 24); }", "HMAC"),
    Mutant("data-ack-one-off", "the Data ACK forgets one octet", "src/mptcp/options.c",
           "struct dsn ack = dsn_add(c->rcv_nxt, c->eof);", "struct dsn ack = dsn_add(c->rcv_nxt, (uint64_t)c->eof - 1);", "dack"),
    Mutant("add-addr-no-echo", "an announced address is not echoed", "src/mptcp/address.c",
           "        say(sf, SIG_ECHO);\n}\n\nvoid conn_echo_sent", "        (void)sf;\n}\n\nvoid conn_echo_sent", "no packet came|add_address|echo"),
    Mutant("window-scale", "the window is advertised without regard to the scale", "src/tcp/output.c",
           "const uint8_t shift = plan->kind == TCP_PLAN_SYN ? 0 : t->rcv_wscale;", "const uint8_t shift = 0;", "win is"),
    Mutant("peer-window-scale", "the peer's window is taken as it stands in the header", "src/tcp/input.c",
           "(uint64_t)seg->window << t->snd_wscale", "(uint64_t)seg->window", "payload is|no packet came|seq is"),
    Mutant("no-paws", "a segment with an old timestamp is taken", "src/tcp/input.c",
           "if ((int32_t)(opt->tsval - t->ts_recent) >= 0 || age_s > TCP_PAWS_VALID_S)", "if (true || age_s)",
           "ack is|no packet came|expected -1|expected result"),
    Mutant("join-ack-unproven", "the third ACK of a join is believed without its HMAC", "src/mptcp/handshake.c",
           "if (!mp_hmac_eq(hmac, mpj->mpj.hmac160, sizeof mpj->mpj.hmac160)) {",
           "if (mp_hmac_eq(hmac, hmac, 1) && mpj->mpj.hmac160[0] == 0 && hmac[0] == 1) {", "flags is|no packet came"),
    Mutant("join-synack-unproven", "the SYN/ACK of a join is believed without its HMAC", "src/mptcp/handshake.c",
           "if (mp_join_hmac64(hmac) != mpj->mpj.hmac64) {", "if (hmac[0] != hmac[0]) {", "flags is|mp_join|mp_reset"),
    Mutant("fastclose-any-key", "MP_FASTCLOSE ends the connection whatever its key is", "src/mptcp/address.c",
           "if (o->fastclose.key != c->local_key) {", "if (o->fastclose.key == 0) {", "flags is|expected|no packet came"),
    Mutant("fastclose-own-key", "MP_FASTCLOSE carries our key instead of the peer's", "src/mptcp/options.c",
           "o.fastclose.key = c->remote_key;", "o.fastclose.key = c->local_key;", "mp_fastclose: key"),
    Mutant("add-addr-hmac-keys", "the HMAC of an announced address has the keys in the wrong order", "src/mptcp/options.c",
           "mp_add_addr_hmac(c->local_key, c->remote_key,", "mp_add_addr_hmac(c->remote_key, c->local_key,", "add_address: HMAC"),
    Mutant("map-ssn", "mappings start one octet late on the subflow", "src/mptcp/options.c",
           "(uint32_t)map->ssn.v, (uint16_t)(map->len + map->data_fin)", "(uint32_t)map->ssn.v + 1, (uint16_t)(map->len + map->data_fin)",
           "dss: ssn"),
    Mutant("data-fin-not-acked", "the Data ACK does not count the DATA_FIN", "src/mptcp/options.c",
           "dsn_add(c->rcv_nxt, c->eof)", "dsn_add(c->rcv_nxt, 0)", "dack"),
    Mutant("rst-number", "a RST to nobody's ACK does not carry its number", "src/stack/reply.c",
           "rst.seq = seg->ack;", "rst.seq = seg->seq;", "seq is"),
    Mutant("rst-in-window", "a RST anywhere in the window resets", "src/tcp/input.c",
           "    if (rst_is_exact(t, a->seq))", "    if (rst_is_exact(t, a->seq) || ssn_le(t->rcv_nxt, a->seq))",
           "no packet came|expected"),
    Mutant("no-challenge-for-syn", "a SYN in the window of a connection is not answered", "src/tcp/input.c",
           "    if (!is_same_syn(t, a))\n        challenge_ack(t);", "    if (!is_same_syn(t, a))\n        t->challenge_at = t->env->now;",
           "no packet came"),
    Mutant("no-backoff", "the retransmission timeout does not double", "src/tcp/rtt.c",
           "return rto > rto_max >> shift ? rto_max : rto << shift;", "return rto > rto_max >> shift ? rto_max : rto;", "timing|no packet"),
    Mutant("rto-forgets-variance", "the retransmission timeout is the smoothed round trip alone", "src/tcp/rtt.c",
           "dur spread = 4 * r->rttvar;", "dur spread = r->rttvar / 64;", "timing|early|late|rto"),
)
