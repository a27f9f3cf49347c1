/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The formats: pcap (draft-ietf-opsawg-pcap) and pcapng (draft-ietf-opsawg-pcapng), whose numbers are in the byte order
 * of the writer; and the headers of link layers before the IP packet, which are in network order.
 *
 * A file that ends within a packet is one whose writer was stopped: what came before counts. All else that is wrong
 * ends the reading.
 */
#include "tools/pkt_capture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"

enum {
    PCAP_USEC = 0xa1b2c3d4u,
    PCAP_NSEC = 0xa1b23c4du,
    PCAP_HDR_LEN = 24,
    PACKET_LEN_MAX = 1 << 26, /* far more than any link carries: such a length is no length */
    LINK_TYPE = 0xffff,       /* the rest of the field is about the frame check sequence */
};

enum block_type { BLOCK_SECTION = 0x0a0d0d0a, BLOCK_INTERFACE = 1, BLOCK_SIMPLE = 3, BLOCK_PACKET = 6 };
enum { BLOCK_MIN = 12, BYTE_ORDER_MAGIC = 0x1a2b3c4d, OPT_END = 0, IF_TSRESOL = 9, EPB_FLAGS = 2 };
enum { INTERFACES_MAX = 1 << 16 };

enum link_type {
    LINK_NULL = 0,
    LINK_ETHERNET = 1,
    LINK_RAW_BSD = 12,
    LINK_RAW = 101,
    LINK_LOOP = 108,
    LINK_SLL = 113,
    LINK_IPV4 = 228,
    LINK_IPV6 = 229,
    LINK_SLL2 = 276,
};

struct interface {
    uint16_t link;
    uint32_t snaplen;
    uint8_t tsresol;
};

struct reading {
    struct capture *c;
    struct reader r;
    bool little;
    struct interface *interfaces;
    uint32_t ninterfaces, interfaces_cap;
    char *error;
    size_t size;
};

static int wrong(const struct reading *g, const char *what) {
    snprintf(g->error, g->size, "%s (at packet %u)", what, g->c->number + 1);
    return -EINVAL;
}

/* A number in the byte order of the writer. */
static uint32_t get(const struct reading *g, struct reader *r, size_t n) {
    uint32_t v = (uint32_t)get_be(r, n);
    if (!g->little)
        return v;
    uint32_t swapped = 0;
    for (size_t i = 0; i < n; i++, v >>= 8)
        swapped = swapped << 8 | (v & 0xff);
    return swapped;
}

/* ---- Link layers ------------------------------------------------------------------------------------------------- */

enum { ETHER_IPV4 = 0x0800, ETHER_IPV6 = 0x86dd, ETHER_VLAN = 0x8100, ETHER_QINQ = 0x88a8, ETHER_QINQ_OLD = 0x9100 };
enum { SLL_TO_US = 0, SLL_OUTGOING = 4 }; /* kinds of packets */

static bool skip_vlans(struct reader *r, uint16_t type) {
    while (!r->bad && (type == ETHER_VLAN || type == ETHER_QINQ || type == ETHER_QINQ_OLD)) {
        get_u16(r); /* the tag */
        type = get_u16(r);
    }
    return type == ETHER_IPV4 || type == ETHER_IPV6;
}

static enum capture_direction sll_direction(unsigned kind) {
    return kind == SLL_OUTGOING ? CAPTURE_OUT : kind == SLL_TO_US ? CAPTURE_IN : CAPTURE_UNMARKED;
}

/* Takes the link layer's header off. False when no IP packet is behind it. */
static bool skip_link(uint16_t link, struct reader *r, enum capture_direction *direction) {
    uint16_t type;
    switch (link) {
    case LINK_RAW:
    case LINK_RAW_BSD:
    case LINK_IPV4:
    case LINK_IPV6:
        break;
    case LINK_NULL: /* a family whose number depends on the system */
    case LINK_LOOP:
        get_u32(r);
        break;
    case LINK_ETHERNET:
        get_bytes(r, 12);
        type = get_u16(r);
        if (!skip_vlans(r, type))
            return false;
        break;
    case LINK_SLL:
        *direction = sll_direction(get_u16(r));
        get_bytes(r, 12);
        type = get_u16(r);
        if (!skip_vlans(r, type))
            return false;
        break;
    case LINK_SLL2:
        type = get_u16(r);
        get_bytes(r, 8);
        *direction = sll_direction(get_u8(r));
        get_bytes(r, 9);
        if (!skip_vlans(r, type))
            return false;
        break;
    default:
        return false;
    }
    return !r->bad && reader_left(r) && (r->p[0] >> 4 == 4 || r->p[0] >> 4 == 6);
}

