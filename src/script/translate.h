/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets between script and wire: lower() makes bytes, lift() reads them, match() compares what they make. */
#ifndef UMPTCP_SCRIPT_TRANSLATE_H
#define UMPTCP_SCRIPT_TRANSLATE_H

#include "script/flow.h"
#include "script/print.h"

/* Kinds of TCP options (IANA). */
enum option_octet {
    KIND_EOL = 0,
    KIND_NOP = 1,
    KIND_MSS = 2,
    KIND_WSCALE = 3,
    KIND_SACK_OK = 4,
    KIND_SACK = 5,
    KIND_TS = 8,
    KIND_MD5 = 19,
    KIND_FO = 34,
    KIND_ACC_ECN0 = 172,
    KIND_ACC_ECN1 = 174,
    KIND_EXPERIMENT = 254,
    MAGIC_FOEXP = 0xf989,
};

/* The longest packet. */
enum { PACKET_MAX = 65535 + 64 };

/*
 * The bytes of an inbound packet of a flow, complete with checksums. The flow learns what it says. Returns the length;
 * 0, with a sentence, when something in it has no value.
 */
uint32_t lower(struct flows *f, struct tcp_flow *flow, const struct packet *p, uint8_t data[PACKET_MAX], char *error,
               size_t size);

/* What is known of a live packet before its flow is. */
struct live_head {
    struct flow ends; /* local: its source, the stack */
    bool tcp, icmp;
    bool bare_syn, syn;
    uint32_t seq, ack;
    bool joins; /* with MP_JOIN */
    uint32_t token;
    bool has_ts;
    uint32_t tsval;
};

/* False when it is no packet that scripts can speak of. */
bool lift_head(const uint8_t *data, uint32_t len, struct live_head *head);
/* The numbers that a line gives to what is seen of the stack for the first time: its SYN, its first timestamp. */
void lift_anchor(struct flows *f, struct tcp_flow *flow, const struct packet *line, const struct live_head *head);
/* An outbound packet in the script's numbers. False, with a sentence, when it is broken (checksum, lengths, payload
 * that is not the zeros that were written). */
bool lift(const struct tcp_flow *flow, const uint8_t *data, uint32_t len, struct arena *arena, struct packet *p,
          char *error, size_t size);

/*
 * Compares, and writes a line for each difference: "ack: 2, expected 1". Returns how many there are. `elapsed` is the
 * script's time, for the tolerance of timestamps. -1, with a sentence in `error`, when the line cannot be computed.
 */
int match(struct flows *f, const struct tcp_flow *flow, const struct packet *line, const struct packet *came,
          dur elapsed, struct text *differences, char *error, size_t size);
/* After they agreed: names, keys and numbers are learnt. */
void match_learn(struct flows *f, struct tcp_flow *flow, const struct packet *line, const struct packet *came);

#endif
