/* SPDX-License-Identifier: BSD-3-Clause */
/* One table of the sysctls: what they set, or why they change nothing. */
#include "script/engine_sysctls.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum sysctl_class {
    SWITCH,  /* bool */
    COUNT,   /* uint8_t */
    SIZE,    /* uint16_t */
    NUMBER,  /* uint32_t */
    TIME,    /* uint64_t nanoseconds, given in `unit` */
    RMEM,    /* "min default max" */
    WMEM,    /* the same */
    PORTS,   /* "first last" */
    BITS,    /* uint32_t */
    KEYS,    /* "a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4", perhaps a comma and another one */
    NAME,    /* const char *: one of the names below */
    PM_TYPE, /* the path manager's name, by its number */
    REMARK,  /* accepted; `remark` says why it changes nothing. The name may end with a star */
};

static const struct row {
    const char *name;
    enum sysctl_class class;
    size_t offset;
    uint64_t unit;
    const char *remark;
} table[] = {
#define AT(member) offsetof(struct umptcp_config, member)
    {"net.ipv4.tcp_rmem", RMEM, 0, 0, NULL},
    {"net.ipv4.tcp_wmem", WMEM, 0, 0, NULL},
    {"net.ipv4.tcp_timestamps", SWITCH, AT(timestamps), 0, NULL},
    {"net.ipv4.tcp_sack", SWITCH, AT(sack), 0, NULL},
    {"net.ipv4.tcp_window_scaling", SWITCH, AT(window_scaling), 0, NULL},
    {"net.ipv4.tcp_syn_retries", COUNT, AT(syn_retries), 0, NULL},
    {"net.ipv4.tcp_synack_retries", COUNT, AT(synack_retries), 0, NULL},
    {"net.ipv4.tcp_syncookies", COUNT, AT(syncookies), 0, NULL},
    {"net.ipv4.tcp_max_syn_backlog", NUMBER, AT(max_syn_backlog), 0, NULL},
    {"net.ipv4.tcp_abort_on_overflow", SWITCH, AT(abort_on_overflow), 0, NULL},
    {"net.ipv4.tcp_tw_reuse", SWITCH, AT(tw_reuse), 0, NULL},
    {"net.ipv4.tcp_max_tw_buckets", NUMBER, AT(max_tw_buckets), 0, NULL},
    {"net.ipv4.tcp_max_orphans", NUMBER, AT(max_orphans), 0, NULL},
    {"net.ipv4.tcp_stdurg", SWITCH, AT(stdurg), 0, NULL},
    {"net.ipv4.tcp_mtu_probing", COUNT, AT(mtu_probing), 0, NULL},
    {"net.ipv4.tcp_base_mss", SIZE, AT(base_mss), 0, NULL},
    {"net.ipv4.tcp_mtu_probe_floor", SIZE, AT(mtu_probe_floor), 0, NULL},
    {"net.ipv4.tcp_min_snd_mss", SIZE, AT(min_snd_mss), 0, NULL},
    {"net.ipv4.tcp_probe_interval", TIME, AT(mtu_probe_interval), SEC(1), NULL},
    {"net.ipv4.tcp_probe_threshold", NUMBER, AT(mtu_probe_threshold), 0, NULL},
    {"net.ipv4.tcp_retries1", COUNT, AT(retries1), 0, NULL},
    {"net.ipv4.tcp_retries2", COUNT, AT(retries2), 0, NULL},
    {"net.ipv4.tcp_slow_start_after_idle", SWITCH, AT(slow_start_after_idle), 0, NULL},
    {"net.ipv4.tcp_pacing_ss_ratio", NUMBER, AT(pacing_ss_ratio), 0, NULL},
    {"net.ipv4.tcp_pacing_ca_ratio", NUMBER, AT(pacing_ca_ratio), 0, NULL},
    {"net.ipv4.tcp_min_tso_segs", COUNT, AT(min_tso_segs), 0, NULL},
    {"net.ipv4.tcp_tso_rtt_log", COUNT, AT(tso_rtt_log), 0, NULL},
    {"net.ipv4.tcp_keepalive_time", TIME, AT(keepalive_time), SEC(1), NULL},
    {"net.ipv4.tcp_keepalive_intvl", TIME, AT(keepalive_intvl), SEC(1), NULL},
    {"net.ipv4.tcp_keepalive_probes", COUNT, AT(keepalive_probes), 0, NULL},
    {"net.ipv4.tcp_rto_min_us", TIME, AT(rto_min), USEC(1), NULL},
    {"net.ipv4.tcp_rto_max_ms", TIME, AT(rto_max), MSEC(1), NULL},
    {"net.ipv4.tcp_fastopen", BITS, AT(fastopen), 0, NULL},
    {"net.ipv4.tcp_fastopen_key", KEYS, 0, 0, NULL},
    {"net.ipv4.tcp_fastopen_blackhole_timeout_sec", TIME, AT(fastopen_blackhole_timeout), SEC(1), NULL},
    {"net.ipv4.tcp_ecn", COUNT, AT(ecn), 0, NULL},
    {"net.ipv4.tcp_ecn_fallback", SWITCH, AT(ecn_fallback), 0, NULL},
    {"net.ipv4.tcp_congestion_control", NAME, AT(congestion_control), 0, NULL},
    {"net.ipv4.ip_local_port_range", PORTS, 0, 0, NULL},
    {"net.mptcp.enabled", SWITCH, AT(mptcp_enabled), 0, NULL},
    {"net.mptcp.checksum_enabled", SWITCH, AT(checksum_enabled), 0, NULL},
    {"net.mptcp.allow_join_initial_addr_port", SWITCH, AT(allow_join_initial_addr_port), 0, NULL},
    {"net.mptcp.add_addr_timeout", TIME, AT(add_addr_timeout), SEC(1), NULL},
    {"net.mptcp.close_timeout", TIME, AT(close_timeout), SEC(1), NULL},
    {"net.mptcp.stale_loss_cnt", COUNT, AT(stale_loss_cnt), 0, NULL},
    {"net.mptcp.syn_retrans_before_tcp_fallback", COUNT, AT(syn_retrans_before_tcp_fallback), 0, NULL},
    {"net.mptcp.scheduler", NAME, AT(scheduler), 0, NULL},
    {"net.mptcp.path_manager", NAME, AT(path_manager), 0, NULL},
    {"net.mptcp.pm_type", PM_TYPE, AT(path_manager), 0, NULL},
    {"net.mptcp.blackhole_*", REMARK, 0, 0, "an hour, doubled, as Linux has it by default"},

    /* What the engine does beyond Linux. */
    {"net.umptcp.fastclose_ack", SWITCH, AT(fastclose_ack), 0, NULL},
    {"net.umptcp.abe", SWITCH, AT(abe), 0, NULL},
    {"net.umptcp.rejoin", SWITCH, AT(rejoin), 0, NULL},
    {"net.umptcp.probe_interval", TIME, AT(probe_interval), SEC(1), NULL},
    {"net.umptcp.probe_count", COUNT, AT(probe_count), 0, NULL},
    {"net.umptcp.reannounce", SWITCH, AT(reannounce), 0, NULL},
    {"net.umptcp.remove_addr_probe", SWITCH, AT(remove_addr_probe), 0, NULL},
    {"net.umptcp.join_any_port", SWITCH, AT(join_any_port), 0, NULL},
    {"net.umptcp.signal_repeats", COUNT, AT(signal_repeats), 0, NULL},
    {"net.umptcp.bound_only", SWITCH, AT(bound_only), 0, NULL},
    {"net.umptcp.pacing", SWITCH, AT(pacing), 0, NULL},
    {"net.umptcp.join_delay", TIME, AT(join_delay), SEC(1), NULL},

    {"net.ipv4.tcp_ecn_option*", REMARK, 0, 0, "no AccECN"},
    {"net.ipv4.tcp_frto", REMARK, 0, 0, "F-RTO is always on"},
    {"net.ipv4.tcp_dsack", REMARK, 0, 0, "duplicates are always reported"},
    {"net.ipv4.tcp_fack", REMARK, 0, 0, "RACK took its place"},
    {"net.ipv4.tcp_recovery", REMARK, 0, 0, "RACK is always on"},
    {"net.ipv4.tcp_early_retrans", REMARK, 0, 0, "loss probes are always on"},
    {"net.ipv4.tcp_reordering", REMARK, 0, 0, "RACK judges by time"},
    {"net.ipv4.tcp_max_reordering", REMARK, 0, 0, "RACK judges by time"},
    {"net.ipv4.tcp_tso_win_divisor", REMARK, 0, 0, "what the window takes goes at once"},
    {"net.ipv4.tcp_limit_output_bytes", REMARK, 0, 0, "there is no queue below"},
    {"net.ipv4.tcp_autocorking", REMARK, 0, 0, "there is no queue below"},
    {"net.ipv4.tcp_moderate_rcvbuf", REMARK, 0, 0, "buffers grow unless they are set"},
    {"net.ipv4.tcp_rcvbuf_low_rtt", REMARK, 0, 0, "buffers grow unless they are set"},
    {"net.ipv4.tcp_adv_win_scale", REMARK, 0, 0, "the window is counted in bytes of payload"},
    {"net.ipv4.tcp_app_win", REMARK, 0, 0, "the window is counted in bytes of payload"},
    {"net.ipv4.tcp_shrink_window", REMARK, 0, 0, "a window never shrinks"},
    {"net.ipv4.tcp_mem", REMARK, 0, 0, "no budget of memory"},
    {"net.ipv4.tcp_no_metrics_save", REMARK, 0, 0, "nothing is remembered of other hosts"},
    {"net.ipv4.tcp_no_ssthresh_metrics_save", REMARK, 0, 0, "nothing is remembered of other hosts"},
    {"net.ipv4.tcp_fin_timeout", REMARK, 0, 0, "FIN-WAIT-2 of an orphan lasts as long as TIME-WAIT"},
    {"net.ipv4.tcp_orphan_retries", REMARK, 0, 0, "eight, as Linux has it by default"},
    {"net.ipv4.tcp_tw_reuse_delay", REMARK, 0, 0, "a second, as by default"},
    {"net.ipv4.tcp_rfc1337", REMARK, 0, 0, "TIME-WAIT ignores a RST"},
    {"net.ipv4.tcp_syn_linear_timeouts", REMARK, 0, 0, "the time between SYNs doubles"},
    {"net.ipv4.tcp_thin_linear_timeouts", REMARK, 0, 0, "timeouts always double"},
    {"net.ipv4.tcp_stdurg", REMARK, 0, 0, "no urgent data"},
    {"net.ipv4.tcp_invalid_ratelimit", REMARK, 0, 0, "half a second, as Linux has it by default"},
    {"net.ipv4.tcp_challenge_ack_limit", REMARK, 0, 0, "bounded for each connection"},
    {"net.ipv4.tcp_comp_sack_*", REMARK, 0, 0, "SACKs are not held back"},
    {"net.ipv4.tcp_backlog_ack_defer", REMARK, 0, 0, "there is no backlog"},
    {"net.ipv4.tcp_reflect_tos", REMARK, 0, 0, "the TOS is that of the socket"},
    {"net.ipv4.tcp_min_rtt_wlen", REMARK, 0, 0, "the minimum is that of 5 to 10 s"},
    {"net.ipv4.tcp_pingpong_thresh", REMARK, 0, 0, "one answer is a dialogue"},
    {"net.ipv4.tcp_plb_*", REMARK, 0, 0, "the flow label stays"},
    {"net.ipv4.tcp_workaround_signed_windows", REMARK, 0, 0, "windows are unsigned"},
    {"net.ipv4.tcp_l3mdev_accept", REMARK, 0, 0, "one network"},
    {"net.ipv4.tcp_migrate_req", REMARK, 0, 0, "a port has one listener"},
    {"net.ipv4.ip_no_pmtu_disc", REMARK, 0, 0, "packets are never fragmented"},
    {"net.ipv4.ip_nonlocal_bind", REMARK, 0, 0, "by IP_FREEBIND only"},
    {"net.ipv4.ip_early_demux", REMARK, 0, 0, "how packets find their socket does not show"},
    {"net.ipv4.tcp_early_demux", REMARK, 0, 0, "how packets find their socket does not show"},
    {"net.ipv4.ip_forward", REMARK, 0, 0, "one interface"},
    {"net.ipv4.icmp_*", REMARK, 0, 0, "ICMP is answered as it is"},
    {"net.ipv4.conf.*", REMARK, 0, 0, "one interface, no link layer"},
    {"net.ipv4.neigh.*", REMARK, 0, 0, "one interface, no link layer"},
    {"net.ipv4.route.*", REMARK, 0, 0, "one route"},
    {"net.ipv6.conf.*", REMARK, 0, 0, "one interface, no link layer"},
    {"net.ipv6.neigh.*", REMARK, 0, 0, "one interface, no link layer"},
    {"net.ipv6.route.*", REMARK, 0, 0, "one route"},
    {"net.ipv6.auto_flowlabels", REMARK, 0, 0, "each subflow has a label"},
    {"net.ipv6.bindv6only", REMARK, 0, 0, "by IPV6_V6ONLY only"},
    {"tcp_cubic.parameters.*", REMARK, 0, 0, "CUBIC is as its specification has it"},
    {"net.core.somaxconn", REMARK, 0, 0, "4096, as Linux has it by default"},
    {"net.core.*", REMARK, 0, 0, "no queues; buffers are bounded as by default"},
#undef AT
};