static bool link_known(uint16_t link) {
    static const uint16_t known[] = {LINK_NULL, LINK_ETHERNET, LINK_RAW_BSD, LINK_RAW, LINK_LOOP,
                                     LINK_SLL,  LINK_IPV4,     LINK_IPV6,    LINK_SLL2};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i] == link)
            return true;
    return false;
}

static int check_link(const struct reading *g, uint16_t link) {
    if (link_known(link))
        return 0;
    snprintf(g->error, g->size,
             "link type %u is not known here: it may be raw IP (101, 12), Ethernet (1), Linux cooked (113, 276) or "
             "loopback (0, 108)",
             link);
    return -EINVAL;
}

/* ---- Packets ----------------------------------------------------------------------------------------------------- */

static int add_packet(const struct reading *g, uint16_t link, const uint8_t *data, uint32_t len, uint32_t wire_len,
                      uint64_t ns, enum capture_direction direction) {
    struct capture *c = g->c;
    c->number++;
    struct reader r = reader_of(data, len);
    if (!skip_link(link, &r, &direction))
        return 0;
    if (c->n == c->cap) {
        uint32_t cap = c->cap ? 2 * c->cap : 256;
        struct capture_packet *packets = cap > c->cap ? realloc(c->packets, cap * sizeof *packets) : NULL;
        if (!packets) {
            snprintf(g->error, g->size, "out of memory");
            return -ENOMEM;
        }
        c->packets = packets;
        c->cap = cap;
    }
    uint32_t header = len - (uint32_t)reader_left(&r);
    c->packets[c->n++] = (struct capture_packet){
        .number = c->number,
        .ns = ns,
        .data = r.p,
        .len = len - header,
        .wire_len = wire_len > len ? wire_len - header : len - header,
        .direction = direction,
    };
    return 0;
}

/* ---- pcap -------------------------------------------------------------------------------------------------------- */

static int read_pcap(struct reading *g, bool nsec) {
    if (reader_left(&g->r) < PCAP_HDR_LEN)
        return wrong(g, "the file ends within the header of a pcap file");
    get_bytes(&g->r, 20); /* magic, version, time zone, accuracy, snapshot length */
    uint16_t link = (uint16_t)(get(g, &g->r, 4) & LINK_TYPE);
    int err = check_link(g, link);
    while (!err && reader_left(&g->r)) {
        uint64_t seconds = get(g, &g->r, 4), fraction = get(g, &g->r, 4);
        uint32_t len = get(g, &g->r, 4), wire_len = get(g, &g->r, 4);
        if (!g->r.bad && len > PACKET_LEN_MAX)
            return wrong(g, "a length that no packet has: the file is damaged");
        const uint8_t *data = get_bytes(&g->r, len);
        if (!data) {
            g->c->cut = true;
            return 0;
        }
        err = add_packet(g, link, data, len, wire_len, seconds * 1000000000u + fraction * (nsec ? 1 : 1000),
                         CAPTURE_UNMARKED);
    }
    return err;
}

/* ---- pcapng ------------------------------------------------------------------------------------------------------ */

/* The next option's code and value; OPT_END at the end. */
static uint16_t get_option(const struct reading *g, struct reader *r, struct reader *value) {
    if (reader_left(r) < 4)
        return OPT_END;
    uint16_t code = (uint16_t)get(g, r, 2), len = (uint16_t)get(g, r, 2);
    const uint8_t *p = get_bytes(r, len);
    if (!p)
        return OPT_END;
    get_bytes(r, (4u - len % 4u) % 4u);
    *value = reader_of(p, len);
    return code;
}

