/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MPTCP options (RFC 8684): the table of all their forms, and what runs over it.
 *
 * An option has one form for each layout that it can have on the wire. What tells the forms of one subtype apart is
 *
 *   where   the flags of the segment, and whether it holds payload
 *   len     the length: no two lengths mean the same, so a form has exactly one (but for REMOVE_ADDR's list)
 *   traits  its own flags, and what only the length tells: whether a checksum or a port is there, the address family
 *
 * Every field of a form has a fixed place. Reading finds the form by segment, length and flags, and then every field
 * lies within the option by construction; writing finds it by type and traits, and starts from zeros. So reserved bits
 * are sent as zero, and ignored on receipt because no row looks at them.
 */
#include "wire/mpopt.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "wire/bytes.h"
#include "wire/segment.h"

/* ---- The table --------------------------------------------------------------------------------------------------- */

/*
 * A condition on a set of 15 bits: the ones that must be set, and the ones that must be set or clear. It is built of
 * IS() and NOT(), and does not look at bits that are named in neither.
 */
struct condition {
    uint16_t value, cares;
};
#define IS(bit)  ((bit) << 16 | (bit))
#define NOT(bit) ((bit) << 16)

/* Traits: flags where they stand in octets 2 and 3, and in place of the subtype what has no flag. */
enum {
    ACK = 0x0001,   /* A: Data ACK present */
    ACK64 = 0x0002, /* a */
    MAP = 0x0004,   /* M: mapping present */
    DSN64 = 0x0008, /* m */
    ECHO = 0x0100,  /* E of ADD_ADDR */
    FLAG_BITS = 0x0fff,
    CSUM = 0x1000,
    PORT = 0x2000,
    V6 = 0x4000,
};

/* In which segments: conditions on TCP flags and PAYLOAD. */
enum {
    PAYLOAD = 0x100,
    ANYWHERE = 0,
    ON_SYN = IS(TCP_SYN) | NOT(TCP_ACK),
    ON_SYNACK = IS(TCP_SYN) | IS(TCP_ACK),
    NOT_SYN = NOT(TCP_SYN),
    ON_BARE = NOT(TCP_SYN) | NOT(PAYLOAD),
    ON_DATA = NOT(TCP_SYN) | IS(PAYLOAD),
    ON_RST = IS(TCP_RST),
};

enum field_kind {
    END,    /* of the list */
    FLAG,   /* one bit of the octet, for a bool */
    NIBBLE, /* the low half of the octet */
    DEC,    /* a number, printed as decimal */
    HEX,    /* a number, printed as hexadecimal */
    OCTETS, /* as they are */
    ADDR4,  /* an address of 4 octets */
    ADDR6,  /* of 16 */
    IDS,    /* a list of address ids up to the end of the option */
};

struct field {
    const char *name;
    enum field_kind kind;
    uint8_t pos;   /* first octet in the option */
    uint8_t width; /* octets; FLAG: the bit */
    uint8_t at;    /* place in struct mpopt */
    uint8_t size;  /* there */
};

struct form {
    enum mp_type type;
    struct condition where;
    uint8_t len;
    uint8_t more; /* octets that may follow `len` */
    struct condition traits;
    const struct field *fields;
};

struct option {
    const char *name;
    const struct form *forms; /* the last one has length 0 */
};

/* clang-format off */

#define CONDITION(c) {(c) & 0xffff, (c) >> 16}
#define FIELD(kind, name, pos, width, member) \
    {name, kind, pos, width, offsetof(struct mpopt, member), sizeof(((struct mpopt *)0)->member)}
#define FORM_VAR(type, where, len, more, traits, ...) \
    {type, CONDITION(where), len, more, CONDITION(traits), (const struct field[]){__VA_ARGS__, {0}}}
#define FORM(type, where, len, traits, ...) FORM_VAR(type, where, len, 0, traits, __VA_ARGS__)
#define FORMS(...) (const struct form[]){__VA_ARGS__, {0}}

#define VERSION      FIELD(NIBBLE, "version", 2, 1, mpc.version)
#define FLAGS        FIELD(HEX, "flags", 3, 1, mpc.flags)
#define SENDER_KEY   FIELD(HEX, "key", 4, 8, mpc.sender_key)
#define RECEIVER_KEY FIELD(HEX, "peer_key", 12, 8, mpc.receiver_key)
#define FIRST_LEN    FIELD(DEC, "len", 20, 2, mpc.len)
#define FIRST_CSUM   FIELD(HEX, "csum", 22, 2, mpc.csum)

#define JOIN_BACKUP  FIELD(FLAG, "backup", 2, 0x01, mpj.backup)
#define JOIN_ID      FIELD(DEC, "id", 3, 1, mpj.addr_id)

/* DATA_FIN means nothing without a mapping (there is no number to place it at), nor a without A, nor m without M. */
#define NO_ACK       NOT(ACK)
#define ACK_32       (IS(ACK) | NOT(ACK64))
#define ACK_64       (IS(ACK) | IS(ACK64))
#define NO_MAP       NOT(MAP)
#define MAP_32       (IS(MAP) | NOT(DSN64) | NOT(CSUM))
#define MAP_32_CSUM  (IS(MAP) | NOT(DSN64) | IS(CSUM))
#define MAP_64       (IS(MAP) | IS(DSN64) | NOT(CSUM))
#define MAP_64_CSUM  (IS(MAP) | IS(DSN64) | IS(CSUM))
#define DATA_ACK(w)  FIELD(HEX, "ack", 4, w, dss.ack)
#define MAPPING(p,w) FIELD(FLAG, "fin", 3, 0x10, dss.data_fin), FIELD(HEX, "dsn", p, w, dss.dsn), \
                     FIELD(DEC, "ssn", (p) + (w), 4, dss.ssn), FIELD(DEC, "len", (p) + (w) + 4, 2, dss.len)
#define DATA_CSUM(p) FIELD(HEX, "csum", p, 2, dss.csum)

#define ADDR_ID      FIELD(DEC, "id", 3, 1, add_addr.addr_id)
#define IPV4         FIELD(ADDR4, "addr", 4, 4, add_addr.addr)
#define IPV6         FIELD(ADDR6, "addr", 4, 16, add_addr.addr)
#define ADDR_PORT(p) FIELD(DEC, "port", p, 2, add_addr.port)
#define ADDR_HMAC(p) FIELD(HEX, "hmac", p, 8, add_addr.hmac)

/* By subtype. Within one, the forms that bulk data needs come first. */
static const struct option options[16] = {
    [0x0] = {"mp_capable", FORMS(
        FORM(MPC_DATA,   ON_DATA,   22, NOT(CSUM), VERSION, FLAGS, SENDER_KEY, RECEIVER_KEY, FIRST_LEN),
        FORM(MPC_DATA,   ON_DATA,   24, IS(CSUM),  VERSION, FLAGS, SENDER_KEY, RECEIVER_KEY, FIRST_LEN, FIRST_CSUM),
        FORM(MPC_ACK,    ON_BARE,   20, 0,         VERSION, FLAGS, SENDER_KEY, RECEIVER_KEY),
        FORM(MPC_SYNACK, ON_SYNACK, 12, 0,         VERSION, FLAGS, SENDER_KEY),
        FORM(MPC_SYN,    ON_SYN,     4, 0,         VERSION, FLAGS))},
    [0x1] = {"mp_join", FORMS(
        FORM(MPJ_SYN,    ON_SYN,    12, 0, JOIN_BACKUP, JOIN_ID, FIELD(HEX, "token", 4, 4, mpj.token),
                                                                 FIELD(HEX, "nonce", 8, 4, mpj.nonce)),
        FORM(MPJ_SYNACK, ON_SYNACK, 16, 0, JOIN_BACKUP, JOIN_ID, FIELD(HEX, "hmac", 4, 8, mpj.hmac64),
                                                                 FIELD(HEX, "nonce", 12, 4, mpj.nonce)),
        FORM(MPJ_ACK,    NOT_SYN,   24, 0, FIELD(OCTETS, "hmac", 4, 20, mpj.hmac160)))},
    [0x2] = {"dss", FORMS(
        FORM(MP_DSS, ANYWHERE, 26, ACK_64 | MAP_64,      DATA_ACK(8), MAPPING(12, 8)),
        FORM(MP_DSS, ANYWHERE, 28, ACK_64 | MAP_64_CSUM, DATA_ACK(8), MAPPING(12, 8), DATA_CSUM(26)),
        FORM(MP_DSS, ANYWHERE, 12, ACK_64 | NO_MAP,      DATA_ACK(8)),
        FORM(MP_DSS, ANYWHERE, 22, ACK_64 | MAP_32,      DATA_ACK(8), MAPPING(12, 4)),
        FORM(MP_DSS, ANYWHERE, 24, ACK_64 | MAP_32_CSUM, DATA_ACK(8), MAPPING(12, 4), DATA_CSUM(22)),
        FORM(MP_DSS, ANYWHERE, 22, ACK_32 | MAP_64,      DATA_ACK(4), MAPPING(8, 8)),
        FORM(MP_DSS, ANYWHERE, 24, ACK_32 | MAP_64_CSUM, DATA_ACK(4), MAPPING(8, 8), DATA_CSUM(22)),
        FORM(MP_DSS, ANYWHERE,  8, ACK_32 | NO_MAP,      DATA_ACK(4)),
        FORM(MP_DSS, ANYWHERE, 18, ACK_32 | MAP_32,      DATA_ACK(4), MAPPING(8, 4)),
        FORM(MP_DSS, ANYWHERE, 20, ACK_32 | MAP_32_CSUM, DATA_ACK(4), MAPPING(8, 4), DATA_CSUM(18)),
        FORM(MP_DSS, ANYWHERE, 18, NO_ACK | MAP_64,      MAPPING(4, 8)),
        FORM(MP_DSS, ANYWHERE, 20, NO_ACK | MAP_64_CSUM, MAPPING(4, 8), DATA_CSUM(18)),
        FORM(MP_DSS, ANYWHERE, 14, NO_ACK | MAP_32,      MAPPING(4, 4)),
        FORM(MP_DSS, ANYWHERE, 16, NO_ACK | MAP_32_CSUM, MAPPING(4, 4), DATA_CSUM(14)),
        FORM(MP_DSS, ANYWHERE,  4, NO_ACK | NO_MAP,      {0}))},
    [0x3] = {"add_addr", FORMS(
        FORM(MP_ADD_ADDR, ANYWHERE, 16, NOT(ECHO) | NOT(V6) | NOT(PORT), ADDR_ID, IPV4, ADDR_HMAC(8)),
        FORM(MP_ADD_ADDR, ANYWHERE, 18, NOT(ECHO) | NOT(V6) | IS(PORT),  ADDR_ID, IPV4, ADDR_PORT(8), ADDR_HMAC(10)),
        FORM(MP_ADD_ADDR, ANYWHERE,  8, IS(ECHO)  | NOT(V6) | NOT(PORT), ADDR_ID, IPV4),
        FORM(MP_ADD_ADDR, ANYWHERE, 10, IS(ECHO)  | NOT(V6) | IS(PORT),  ADDR_ID, IPV4, ADDR_PORT(8)),
        FORM(MP_ADD_ADDR, ANYWHERE, 28, NOT(ECHO) | IS(V6)  | NOT(PORT), ADDR_ID, IPV6, ADDR_HMAC(20)),
        FORM(MP_ADD_ADDR, ANYWHERE, 30, NOT(ECHO) | IS(V6)  | IS(PORT),  ADDR_ID, IPV6, ADDR_PORT(20), ADDR_HMAC(22)),
        FORM(MP_ADD_ADDR, ANYWHERE, 20, IS(ECHO)  | IS(V6)  | NOT(PORT), ADDR_ID, IPV6),
        FORM(MP_ADD_ADDR, ANYWHERE, 22, IS(ECHO)  | IS(V6)  | IS(PORT),  ADDR_ID, IPV6, ADDR_PORT(20)))},
    [0x4] = {"remove_addr", FORMS(
        FORM_VAR(MP_REMOVE_ADDR, ANYWHERE, 4, MP_REMOVE_IDS_MAX - 1, 0, FIELD(IDS, "ids", 3, 1, remove.ids)))},
    [0x5] = {"mp_prio", FORMS(
        FORM(MP_PRIO, ANYWHERE, 3, 0, FIELD(FLAG, "backup", 2, 0x01, prio.backup)))},
    [0x6] = {"mp_fail", FORMS(
        FORM(MP_FAIL, ANYWHERE, 12, 0, FIELD(HEX, "dsn", 4, 8, fail.dsn)))},
    [0x7] = {"mp_fastclose", FORMS(
        FORM(MP_FASTCLOSE, ANYWHERE, 12, 0, FIELD(HEX, "key", 4, 8, fastclose.key)))},
    [0x8] = {"mp_tcprst", FORMS(
        FORM(MP_TCPRST, ON_RST, 4, 0, FIELD(FLAG, "transient", 2, 0x01, rst.transient),
                                      FIELD(DEC, "reason", 3, 1, rst.reason)))},
};

/* The bools of struct mpopt that are traits; the name is for those that no field makes visible. */
static const struct trait {
    enum mp_type type;
    uint16_t bit;
    uint8_t at;
    const char *name;
} traits[] = {
    {MP_DSS, ACK, offsetof(struct mpopt, dss.has_ack), NULL},
    {MP_DSS, ACK64, offsetof(struct mpopt, dss.ack64), NULL},
    {MP_DSS, MAP, offsetof(struct mpopt, dss.has_map), NULL},
    {MP_DSS, DSN64, offsetof(struct mpopt, dss.dsn64), NULL},
    {MP_DSS, CSUM, offsetof(struct mpopt, dss.has_csum), NULL},
    {MPC_DATA, CSUM, offsetof(struct mpopt, mpc.has_csum), NULL},
    {MP_ADD_ADDR, ECHO, offsetof(struct mpopt, add_addr.echo), "echo"},
    {MP_ADD_ADDR, PORT, offsetof(struct mpopt, add_addr.has_port), NULL},
};
/* clang-format on */

enum { TRAITS = sizeof traits / sizeof traits[0] };

static bool holds(struct condition c, uint16_t bits) { return ((bits ^ c.value) & c.cares) == 0; }

/* ---- Values in struct mpopt -------------------------------------------------------------------------------------- */

static bool get_bool(const struct mpopt *opt, uint8_t at) {
    bool v;
    memcpy(&v, (const uint8_t *)opt + at, sizeof v);
    return v;
}

static void set_bool(struct mpopt *opt, uint8_t at, bool v) { memcpy((uint8_t *)opt + at, &v, sizeof v); }

static uint64_t get_number(const struct mpopt *opt, const struct field *f) {
    const uint8_t *p = (const uint8_t *)opt + f->at;
    uint64_t v64;
    uint32_t v32;
    uint16_t v16;
    switch (f->size) {
    case 8:
        memcpy(&v64, p, 8);
        return v64;
    case 4:
        memcpy(&v32, p, 4);
        return v32;
    case 2:
        memcpy(&v16, p, 2);
        return v16;
    default:
        assert(f->size == 1);
        return *p;
    }
}

static void set_number(struct mpopt *opt, const struct field *f, uint64_t v) {
    uint8_t *p = (uint8_t *)opt + f->at;
    uint32_t v32 = (uint32_t)v;
    uint16_t v16 = (uint16_t)v;
    switch (f->size) {
    case 8:
        memcpy(p, &v, 8);
        break;
    case 4:
        memcpy(p, &v32, 4);
        break;
    case 2:
        memcpy(p, &v16, 2);
        break;
    default:
        assert(f->size == 1);
        *p = (uint8_t)v;
    }
}

static uint16_t traits_of(const struct mpopt *opt) {
    uint16_t bits = opt->type == MP_ADD_ADDR && !addr_is_v4(&opt->add_addr.addr) ? V6 : 0;
    for (size_t i = 0; i < TRAITS; i++)
        if (traits[i].type == opt->type && get_bool(opt, traits[i].at))
            bits |= traits[i].bit;
    return bits;
}

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

static uint64_t load_be(const uint8_t *p, uint8_t width) {
    switch (width) {
    case 8:
        return load_be64(p);
    case 4:
        return load_be32(p);
    case 2:
        return load_be16(p);
    default:
        assert(width == 1);
        return *p;
    }
}

/* False when the octets cannot be a value of the field: an IPv4 address has a form of its own. */
static bool field_read(const struct field *f, const uint8_t *p, uint8_t len, struct mpopt *opt) {
    const uint8_t *src = p + f->pos;
    uint8_t *dst = (uint8_t *)opt + f->at;
    switch (f->kind) {
    case FLAG:
        set_bool(opt, f->at, *src & f->width);
        break;
    case NIBBLE:
        *dst = *src & 0x0f;
        break;
    case DEC:
    case HEX:
        set_number(opt, f, load_be(src, f->width));
        break;
    case OCTETS:
        memcpy(dst, src, f->width);
        break;
    case ADDR4:
        opt->add_addr.addr = addr_v4(load_be32(src));
        break;
    case ADDR6:
        memcpy(dst, src, f->width);
        return !addr_is_v4(&opt->add_addr.addr);
    case IDS:
        opt->remove.n = len - f->pos;
        memcpy(dst, src, opt->remove.n);
        break;
    case END:
        break;
    }
    return true;
}

static const struct form *form_on_wire(const struct form *f, uint8_t len, uint16_t flags, uint16_t segment) {
    for (; f->len; f++)
        if (len >= f->len && len - f->len <= f->more &&
            ((flags ^ f->traits.value) & f->traits.cares & FLAG_BITS) == 0 && holds(f->where, segment))
            return f;
    return NULL;
}

int mpopt_parse(const uint8_t *opt_bytes, uint8_t len, uint8_t tcp_flags, bool payload, struct mpopt *opt) {
    const uint8_t *p = opt_bytes;
    if (len < 3 || p[0] != MPOPT_KIND || p[1] != len)
        return -EINVAL;
    const struct option *option = &options[p[2] >> 4];
    if (!option->name)
        return -ENOENT;
    uint16_t flags = (uint16_t)(p[2] << 8 | (len > 3 ? p[3] : 0));
    uint16_t segment = (uint16_t)(tcp_flags | (payload ? PAYLOAD : 0));
    const struct form *form = form_on_wire(option->forms, len, flags, segment);
    if (!form)
        return -EINVAL;
    memset(opt, 0, sizeof *opt);
    opt->type = form->type;
    for (size_t i = 0; i < TRAITS; i++)
        if (traits[i].type == form->type)
            set_bool(opt, traits[i].at, form->traits.value & traits[i].bit);
    for (const struct field *f = form->fields; f->kind != END; f++)
        if (!field_read(f, p, len, opt))
            return -EINVAL;
    return 0;
}

/* ---- Writing ----------------------------------------------------------------------------------------------------- */

static void store_be(uint8_t *p, uint8_t width, uint64_t v) {
    switch (width) {
    case 8:
        store_be64(p, v);
        break;
    case 4:
        store_be32(p, (uint32_t)v);
        break;
    case 2:
        store_be16(p, (uint16_t)v);
        break;
    default:
        assert(width == 1);
        *p = (uint8_t)v;
    }
}

static void field_write(const struct field *f, const struct mpopt *opt, uint8_t *p) {
    const uint8_t *src = (const uint8_t *)opt + f->at;
    uint8_t *dst = p + f->pos;
    switch (f->kind) {
    case FLAG:
        *dst |= get_bool(opt, f->at) ? f->width : 0;
        break;
    case NIBBLE:
        *dst |= *src & 0x0f;
        break;
    case DEC:
    case HEX:
        store_be(dst, f->width, get_number(opt, f));
        break;
    case ADDR4:
        store_be32(dst, addr_to_v4(&opt->add_addr.addr));
        break;
    case OCTETS:
    case ADDR6:
        memcpy(dst, src, f->width);
        break;
    case IDS:
        memcpy(dst, src, opt->remove.n);
        break;
    case END:
        break;
    }
}

/* The form for a value, and its subtype. There is one for every value that the parser can give. */
static const struct form *form_of(const struct mpopt *opt, uint8_t *subtype) {
    uint16_t bits = traits_of(opt);
    for (uint8_t s = 0; s < 16 && options[s].name; s++)
        for (const struct form *f = options[s].forms; f->len; f++)
            if (f->type == opt->type && holds(f->traits, bits)) {
                *subtype = s;
                return f;
            }
    return NULL;
}

void mpopt_build(struct writer *w, const struct mpopt *opt) {
    uint8_t subtype = 0, p[TCP_OPTIONS_MAX] = {0};
    const struct form *form = form_of(opt, &subtype);
    assert(form);
    size_t len = form->len;
    if (form->more) {
        assert(opt->remove.n > 0 && opt->remove.n <= MP_REMOVE_IDS_MAX);
        len += opt->remove.n - 1u;
    }
    p[0] = MPOPT_KIND;
    p[1] = (uint8_t)len;
    p[2] = (uint8_t)(subtype << 4 | (form->traits.value & FLAG_BITS) >> 8);
    p[3] = form->traits.value & 0xff;
    for (const struct field *f = form->fields; f->kind != END; f++)
        field_write(f, opt, p);
    put_bytes(w, p, len);
}

uint8_t mpopt_len(const struct mpopt *opt) {
    struct writer w = writer_counting();
    mpopt_build(&w, opt);
    return (uint8_t)w.len;
}

/* ---- Printing ---------------------------------------------------------------------------------------------------- */

struct text {
    char *chars;
    size_t len, size;
};

static void append(struct text *t, const char *s) {
    for (; *s && t->len + 1 < t->size; s++)
        t->chars[t->len++] = *s;
    t->chars[t->len] = '\0';
}

static void append_octets(struct text *t, const uint8_t *p, size_t n) {
    char hex[3];
    for (size_t i = 0; i < n; i++) {
        snprintf(hex, sizeof hex, "%02x", p[i]);
        append(t, hex);
    }
}

static void append_number(struct text *t, uint64_t v) {
    char decimal[24];
    snprintf(decimal, sizeof decimal, "%llu", (unsigned long long)v);
    append(t, decimal);
}

static void append_word(struct text *t, const char *word) {
    append(t, " ");
    append(t, word);
}

static void field_print(const struct field *f, const struct mpopt *opt, struct text *t) {
    const uint8_t *src = (const uint8_t *)opt + f->at;
    uint8_t octets[8];
    char addr[UMPTCP_ADDRSTRLEN];
    if (f->kind == FLAG) {
        if (get_bool(opt, f->at))
            append_word(t, f->name);
        return;
    }
    append_word(t, f->name);
    append(t, " ");
    switch (f->kind) {
    case NIBBLE:
    case DEC:
        append_number(t, get_number(opt, f));
        break;
    case HEX:
        store_be(octets, f->width, get_number(opt, f));
        append(t, "0x");
        append_octets(t, octets, f->width);
        break;
    case OCTETS:
        append_octets(t, src, f->width);
        break;
    case ADDR4:
    case ADDR6:
        append(t, umptcp_addr_format(&opt->add_addr.addr, addr));
        break;
    case IDS:
        for (uint8_t i = 0; i < opt->remove.n; i++) {
            append(t, i ? " " : "");
            append_number(t, opt->remove.ids[i]);
        }
        break;
    case FLAG: /* printed above */
    case END:
        break;
    }
}

const char *mpopt_format(const struct mpopt *opt, char *text, size_t size) {
    assert(size > 0);
    struct text t = {text, 0, size};
    uint8_t subtype = 0;
    const struct form *form = form_of(opt, &subtype);
    assert(form);
    append(&t, options[subtype].name);
    for (size_t i = 0; i < TRAITS; i++)
        if (traits[i].type == opt->type && traits[i].name && get_bool(opt, traits[i].at))
            append_word(&t, traits[i].name);
    for (const struct field *f = form->fields; f->kind != END; f++)
        field_print(f, opt, &t);
    return text;
}

/* ---- Lists ------------------------------------------------------------------------------------------------------- */

const struct mpopt *mpopts_find(const struct mpopts *opts, enum mp_type type) {
    for (uint8_t i = 0; i < opts->n; i++)
        if (opts->opt[i].type == type)
            return &opts->opt[i];
    return NULL;
}

struct mpopt *mpopts_add(struct mpopts *opts, enum mp_type type) {
    if (opts->n == MPOPTS_MAX)
        return NULL;
    struct mpopt *opt = &opts->opt[opts->n++];
    memset(opt, 0, sizeof *opt);
    opt->type = type;
    return opt;
}