static bool matches(const char *pattern, const char *name) {
    size_t len = strlen(pattern);
    return pattern[len - 1] == '*' ? strncmp(pattern, name, len - 1) == 0 : strcmp(pattern, name) == 0;
}

/* Up to `max` numbers between blanks; how many, or -1. */
static int numbers(const char *text, uint64_t *n, int max) {
    int count = 0;
    char *end;
    for (text += strspn(text, " \t\n"); *text; text += strspn(text, " \t\n")) {
        if (count == max || *text < '0' || *text > '9')
            return -1;
        errno = 0;
        n[count++] = strtoull(text, &end, 0);
        if (errno || end == text || !strchr(" \t\n", *end))
            return -1;
        text = end;
    }
    return count;
}

static uint32_t bytes(uint64_t n) { return n < INT_MAX ? (uint32_t)n : INT_MAX; }

/* The names that there are: constants, so that they outlive the command. */
static int set_name(const char **to, const char *value) {
    static const char *const names[][2] = {
        {"cubic", "cubic"},     {"reno", "newreno"},  {"newreno", "newreno"},    {"bbr", "bbr"},
        {"default", "default"}, {"kernel", "kernel"}, {"userspace", "userspace"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(value, names[i][0]) == 0) {
            *to = names[i][1];
            return 0;
        }
    return -ENOENT;
}

/* Four words of at most eight hexadecimal digits between dashes; the first byte of each is its lowest. The rest of the
 * text, or NULL. */
static const char *key(const char *text, uint8_t to[UMPTCP_FASTOPEN_KEY_LEN]) {
    for (int i = 0; i < UMPTCP_FASTOPEN_KEY_LEN / 4; i++) {
        char *end;
        if (i && *text++ != '-')
            return NULL;
        size_t digits = strspn(text, "0123456789abcdefABCDEF");
        if (!digits || digits > 8)
            return NULL;
        unsigned long word = strtoul(text, &end, 16);
        for (int b = 0; b < 4; b++)
            to[4 * i + b] = (uint8_t)(word >> 8 * b);
        text = end;
    }
    return text;
}

static int set_keys(struct umptcp_config *config, const char *text) {
    int n = 0;
    do {
        text = n < UMPTCP_FASTOPEN_KEYS ? key(text, config->fastopen_key[n++]) : NULL;
    } while (text && *text++ == ',');
    if (!text || text[-1])
        return -EINVAL;
    config->fastopen_nkeys = (uint8_t)n;
    return 0;
}

static int set_value(const struct row *row, struct umptcp_config *config, const char *value) {
    uint64_t n[3] = {0};
    void *at = (uint8_t *)config + row->offset;
    int count = row->class == NAME || row->class == REMARK || row->class == KEYS ? 0 : numbers(value, n, 3);
    bool one = count == 1;
    switch (row->class) {
    case SWITCH:
        *(bool *)at = n[0] != 0;
        return one ? 0 : -EINVAL;
    case COUNT:
        if (!one || n[0] > UINT8_MAX)
            return -EINVAL;
        *(uint8_t *)at = (uint8_t)n[0];
        return 0;
    case SIZE:
        if (!one || n[0] > UINT16_MAX)
            return -EINVAL;
        *(uint16_t *)at = (uint16_t)n[0];
        return 0;
    case NUMBER:
        if (!one || n[0] > INT_MAX)
            return -EINVAL;
        *(uint32_t *)at = (uint32_t)n[0];
        return 0;
    case TIME:
        if (!one || n[0] > INT_MAX)
            return -EINVAL;
        *(uint64_t *)at = n[0] * row->unit;
        return 0;
    case BITS:
        if (!one || n[0] > UINT32_MAX)
            return -EINVAL;
        *(uint32_t *)at = (uint32_t)n[0];
        return 0;
    case KEYS:
        return set_keys(config, value);
    case RMEM: /* Linux counts memory, of which the window is a half; its scale follows from all of the largest */
        if (count != 3 || n[1] < 2)
            return -EINVAL;
        config->rmem_default = bytes(n[1] / 2);
        config->rmem_max = bytes(n[2]);
        return 0;
    case WMEM:
        if (count != 3 || !n[1])
            return -EINVAL;
        config->wmem_default = bytes(n[1]);
        config->wmem_max = bytes(n[2]);
        return 0;
    case PORTS:
        if (count != 2 || !n[0] || n[0] > n[1] || n[1] > UINT16_MAX)
            return -EINVAL;
        config->port_min = (uint16_t)n[0];
        config->port_max = (uint16_t)n[1];
        return 0;
    case NAME:
        return set_name(at, value) ? -EINVAL : 0;
    case PM_TYPE:
        if (!one || n[0] > 1)
            return -EINVAL;
        *(const char **)at = n[0] ? "userspace" : "kernel";
        return 0;
    case REMARK:
        return 0;
    }
    return -EINVAL;
}

int engine_sysctl(struct umptcp_config *config, const char *name, const char *value) {
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (matches(table[i].name, name)) {
            struct umptcp_config changed = *config;
            int err = set_value(&table[i], &changed, value);
            if (!err)
                *config = changed;
            return err;
        }
    return -ENOENT;
}