/* Units since an epoch, of the length that if_tsresol says, as nanoseconds. */
static uint64_t nanoseconds(uint64_t units, uint8_t tsresol) {
    unsigned n = tsresol & 0x7f;
    if (!(tsresol & 0x80)) {
        for (; n < 9; n++)
            units *= 10;
        for (; n > 9 && units; n--)
            units /= 10;
        return units;
    }
    if (n > 63)
        return 0;
    uint64_t seconds = units >> n, rest = units - (seconds << n);
    if (n > 32) { /* the product below has 64 bits */
        rest >>= n - 32;
        n = 32;
    }
    return seconds * 1000000000u + (rest * 1000000000u >> n);
}

static int read_section(struct reading *g, struct reader *body) {
    uint16_t major;
    g->ninterfaces = 0;
    get_bytes(body, 4); /* the byte order was read before */
    major = (uint16_t)get(g, body, 2);
    return body->bad    ? wrong(g, "a section header that is cut off")
           : major != 1 ? wrong(g, "a version of pcapng that is not 1")
                        : 0;
}

static int read_interface(struct reading *g, struct reader *body) {
    struct interface i = {.tsresol = 6};
    i.link = (uint16_t)get(g, body, 2);
    get_bytes(body, 2);
    i.snaplen = get(g, body, 4);
    if (body->bad)
        return wrong(g, "an interface description that is cut off");
    struct reader value;
    for (uint16_t code; (code = get_option(g, body, &value)) != OPT_END;)
        if (code == IF_TSRESOL && reader_left(&value))
            i.tsresol = get_u8(&value);
    if (g->ninterfaces == INTERFACES_MAX)
        return wrong(g, "too many interfaces");
    if (g->ninterfaces == g->interfaces_cap) {
        uint32_t cap = g->interfaces_cap ? 2 * g->interfaces_cap : 8;
        struct interface *interfaces = realloc(g->interfaces, cap * sizeof *interfaces);
        if (!interfaces) {
            snprintf(g->error, g->size, "out of memory");
            return -ENOMEM;
        }
        g->interfaces = interfaces;
        g->interfaces_cap = cap;
    }
    g->interfaces[g->ninterfaces++] = i;
    return 0;
}

static int read_packet(struct reading *g, struct reader *body) {
    uint32_t id = get(g, body, 4);
    uint64_t units = (uint64_t)get(g, body, 4) << 32;
    units |= get(g, body, 4);
    uint32_t len = get(g, body, 4), wire_len = get(g, body, 4);
    const uint8_t *data = get_bytes(body, len);
    if (!data)
        return wrong(g, "a packet that is longer than its block");
    if (id >= g->ninterfaces)
        return wrong(g, "a packet of an interface that is not described");
    const struct interface *i = &g->interfaces[id];
    int err = check_link(g, i->link);
    if (err)
        return err;
    get_bytes(body, (4u - len % 4u) % 4u);
    enum capture_direction direction = CAPTURE_UNMARKED;
    struct reader value;
    for (uint16_t code; (code = get_option(g, body, &value)) != OPT_END;) {
        uint32_t flags = code == EPB_FLAGS ? get(g, &value, 4) & 3 : 0;
        if (code == EPB_FLAGS && !value.bad)
            direction = flags == 1 ? CAPTURE_IN : flags == 2 ? CAPTURE_OUT : CAPTURE_UNMARKED;
    }
    return add_packet(g, i->link, data, len, wire_len, nanoseconds(units, i->tsresol), direction);
}

/* It has no time: it gets that of the packet before. */
static int read_simple(const struct reading *g, struct reader *body) {
    uint32_t wire_len = get(g, body, 4);
    if (body->bad)
        return wrong(g, "a packet that is longer than its block");
    if (!g->ninterfaces)
        return wrong(g, "a packet of an interface that is not described");
    const struct interface *i = &g->interfaces[0];
    int err = check_link(g, i->link);
    if (err)
        return err;
    uint32_t len = (uint32_t)reader_left(body); /* padding included */
    if (len > wire_len)
        len = wire_len;
    if (i->snaplen && len > i->snaplen)
        len = i->snaplen;
    uint64_t ns = g->c->n ? g->c->packets[g->c->n - 1].ns : 0;
    return add_packet(g, i->link, get_bytes(body, len), len, wire_len, ns, CAPTURE_UNMARKED);
}

