/* SPDX-License-Identifier: BSD-3-Clause */
/* Values of MPTCP options: names of keys, hashes of them, relative numbers. */
#include "script/mpvalue.h"

#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>

#include "wire/bytes.h"
#include "wire/mpcrypto.h"

uint64_t mp_key_swap(uint64_t key) {
    uint8_t octets[8];
    store_be64(octets, key);
    uint64_t swapped = 0;
    for (size_t i = sizeof octets; i-- > 0;)
        swapped = swapped << 8 | octets[i];
    return swapped;
}

uint32_t mp_token(uint64_t key) {
    uint32_t token;
    struct dsn idsn;
    mp_key_derive(key, &token, &idsn);
    return token;
}

uint64_t mp_idsn(uint64_t key) {
    uint32_t token;
    struct dsn idsn;
    mp_key_derive(key, &token, &idsn);
    return idsn.v;
}

uint64_t mp_base(const struct mp_key *key) { return key->known ? mp_idsn(key->key) : 0; }

/* SHA-1 is of version 0, whose options a script may still send. */
static void hash_key(const char *function, uint64_t key, uint8_t digest[SHA256_DIGEST_SIZE], size_t *len) {
    uint8_t octets[8];
    store_be64(octets, key);
    if (strstr(function, "sha1")) {
        struct sha1_ctx ctx;
        sha1_init(&ctx);
        sha1_update(&ctx, sizeof octets, octets);
        sha1_digest(&ctx, *len = SHA1_DIGEST_SIZE, digest);
    } else {
        struct sha256_ctx ctx;
        sha256_init(&ctx);
        sha256_update(&ctx, sizeof octets, octets);
        sha256_digest(&ctx, *len = SHA256_DIGEST_SIZE, digest);
    }
}

bool mp_key_of(struct flows *f, const struct value *v, uint64_t *key) {
    if (v->kind == VALUE_NUMBER) {
        *key = mp_key_swap(v->n);
        return true;
    }
    if (!v->name)
        return false;
    struct key_name *k = key_named(f, v->name);
    if (v->assigned) {
        k->assigned = true;
        k->key = (struct mp_key){true, mp_key_swap(v->n)};
    }
    *key = k->key.key;
    return k->key.known;
}

bool mp_number(struct flows *f, const struct value *v, uint64_t base, uint64_t *number, char *error, size_t size) {
    uint64_t key = mp_key_swap(v->n);
    if (v->kind == VALUE_NUMBER) {
        *number = base + v->n;
        return true;
    }
    if (v->name && !mp_key_of(f, v, &key)) {
        snprintf(error, size, "the key %s has no value yet", v->name);
        return false;
    }
    if (v->kind == VALUE_IDSN) {
        *number = mp_idsn(key) + v->n;
        return true;
    }
    if (v->kind == VALUE_HASH) {
        uint8_t digest[SHA256_DIGEST_SIZE];
        size_t len;
        hash_key(v->function, key, digest, &len);
        *number = strstr(v->function, "_32") ? load_be32(digest) : base + load_be64(digest + len - 8);
        return true;
    }
    snprintf(error, size, "this is no number");
    return false;
}
