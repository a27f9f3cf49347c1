/* SPDX-License-Identifier: BSD-3-Clause */
/* Code blocks: what the socket says of itself, as Python assignments. */
#include "script/code.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "script/code_internal.h"

/* Linux's numbers, which the C library's headers need not know. */
enum {
    OPT_TCP_INFO = 11,
    OPT_TCP_CC_INFO = 26,
    OPT_SO_MEMINFO = 55,
    LEVEL_MPTCP = 284,
    OPT_MPTCP_INFO = 1,
    INFO_MAX = 1024 /* room for structures that grew */
};

/*
 * A number within a structure of the kernel's interface, in host byte order; `bits` not 0: that many of it from bit
 * `shift` on. The structures grow at their end from one kernel to the next, so a field that lies behind the length that
 * came is not there.
 */
struct field {
    const char *name;
    uint16_t offset;
    uint8_t width, shift, bits;
};

static const struct field tcp_info[] = {
    {"tcpi_state", 0, 1, 0, 0},
    {"tcpi_ca_state", 1, 1, 0, 0},
    {"tcpi_retransmits", 2, 1, 0, 0},
    {"tcpi_probes", 3, 1, 0, 0},
    {"tcpi_backoff", 4, 1, 0, 0},
    {"tcpi_options", 5, 1, 0, 0},
    {"tcpi_rto", 8, 4, 0, 0},
    {"tcpi_ato", 12, 4, 0, 0},
    {"tcpi_snd_mss", 16, 4, 0, 0},
    {"tcpi_rcv_mss", 20, 4, 0, 0},
    {"tcpi_unacked", 24, 4, 0, 0},
    {"tcpi_sacked", 28, 4, 0, 0},
    {"tcpi_lost", 32, 4, 0, 0},
    {"tcpi_retrans", 36, 4, 0, 0},
    {"tcpi_fackets", 40, 4, 0, 0},
    {"tcpi_last_data_sent", 44, 4, 0, 0},
    {"tcpi_last_ack_sent", 48, 4, 0, 0},
    {"tcpi_last_data_recv", 52, 4, 0, 0},
    {"tcpi_last_ack_recv", 56, 4, 0, 0},
    {"tcpi_pmtu", 60, 4, 0, 0},
    {"tcpi_rcv_ssthresh", 64, 4, 0, 0},
    {"tcpi_rtt", 68, 4, 0, 0},
    {"tcpi_rttvar", 72, 4, 0, 0},
    {"tcpi_snd_ssthresh", 76, 4, 0, 0},
    {"tcpi_snd_cwnd", 80, 4, 0, 0},
    {"tcpi_advmss", 84, 4, 0, 0},
    {"tcpi_reordering", 88, 4, 0, 0},
    {"tcpi_rcv_rtt", 92, 4, 0, 0},
    {"tcpi_rcv_space", 96, 4, 0, 0},
    {"tcpi_total_retrans", 100, 4, 0, 0},
    {"tcpi_pacing_rate", 104, 8, 0, 0},
    {"tcpi_max_pacing_rate", 112, 8, 0, 0},
    {"tcpi_bytes_acked", 120, 8, 0, 0},
    {"tcpi_bytes_received", 128, 8, 0, 0},
    {"tcpi_segs_out", 136, 4, 0, 0},
    {"tcpi_segs_in", 140, 4, 0, 0},
    {"tcpi_notsent_bytes", 144, 4, 0, 0},
    {"tcpi_min_rtt", 148, 4, 0, 0},
    {"tcpi_data_segs_in", 152, 4, 0, 0},
    {"tcpi_data_segs_out", 156, 4, 0, 0},
    {"tcpi_delivery_rate", 160, 8, 0, 0},
    {"tcpi_busy_time", 168, 8, 0, 0},
    {"tcpi_rwnd_limited", 176, 8, 0, 0},
    {"tcpi_sndbuf_limited", 184, 8, 0, 0},
    {"tcpi_delivered", 192, 4, 0, 0},
    {"tcpi_delivered_ce", 196, 4, 0, 0},
    {"tcpi_bytes_sent", 200, 8, 0, 0},
    {"tcpi_bytes_retrans", 208, 8, 0, 0},
    {"tcpi_dsack_dups", 216, 4, 0, 0},
    {"tcpi_reord_seen", 220, 4, 0, 0},
    {"tcpi_rcv_ooopack", 224, 4, 0, 0},
    {"tcpi_snd_wnd", 228, 4, 0, 0},
    {"tcpi_rcv_wnd", 232, 4, 0, 0},
    {"tcpi_rehash", 236, 4, 0, 0},
    {"tcpi_total_rto", 240, 2, 0, 0},
    {"tcpi_total_rto_recoveries", 242, 2, 0, 0},
    {"tcpi_total_rto_time", 244, 4, 0, 0},
    {"tcpi_received_ce", 248, 4, 0, 0},
    {"tcpi_delivered_e1_bytes", 252, 4, 0, 0},
    {"tcpi_delivered_e0_bytes", 256, 4, 0, 0},
    {"tcpi_delivered_ce_bytes", 260, 4, 0, 0},
    {"tcpi_received_e1_bytes", 264, 4, 0, 0},
    {"tcpi_received_e0_bytes", 268, 4, 0, 0},
    {"tcpi_received_ce_bytes", 272, 4, 0, 0},
    {"tcpi_snd_wscale", 6, 1, 0, 4},
    {"tcpi_rcv_wscale", 6, 1, 4, 4},
    {"tcpi_delivery_rate_app_limited", 7, 1, 0, 1},
    {"tcpi_fastopen_client_fail", 7, 1, 1, 2},
};