/* The byte order of the section that starts here. */
static int learn_order(struct reading *g) {
    struct reader peek = g->r;
    get_bytes(&peek, 8);
    uint32_t magic = get_u32(&peek);
    if (peek.bad || (magic != BYTE_ORDER_MAGIC && magic != 0x4d3c2b1a))
        return wrong(g, "a section header without a byte order");
    g->little = magic != BYTE_ORDER_MAGIC;
    return 0;
}

static int read_blocks(struct reading *g) {
    int err = 0;
    while (!err && reader_left(&g->r)) {
        if (reader_left(&g->r) < BLOCK_MIN) {
            g->c->cut = true;
            return 0;
        }
        struct reader peek = g->r;
        if (get_u32(&peek) == BLOCK_SECTION && (err = learn_order(g)))
            return err;
        uint32_t type = get(g, &g->r, 4), len = get(g, &g->r, 4);
        if (len < BLOCK_MIN || len % 4)
            return wrong(g, "a block of a length that no block has: the file is damaged");
        const uint8_t *p = get_bytes(&g->r, len - BLOCK_MIN);
        uint32_t again = get(g, &g->r, 4);
        if (g->r.bad) {
            g->c->cut = true;
            return 0;
        }
        if (again != len)
            return wrong(g, "a block whose two lengths differ: the file is damaged");
        struct reader body = reader_of(p, len - BLOCK_MIN);
        err = type == BLOCK_SECTION     ? read_section(g, &body)
              : type == BLOCK_INTERFACE ? read_interface(g, &body)
              : type == BLOCK_PACKET    ? read_packet(g, &body)
              : type == BLOCK_SIMPLE    ? read_simple(g, &body)
                                        : 0;
    }
    return err;
}

/* ---- Files ------------------------------------------------------------------------------------------------------- */

int capture_read(struct capture *c, uint8_t *file, size_t len, char *error, size_t size) {
    *c = (struct capture){.file = file};
    error[0] = '\0';
    struct reading g = {.c = c, .r = reader_of(file, len), .error = error, .size = size};
    struct reader peek = g.r;
    uint32_t magic = get_u32(&peek);
    struct reader again = g.r;
    g.little = true;
    uint32_t swapped = get(&g, &again, 4);
    g.little = swapped == PCAP_USEC || swapped == PCAP_NSEC;
    int err;
    if (peek.bad)
        err = wrong(&g, "the file is too short for a capture");
    else if (magic == BLOCK_SECTION)
        err = read_blocks(&g);
    else if (g.little || magic == PCAP_USEC || magic == PCAP_NSEC)
        err = read_pcap(&g, magic == PCAP_NSEC || swapped == PCAP_NSEC);
    else
        err = -EINVAL;
    if (err == -EINVAL && !error[0])
        snprintf(error, size, "neither a pcap nor a pcapng file");
    free(g.interfaces);
    return err;
}

static int read_all(FILE *f, uint8_t **file, size_t *len) {
    size_t cap = 0, n;
    *file = NULL;
    *len = 0;
    do {
        if (*len == cap) {
            cap = cap ? 2 * cap : 1 << 16;
            uint8_t *larger = realloc(*file, cap);
            if (!larger)
                return -ENOMEM;
            *file = larger;
        }
        n = fread(*file + *len, 1, cap - *len, f);
        *len += n;
    } while (n);
    return ferror(f) ? -EIO : 0;
}

int capture_open(struct capture *c, const char *path, char *error, size_t size) {
    *c = (struct capture){0};
    bool standard = strcmp(path, "-") == 0;
    FILE *f = standard ? stdin : fopen(path, "rb");
    if (!f) {
        int err = -errno;
        snprintf(error, size, "%s", strerror(-err));
        return err;
    }
    uint8_t *file;
    size_t len;
    int err = read_all(f, &file, &len);
    if (!standard)
        (void)fclose(f);
    if (err) {
        free(file);
        snprintf(error, size, "%s", err == -EIO ? "it cannot be read" : "out of memory");
        return err;
    }
    return capture_read(c, file, len, error, size);
}

void capture_free(struct capture *c) {
    free(c->file);
    free(c->packets);
    *c = (struct capture){0};
}
