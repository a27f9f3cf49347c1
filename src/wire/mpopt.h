/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MPTCP options (TCP option kind 30), RFC 8684 section 3 and appendix A: bytes <-> values.
 *
 * One table says, for each form of each option, its length, which fields it carries and in which segments it may stand;
 * decoding, encoding and printing all run over that table.
 */
#ifndef UMPTCP_WIRE_MPOPT_H
#define UMPTCP_WIRE_MPOPT_H

#include "base/cursor.h"
#include "wire/addr.h"

enum { MPOPT_KIND = 30 };

/* What is known of an option by its subtype, its length and the segment's flags. */
enum mp_type {
    MPC_SYN = 1, /* MP_CAPABLE, length 4 */
    MPC_SYNACK,  /* 12 */
    MPC_ACK,     /* 20 */
    MPC_DATA,    /* 22 or 24 */
    MPJ_SYN,     /* MP_JOIN, 12 */
    MPJ_SYNACK,  /* 16 */
    MPJ_ACK,     /* 24 */
    MP_DSS,
    MP_ADD_ADDR,
    MP_REMOVE_ADDR,
    MP_PRIO,
    MP_FAIL,
    MP_FASTCLOSE,
    MP_TCPRST,
    MP_TYPE_COUNT
};

enum mpc_flag { MPC_CSUM = 0x80, MPC_EXT = 0x40, MPC_DENY_JOIN0 = 0x20, MPC_HMAC_SHA256 = 0x01, MPC_ALGS = 0x1f };

/* RFC 8684 3.6 */
enum mp_rst_reason {
    MPRST_UNSPEC = 0,
    MPRST_MPTCP = 1,
    MPRST_RESOURCES = 2,
    MPRST_PROHIBITED = 3,
    MPRST_OUTSTANDING = 4,
    MPRST_PERFORMANCE = 5,
    MPRST_MIDDLEBOX = 6,
};

enum { MP_REMOVE_IDS_MAX = 8, MPOPTS_MAX = 8 };

struct mpopt {
    enum mp_type type;
    union {
        struct {
            uint8_t version, flags;
            uint64_t sender_key, receiver_key;
            uint16_t len; /* MPC_DATA: data-level length */
            bool has_csum;
            uint16_t csum;
        } mpc;
        struct {
            bool backup;
            uint8_t addr_id;
            uint32_t token, nonce;
            uint64_t hmac64;     /* MPJ_SYNACK: leftmost 64 bits */
            uint8_t hmac160[20]; /* MPJ_ACK */
        } mpj;
        struct {
            bool has_ack, ack64, has_map, dsn64, data_fin, has_csum;
            uint64_t ack; /* 32 bits unless ack64 */
            uint64_t dsn; /* 32 bits unless dsn64 */
            uint32_t ssn;
            uint16_t len; /* with the DATA_FIN's octet; 0: infinite mapping */
            uint16_t csum;
        } dss;
        struct {
            bool echo;
            uint8_t addr_id;
            struct umptcp_addr addr;
            bool has_port;
            uint16_t port;
            uint64_t hmac; /* rightmost 64 bits; 0 when echo */
        } add_addr;
        struct {
            uint8_t n, ids[MP_REMOVE_IDS_MAX];
        } remove;
        struct {
            bool backup;
        } prio;
        struct {
            uint64_t dsn;
        } fail;
        struct {
            uint64_t key;
        } fastclose;
        struct {
            bool transient;
            uint8_t reason;
        } rst;
    };
};

/* All of one segment, in the order they stood in it. */
struct mpopts {
    uint8_t n;
    uint8_t malformed; /* how many were ignored for a wrong length or form, or because `opt` was full */
    struct mpopt opt[MPOPTS_MAX];
};

/*
 * Reads one option of `len` bytes in all, `opt_bytes` pointing at its kind. `tcp_flags` and whether there is payload
 * choose between forms. Returns 0; -EINVAL when malformed (`opt` may have been written to); -ENOENT for subtypes that
 * are not known, which are to be skipped. The value has no bytes that the option did not set: padding and absent fields
 * are zero.
 */
int mpopt_parse(const uint8_t *opt_bytes, uint8_t len, uint8_t tcp_flags, bool payload, struct mpopt *opt);
/* Writes one option, kind and length included, without padding. What cannot be on the wire is left out: ack64 without
 * has_ack, and without has_map the rest of a mapping, its checksum and data_fin. */
void mpopt_build(struct writer *w, const struct mpopt *opt);
/* Its length in bytes, from the encoder itself. */
uint8_t mpopt_len(const struct mpopt *opt);
/* Writes a line such as "dss ack 0x.. dsn 0x.. ssn 1 len 1460" (always terminated); returns `text`. */
const char *mpopt_format(const struct mpopt *opt, char *text, size_t size);
/* The first option of a type, or NULL. */
const struct mpopt *mpopts_find(const struct mpopts *opts, enum mp_type type);
/* Appends a zeroed option of `type` and returns it; NULL when full. */
struct mpopt *mpopts_add(struct mpopts *opts, enum mp_type type);

#endif