static const struct field mptcp_info[] = {
    {"mptcpi_subflows", 0, 1, 0, 0},
    {"mptcpi_add_addr_signal", 1, 1, 0, 0},
    {"mptcpi_add_addr_accepted", 2, 1, 0, 0},
    {"mptcpi_subflows_max", 3, 1, 0, 0},
    {"mptcpi_add_addr_signal_max", 4, 1, 0, 0},
    {"mptcpi_add_addr_accepted_max", 5, 1, 0, 0},
    {"mptcpi_flags", 8, 4, 0, 0},
    {"mptcpi_token", 12, 4, 0, 0},
    {"mptcpi_write_seq", 16, 8, 0, 0},
    {"mptcpi_snd_una", 24, 8, 0, 0},
    {"mptcpi_rcv_nxt", 32, 8, 0, 0},
    {"mptcpi_local_addr_used", 40, 1, 0, 0},
    {"mptcpi_local_addr_max", 41, 1, 0, 0},
    {"mptcpi_csum_enabled", 42, 1, 0, 0},
    {"mptcpi_retransmits", 44, 4, 0, 0},
    {"mptcpi_bytes_retrans", 48, 8, 0, 0},
    {"mptcpi_bytes_sent", 56, 8, 0, 0},
    {"mptcpi_bytes_received", 64, 8, 0, 0},
    {"mptcpi_bytes_acked", 72, 8, 0, 0},
    {"mptcpi_subflows_total", 80, 1, 0, 0},
    {"mptcpi_endp_laminar_max", 81, 1, 0, 0},
    {"mptcpi_endp_fullmesh_max", 82, 1, 0, 0},
    {"mptcpi_last_data_sent", 84, 4, 0, 0},
    {"mptcpi_last_data_recv", 88, 4, 0, 0},
    {"mptcpi_last_ack_recv", 92, 4, 0, 0},
};

/* The end of struct tcp_info, by the kernel that it comes from. */
static const struct field accecn_old[] = {
    {"tcpi_accecn_fail_mode", 276, 2, 0, 0},
    {"tcpi_accecn_opt_seen", 278, 2, 0, 0},
};
static const struct field accecn_new[] = {
    {"tcpi_ecn_mode", 276, 4, 0, 2},
    {"tcpi_accecn_opt_seen", 276, 4, 2, 2},
    {"tcpi_accecn_fail_mode", 276, 4, 4, 4},
    {"tcpi_options2", 276, 4, 8, 24},
};

/* The answer does not say which algorithm it is of, so each of them has its names. */
static const struct field cc_info[] = {
    {"bbr_bw_lo", 0, 4, 0, 0},        {"bbr_bw_hi", 4, 4, 0, 0},      {"bbr_min_rtt", 8, 4, 0, 0},
    {"bbr_pacing_gain", 12, 4, 0, 0}, {"bbr_cwnd_gain", 16, 4, 0, 0}, {"bbr_bw", 0, 8, 0, 0},
    {"dctcp_enabled", 0, 2, 0, 0},    {"dctcp_ce_state", 2, 2, 0, 0}, {"dctcp_alpha", 4, 4, 0, 0},
    {"dctcp_ab_ecn", 8, 4, 0, 0},     {"dctcp_ab_tot", 12, 4, 0, 0},  {"tcpv_enabled", 0, 4, 0, 0},
    {"tcpv_rttcnt", 4, 4, 0, 0},      {"tcp_rtt", 8, 4, 0, 0},        {"tcp_minrtt", 12, 4, 0, 0},
};

