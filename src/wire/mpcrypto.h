/* SPDX-License-Identifier: BSD-3-Clause */
/* Keys, tokens, HMACs and the DSS checksum (RFC 8684 3.1, 3.2, 3.4.1, 3.3.1). Keys are host-order numbers of the
 * octets. */
#ifndef UMPTCP_WIRE_MPCRYPTO_H
#define UMPTCP_WIRE_MPCRYPTO_H

#include "base/seq.h"
#include "wire/addr.h"
#include "wire/checksum.h"

/* A key made of what is public, by a secret: the leftmost 64 bits of HMAC-SHA256(secret, msg). */
uint64_t mp_keyed_key(const uint8_t *secret, size_t secret_len, const uint8_t *msg, size_t msg_len);
/* Leftmost 32 and rightmost 64 bits of SHA-256(key). */
void mp_key_derive(uint64_t key, uint32_t *token, struct dsn *idsn);

/* Full HMAC of a join: key = own key, peer's key; message = own nonce, peer's nonce ("own" is whoever sends it). */
void mp_join_hmac(uint64_t own_key, uint64_t peer_key, uint32_t own_nonce, uint32_t peer_nonce, uint8_t hmac[32]);
uint64_t mp_join_hmac64(const uint8_t hmac[32]); /* leftmost 64 bits */
/* Rightmost 64 bits of the HMAC of an announced address; `port` 0 when absent. Sender's key first. */
uint64_t mp_add_addr_hmac(uint64_t sender_key, uint64_t receiver_key, uint8_t addr_id, const struct umptcp_addr *addr,
                          uint16_t port);
/* Constant-time comparison. */
bool mp_hmac_eq(const uint8_t *a, const uint8_t *b, size_t len);

/* Adds the DSS pseudo-header (RFC 8684 3.3.1, figure 10), before or after the data. `len` as in the option, with the
 * DATA_FIN's octet. */
void mp_csum_add_pseudo(struct csum *c, struct dsn dsn, uint32_t ssn, uint16_t len);

#endif
