/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MPTCP options between script and wire: keys by name, tokens, HMACs, data sequence numbers that start at 1.
 *
 *                    dack=N                     dsn=N
 *   inbound          IDSN(stack's key) + N      IDSN(peer's key) + N
 *   outbound         IDSN(peer's key) + N       IDSN(stack's key) + N
 */
#ifndef UMPTCP_SCRIPT_MPVALUE_H
#define UMPTCP_SCRIPT_MPVALUE_H

#include "script/flow.h"

/* Scripts write a key with its first octet lowest. */
uint64_t mp_key_swap(uint64_t key);
uint32_t mp_token(uint64_t key);
uint64_t mp_idsn(uint64_t key);
/* The base of data sequence numbers; 0 without a key. */
uint64_t mp_base(const struct mp_key *key);

/*
 * The number that a token, a Data ACK or a DSN stands for: of a hash or a literal. Relative ones are counted from
 * `base`. False, with a sentence, when a name in it has no value yet.
 */
bool mp_number(struct flows *f, const struct value *v, uint64_t base, uint64_t *number, char *error, size_t size);
/* The key that a value stands for, as on the wire. V=N gives the name its value. False: the name has none. */
bool mp_key_of(struct flows *f, const struct value *v, uint64_t *key);

/* ---- Inbound ----------------------------------------------------------------------------------------------------- */

/* The option as it goes out to the stack. The flow learns what the peer says. False, with a sentence, when it cannot.
 */
bool mp_lower(struct flows *f, struct tcp_flow *flow, const struct packet *p, const struct mp_line *line,
              struct mpopt *opt, char *error, size_t size);

/* ---- Outbound ---------------------------------------------------------------------------------------------------- */

/* What came, in the script's numbers. */
void mp_lift(const struct tcp_flow *flow, const struct mpopt *opt, struct mp_line *line);
/*
 * What was expected, with everything computed: its values are numbers, or VALUE_ANY where nothing is to be compared.
 * `came` is the option in its place. False, with a sentence, when a name has no value.
 */
bool mp_resolve(struct flows *f, const struct tcp_flow *flow, const struct mp_line *want, const struct mp_line *came,
                struct mp_line *resolved, char *error, size_t size);
/* After both agreed: names and the flow learn from what came. */
void mp_learn(struct flows *f, struct tcp_flow *flow, const struct mp_line *want, const struct mp_line *came);

#endif
