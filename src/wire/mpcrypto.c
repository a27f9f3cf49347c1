/* SPDX-License-Identifier: BSD-3-Clause */
/* SHA-256 and HMAC-SHA256 as RFC 8684 uses them; the primitives are nettle's. */
#include "wire/mpcrypto.h"

#include <nettle/hmac.h>
#include <nettle/sha2.h>
#include <string.h>

#include "wire/bytes.h"

uint64_t mp_keyed_key(const uint8_t *secret, size_t secret_len, const uint8_t *msg, size_t msg_len) {
    uint8_t hmac[SHA256_DIGEST_SIZE];
    struct hmac_sha256_ctx ctx;
    hmac_sha256_set_key(&ctx, secret_len, secret);
    hmac_sha256_update(&ctx, msg_len, msg);
    hmac_sha256_digest(&ctx, sizeof hmac, hmac);
    return load_be64(hmac);
}

void mp_key_derive(uint64_t key, uint32_t *token, struct dsn *idsn) {
    uint8_t octets[8], digest[SHA256_DIGEST_SIZE];
    store_be64(octets, key);
    struct sha256_ctx ctx;
    sha256_init(&ctx);
    sha256_update(&ctx, sizeof octets, octets);
    sha256_digest(&ctx, sizeof digest, digest);
    *token = load_be32(digest);
    idsn->v = load_be64(digest + sizeof digest - 8);
}

static void hmac_two_keys(uint64_t first_key, uint64_t second_key, const uint8_t *msg, size_t msg_len,
                          uint8_t hmac[SHA256_DIGEST_SIZE]) {
    uint8_t key[16];
    store_be64(key, first_key);
    store_be64(key + 8, second_key);
    struct hmac_sha256_ctx ctx;
    hmac_sha256_set_key(&ctx, sizeof key, key);
    hmac_sha256_update(&ctx, msg_len, msg);
    hmac_sha256_digest(&ctx, SHA256_DIGEST_SIZE, hmac);
}

void mp_join_hmac(uint64_t own_key, uint64_t peer_key, uint32_t own_nonce, uint32_t peer_nonce, uint8_t hmac[32]) {
    uint8_t msg[8];
    store_be32(msg, own_nonce);
    store_be32(msg + 4, peer_nonce);
    hmac_two_keys(own_key, peer_key, msg, sizeof msg, hmac);
}

uint64_t mp_join_hmac64(const uint8_t hmac[32]) { return load_be64(hmac); }

uint64_t mp_add_addr_hmac(uint64_t sender_key, uint64_t receiver_key, uint8_t addr_id, const struct umptcp_addr *addr,
                          uint16_t port) {
    uint8_t msg[1 + sizeof addr->b + 2] = {addr_id}, hmac[SHA256_DIGEST_SIZE];
    size_t skip = addr_is_v4(addr) ? 12 : 0, addr_len = sizeof addr->b - skip;
    memcpy(msg + 1, addr->b + skip, addr_len);
    store_be16(msg + 1 + addr_len, port);
    hmac_two_keys(sender_key, receiver_key, msg, 1 + addr_len + 2, hmac);
    return load_be64(hmac + sizeof hmac - 8);
}

bool mp_hmac_eq(const uint8_t *a, const uint8_t *b, size_t len) {
    uint8_t difference = 0;
    for (size_t i = 0; i < len; i++)
        difference |= a[i] ^ b[i];
    return difference == 0;
}

void mp_csum_add_pseudo(struct csum *c, struct dsn dsn, uint32_t ssn, uint16_t len) {
    csum_add_u64(c, dsn.v);
    csum_add_u32(c, ssn);
    csum_add_u16(c, len);
}