static const struct field meminfo[] = {
    {"SK_MEMINFO_RMEM_ALLOC", 0, 4, 0, 0}, {"SK_MEMINFO_RCVBUF", 4, 4, 0, 0},
    {"SK_MEMINFO_WMEM_ALLOC", 8, 4, 0, 0}, {"SK_MEMINFO_SNDBUF", 12, 4, 0, 0},
    {"SK_MEMINFO_FWD_ALLOC", 16, 4, 0, 0}, {"SK_MEMINFO_WMEM_QUEUED", 20, 4, 0, 0},
    {"SK_MEMINFO_OPTMEM", 24, 4, 0, 0},    {"SK_MEMINFO_BACKLOG", 28, 4, 0, 0},
    {"SK_MEMINFO_DROPS", 32, 4, 0, 0},
};

static uint64_t field_value(const struct field *f, const uint8_t *from) {
    uint16_t u16;
    uint32_t u32;
    uint64_t v = *from;
    switch (f->width) {
    case 2:
        memcpy(&u16, from, sizeof u16);
        v = u16;
        break;
    case 4:
        memcpy(&u32, from, sizeof u32);
        v = u32;
        break;
    case 8:
        memcpy(&v, from, sizeof v);
        break;
    default:
        break;
    }
    return f->bits ? v >> f->shift & ((UINT64_C(1) << f->bits) - 1) : v;
}

/* What getsockopt() gave. */
struct info {
    _Alignas(uint64_t) uint8_t bytes[INFO_MAX];
    socklen_t len;
};

static int info_read(struct info *info, const struct posix *posix, int fd, int level, int name) {
    memset(info, 0, sizeof *info);
    info->len = sizeof info->bytes;
    if (posix->getsockopt(posix->ctx, fd, level, name, info->bytes, &info->len) < 0) {
        info->len = 0;
        return -errno;
    }
    if (info->len > sizeof info->bytes)
        info->len = sizeof info->bytes;
    return 0;
}

static void assign(struct text *t, const struct info *info, const struct field *fields, size_t n) {
    for (const struct field *f = fields; f < fields + n; f++)
        if ((socklen_t)f->offset + f->width <= info->len)
            text_add(t, "%s = %llu\n", f->name, (unsigned long long)field_value(f, info->bytes + f->offset));
}

#define ASSIGN(t, info, fields) assign(t, info, fields, sizeof(fields) / sizeof *(fields))

/* The last four bytes changed their meaning with Linux 7.0, not their length. */
static bool kernel_before_7(void) {
    struct utsname u;
    return uname(&u) == 0 && strcmp(u.sysname, "Linux") == 0 && strtoul(u.release, NULL, 10) < 7;
}

static void assign_tcp(struct text *t, const struct info *info) {
    ASSIGN(t, info, tcp_info);
    if (kernel_before_7())
        ASSIGN(t, info, accecn_old);
    else
        ASSIGN(t, info, accecn_new);
}

static void append(struct code *code, struct code_block *block) {
    struct code_block **end = &code->blocks;
    while (*end)
        end = &(*end)->next;
    *end = block;
}

int code_collect(struct code *code, struct arena *arena, const struct event *event, const struct posix *posix, int fd,
                 bool mptcp, char *error, size_t size) {
    if (fd < 0) {
        snprintf(error, size, "a code block needs a connection that has a descriptor (accept() it before)");
        return -EINVAL;
    }
    struct info info;
    int err = info_read(&info, posix, fd, IPPROTO_TCP, OPT_TCP_INFO);
    if (err) {
        snprintf(error, size, "TCP_INFO of the socket cannot be read: %s", strerror(-err));
        return -EINVAL;
    }
    struct text values = {NULL, 0, 0};
    assign_tcp(&values, &info);
    /* These three a stack may do without: a block that names them says so. */
    if (info_read(&info, posix, fd, IPPROTO_TCP, OPT_TCP_CC_INFO) == 0)
        ASSIGN(&values, &info, cc_info);
    if (info_read(&info, posix, fd, SOL_SOCKET, OPT_SO_MEMINFO) == 0)
        ASSIGN(&values, &info, meminfo);
    if (mptcp && info_read(&info, posix, fd, LEVEL_MPTCP, OPT_MPTCP_INFO) == 0)
        ASSIGN(&values, &info, mptcp_info);

    struct code_block *block = arena_alloc(arena, sizeof *block);
    block->event = event;
    block->values = arena_text(arena, text_of(&values), values.len);
    text_free(&values);
    append(code, block);
    return 0;
}
