/* SPDX-License-Identifier: BSD-3-Clause */
/* Shell commands: what they say to a sink that only writes it down, and what they do to the engine. */
#include "testwire.h"

#include <errno.h>
#include <stdio.h>

#include "script/commands.h"
#include "script/engine_sysctls.h"
#include "script/print.h"

/* ---- A sink that writes down ------------------------------------------------------------------------------------- */

struct notes {
    char text[4096], error[256];
    size_t len;
    int fail; /* errno of the next sysctl or endpoint */
};

__attribute__((format(printf, 2, 3))) static int note(void *ctx, const char *format, ...) {
    struct notes *n = ctx;
    va_list args;
    int fail = n->fail;
    va_start(args, format);
    n->len += (size_t)vsnprintf(n->text + n->len, sizeof n->text - n->len, format, args);
    va_end(args);
    assert_true(n->len < sizeof n->text);
    n->fail = 0;
    return -fail;
}

static const char *sink_variable(void *ctx, const char *name) {
    (void)ctx;
    return !strcmp(name, "PPID") ? "42" : !strcmp(name, "OPT_LOCAL_IP") ? "10.0.0.1" : NULL;
}

static int sink_sysctl(void *ctx, const char *name, const char *value) {
    return !strncmp(name, "net.", 4) ? note(ctx, "%s=%s;", name, value) : -ENOENT;
}

static int sink_add(void *ctx, const struct umptcp_endpoint *ep) {
    char a[UMPTCP_ADDRSTRLEN];
    return note(ctx, "add %s id %u port %u flags %x;", umptcp_addr_format(&ep->addr.addr, a), (unsigned)ep->id,
                (unsigned)ep->addr.port, (unsigned)ep->flags);
}

static int sink_del(void *ctx, uint8_t id, const struct umptcp_addr *initial) {
    char a[UMPTCP_ADDRSTRLEN];
    return note(ctx, "del %u %s;", (unsigned)id, id ? "" : umptcp_addr_format(initial, a));
}

static int sink_endpoints(void *ctx, struct umptcp_endpoint *eps, int max) {
    const uint32_t all = UMPTCP_EP_SIGNAL | UMPTCP_EP_SUBFLOW | UMPTCP_EP_BACKUP | UMPTCP_EP_FULLMESH |
                         UMPTCP_EP_IMPLICIT | UMPTCP_EP_LAMINAR;
    (void)ctx;
    assert_true(max >= 2);
    eps[0] = (struct umptcp_endpoint){.id = 3, .netif = 1, .addr = {test_addr("10.0.4.2"), 10100}};
    eps[1] = (struct umptcp_endpoint){.id = 34, .flags = all, .addr = {test_addr("dead:beef:2::2"), 0}};
    return 2;
}

static void sink_limits_get(void *ctx, uint8_t *subflows, uint8_t *add_addr_accepted) {
    (void)ctx;
    *subflows = 4;
    *add_addr_accepted = 3;
}

static int sink_flush(void *ctx) { return note(ctx, "flush;"); }
static void sink_metrics(void *ctx) { note(ctx, "forget;"); }
static int sink_limits(void *ctx, int subflows, int accepted) { return note(ctx, "limits %d %d;", subflows, accepted); }
static int sink_up(void *ctx, bool up) { return note(ctx, up ? "up;" : "down;"); }
static int sink_mtu(void *ctx, uint32_t mtu) { return note(ctx, "mtu %u;", (unsigned)mtu); }
static void sink_pause(void *ctx, dur time) { note(ctx, "sleep %llu;", (unsigned long long)(time / USEC(1))); }
static int sink_route(void *ctx, const char *what, const char *value) { return note(ctx, "%s %s;", what, value); }

static int sink_change(void *ctx, const struct umptcp_endpoint *ep) {
    char a[UMPTCP_ADDRSTRLEN];
    return note(ctx, "change %u %s port %u flags %x;", (unsigned)ep->id, umptcp_addr_format(&ep->addr.addr, a),
                (unsigned)ep->addr.port, (unsigned)ep->flags);
}

static int sink_addr(void *ctx, bool add, const struct umptcp_addr *addr, uint8_t prefix_len) {
    char a[UMPTCP_ADDRSTRLEN];
    return note(ctx, "%s %s/%u;", add ? "addr" : "noaddr", umptcp_addr_format(addr, a), (unsigned)prefix_len);
}

static int sink_local(void *ctx, struct umptcp_addr *addr, uint8_t *prefix_len) {
    (void)ctx;
    *addr = test_addr("192.168.0.254");
    *prefix_len = 16;
    return 0;
}

static int sink_counter(void *ctx, const char *name, uint64_t *value) {
    (void)ctx;
    *value = 3;
    return strcmp(name, "MPTcpExtMPRstTx") == 0 ? 0 : -ENOENT;
}

static int sink_mptcp_value(void *ctx, const char *name, uint64_t *value) {
    (void)ctx;
    *value = 2;
    return !strcmp(name, "subflows") ? 0 : !strcmp(name, "token") ? -ENOTCONN : -ENOENT;
}

static int sink_print(void *ctx, const char *what, struct text *to) {
    (void)ctx;
    if (strcmp(what, "/proc/net/tcp") == 0)
        text_add(to, "   0: 0100A8C0:1F90 00000000:0000 0A \n   1: 0100A8C0:1F91 00000000:0000 01 \n");
    else if (strcmp(what, "nstat") == 0)
        text_add(to, "TcpInSegs                       3                  0.0\n");
    else
        return -ENOENT;
    return 0;
}

static int sink_manage(void *ctx, const struct pm_order *o, struct text *to, const char **why) {
    char a[UMPTCP_ADDRSTRLEN], b[UMPTCP_ADDRSTRLEN];
    text_add(to, "type:7,token:1,rem_id:10\ntype:3,token:1\n");
    *why = "because";
    return note(ctx, "pm %d %u %u %s %u %x %d > %u %s %u;", o->verb, (unsigned)o->token, o->local.id,
                umptcp_addr_format(&o->local.addr.addr, a), o->local.addr.port, (unsigned)o->local.flags,
                o->local.netif, o->remote.id, umptcp_addr_format(&o->remote.addr.addr, b), o->remote.addr.port);
}

static int run(struct notes *n, const char *text) {
    const struct command_sink sink = {
        .ctx = n,
        .variable = sink_variable,
        .sysctl = sink_sysctl,
        .endpoint_add = sink_add,
        .endpoint_del = sink_del,
        .endpoint_change = sink_change,
        .endpoint_flush = sink_flush,
        .metrics_flush = sink_metrics,
        .endpoints = sink_endpoints,
        .limits = sink_limits,
        .limits_get = sink_limits_get,
        .addr = sink_addr,
        .link_up = sink_up,
        .link_mtu = sink_mtu,
        .local = sink_local,
        .pause = sink_pause,
        .route = sink_route,
        .counter = sink_counter,
        .mptcp_value = sink_mptcp_value,
        .manage = sink_manage,
        .print = sink_print,
    };
    n->len = 0;
    n->text[0] = n->error[0] = 0;
    return command_interpret(text, &sink, n->error, sizeof n->error);
}

/* It succeeds and says this. */
static void expect(const char *text, const char *said) {
    struct notes n = {0};
    if (run(&n, text))
        fail_msg("'%s': %s", text, n.error);
    assert_string_equal(n.text, said);
    assert_string_equal(n.error, "");
}

/* It fails with a sentence that has `word` in it, after it said this. */
static void expect_failure(const char *text, const char *said, const char *word) {
    struct notes n = {0};
    if (!run(&n, text))
        fail_msg("'%s' succeeded", text);
    assert_string_equal(n.text, said);
    if (!strstr(n.error, word))
        fail_msg("'%s': '%s' has no '%s' in it", text, n.error, word);
}

/* ---- The shell's part -------------------------------------------------------------------------------------------- */

static void test_lists(void **state) {
    (void)state;
    expect("", "");
    expect("  \n # nothing\n", "");
    expect("true", "");
    expect("true; :", "");
    expect_failure("false", "", "false");
    expect("false; true", ""); /* the last one counts */
    expect("false || sleep 1", "sleep 1000000;");
    expect("true || sleep 1", "");
    expect("true && sleep 1", "sleep 1000000;");
    expect_failure("false && sleep 1", "", "false");
    expect("false && sleep 1 || sleep 2", "sleep 2000000;");
    expect("sleep 1\nsleep 2 # and no more; sleep 3\n", "sleep 1000000;sleep 2000000;");
    expect("sleep \\\n 1", "sleep 1000000;");
    expect("sleep 1; exit 0; sleep 2", "sleep 1000000;");
    expect_failure("sleep 1; exit 3; sleep 2", "sleep 1000000;", "exit 3");
    expect("! false", "");
    expect_failure("! true", "", "succeeded");
}

static void test_words(void **state) {
    (void)state;
    expect("sysctl -q net.a='1 2  3'", "net.a=1 2  3;");
    expect("sysctl -q \"net.a=1 2\"  net.b=\"x\"y'z'", "net.a=1 2;net.b=xyz;");
    expect("sysctl net.a=$PPID net.b=${OPT_LOCAL_IP}x net.c='$PPID' net.d=\"$PPID\" net.e=$NOBODY",
           "net.a=42;net.b=10.0.0.1x;net.c=$PPID;net.d=42;net.e=;");
    expect("sysctl net.a=\\$PPID net.b=\"\\\"\" net.c=a\\ b", "net.a=$PPID;net.b=\";net.c=a b;");
    expect("sysctl net.a=1>/dev/null 2>&1; sysctl net.b=2 > /dev/null", "net.a=1;net.b=2;");
    expect("echo hello; echo 1 >/dev/null", "");
    expect("echo 1 > /proc/sys/net/ipv4/tcp_sack", "net.ipv4.tcp_sack=1;");
    expect("echo -n \"4096 1 2\" >/proc/sys/net/ipv4/tcp_rmem", "net.ipv4.tcp_rmem=4096 1 2;");
    expect_failure("echo 1 > /tmp/x", "", "/tmp/x");
}

/* What needs a shell is named. */
static void test_pipes(void **state) {
    (void)state;
    expect("grep ' 0A ' /proc/net/tcp /proc/net/tcp6 | grep ':1F90'", "");
    expect_failure("grep ' 0A ' /proc/net/tcp | grep ':1F91'", "", "':1F91' was not found");
    expect("nstat | grep -q 'tcpinsegs' || nstat | grep -qi tcpinsegs", "");
    expect("cat /proc/net/tcp | grep -v 1F90 | grep -E '1F(8|9)1'", "");
    expect_failure("nstat | grep TcpOutSegs > /dev/null", "", "TcpOutSegs");
    expect_failure("nstat | grep '\\('", "", "no pattern");
    expect_failure("grep -x a /proc/net/tcp", "", "'-x'");
    expect_failure("grep a /etc/passwd", "", "'a' was not found"); /* no file of the machine's is looked into */
    expect_failure("false && nstat | sysctl a.b=1", "", "false");  /* none of a pipe that is not wanted */
    expect_failure("! nstat | grep x", "", "! before a pipe");
}

static void test_refused(void **state) {
    (void)state;
    expect_failure("sleep $(cat x)", "", "$( )");
    expect_failure("sleep `cat x`", "", "` `");
    expect_failure("sleep ${X:-1}", "", "${ }");
    expect_failure("sleep 1 &", "", "&");
    expect_failure("(sleep 1)", "", "( )");
    expect_failure("sleep 'a", "", "quote");
    expect_failure("if true; then sleep 1; fi", "", "if");
    expect_failure("frobnicate --all", "", "'frobnicate'");
    expect_failure("../common/frobnicate.sh", "", "'frobnicate.sh'");
    expect("frobnicate || true", "");
    expect_failure("sysctl kernel.x=1", "", "'kernel.x'");
    expect("sysctl -e kernel.x=1", "");
    expect_failure("sleep 1h", "", "1h");
    expect_failure("sleep", "", "no time");
    char longer[20000];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    expect_failure(longer, "", "this long");
    for (size_t i = 1; i < 400; i += 2)
        longer[i] = ' ';
    expect_failure(longer, "", "this long");
}

/* ---- Commands ---------------------------------------------------------------------------------------------------- */

static void test_sysctl(void **state) {
    (void)state;
    expect("sysctl -q net.ipv4.tcp_sack=0", "net.ipv4.tcp_sack=0;");
    expect("sysctl -q -w net/ipv4/tcp_sack=0", "net.ipv4.tcp_sack=0;");
    expect("sysctl -qw net.mptcp.enabled=1 net.ipv4.tcp_rmem=\"4096 2 3\"",
           "net.mptcp.enabled=1;net.ipv4.tcp_rmem=4096 2 3;");
    expect("sysctl net.ipv4.tcp_sack", "");
    expect("../common/set_sysctls.py /proc/sys/net/ipv4/tcp_timestamps=0 /proc/sys/net/ipv4/tcp_ecn=1",
           "net.ipv4.tcp_timestamps=0;net.ipv4.tcp_ecn=1;");
    expect("python3 ../common/set_sysctls.py /proc/sys/net/a=1", "net.a=1;");
    expect("/tmp/sysctl_restore_${PPID}.sh", "");
    struct notes n = {.fail = EINVAL};
    assert_int_equal(run(&n, "sysctl net.a=x"), -EINVAL);
    assert_non_null(strstr(n.error, "net.a = 'x'"));
}

static void test_ip_mptcp(void **state) {
    (void)state;
    expect("ip mptcp endpoint add 10.0.0.2 dev tun0 signal", "add 10.0.0.2 id 0 port 0 flags 1;");
    expect("ip -n ns1 mptcp endpoint add 10.0.0.2 id 7 port 99 subflow backup dev tun0",
           "add 10.0.0.2 id 7 port 99 flags 6;");
    expect("ip mptcp endpoint add fd00::2 subflow signal", "add fd00::2 id 0 port 0 flags 3;");
    expect("ip mptcp endpoint add id 5 10.0.0.2 fullmesh subflow laminar", "add 10.0.0.2 id 5 port 0 flags 2a;");
    expect("ip mptcp endpoint del id 7", "del 7 ;");
    expect("ip mptcp endpoint delete id 1", "del 1 ;");
    expect("ip mptcp endpoint delete id 0 10.0.0.2", "del 0 10.0.0.2;");
    expect_failure("ip mptcp endpoint delete id 0", "", "address");
    expect_failure("ip mptcp endpoint delete id 7 10.0.0.2", "", "address");
    expect("ip mptcp endpoint change id 3 backup", "change 3 :: port 0 flags 4;");
    expect("ip mptcp endpoint change 10.0.0.2 port 9 nobackup", "change 0 10.0.0.2 port 9 flags 0;");
    expect("ip mptcp endpoint change id 3 fullmesh backup nofullmesh", "change 3 :: port 0 flags 4;");
    expect_failure("ip mptcp endpoint change id 3 signal", "", "signal");
    expect("ip mptcp endpoint flush", "flush;");
    expect("ip mptcp endpoint show | grep -q '^10.0.4.2 port 10100 id 3 dev tun0 $'", "");
    expect("ip mptcp endpoint | grep -q '^dead:beef:2::2 id 34 signal subflow laminar backup fullmesh implicit $'", "");
    expect_failure("ip mptcp endpoint show id 34 | grep -q 10.0.4.2", "", "grep");
    expect_failure("ip mptcp endpoint show id 4", "", "endpoint");
    expect("ip mptcp limits show | grep -q '^add_addr_accepted 3 subflows 4 $'", "");
    expect("ip mptcp limits | grep -q subflows", "");
    expect("ip mptcp limits set subflows 8 add_addr_accepted 4", "limits 8 4;");
    expect("ip mptcp limits set subflow 1", "limits 1 -1;");
    expect_failure("ip mptcp limits set subflows 9", "", "subflows");
    expect_failure("ip mptcp endpoint add", "", "mptcp");
    expect_failure("ip mptcp endpoint add 10.0.0.2 implicit", "", "implicit");
    expect_failure("ip mptcp endpoint add 10.0.0.2 nobackup", "", "nobackup");
    expect_failure("ip mptcp nothing", "", "nothing");
    expect_failure("ip", "", "object");
}

static void test_ip_others(void **state) {
    (void)state;
    expect("ip addr add 10.0.0.3/24 dev tun0", "addr 10.0.0.3/24;");
    expect("ip -6 addr add fd00::3 dev tun0 nodad", "addr fd00::3/128;");
    expect("ip address del 10.0.0.3/24 dev tun0", "noaddr 10.0.0.3/24;");
    expect("ip link set dev tun0 down", "down;");
    expect("ip link set tun0 mtu 1400 up", "mtu 1400;up;");
    expect("ip link set lo up", "");
    expect("ip link set dev tun0 txqueuelen 10 up", "up;");
    expect("ip tcp_metrics flush all > /dev/null 2>&1", "forget;");
    expect("ip tcp_metrics show", "");
    expect("ip route replace 192.0.2.0/24 dev tun0 initcwnd 20 rto_min lock 5ms", "initcwnd 20;rto_min 5ms;");
    expect("ip ro change default via 10.0.0.9", "");
    expect("tc qdisc replace dev tun0 root fq", "net.umptcp.pacing=1;");
    expect("tc qdisc replace dev tun0 root pfifo; ethtool -K tun0 tso off", "net.umptcp.pacing=0;");
    expect("tc qdisc show", "");
    expect_failure("ip addr add nowhere dev tun0", "", "nowhere");
    expect_failure("ip frob", "", "frob");
}

static void test_helpers(void **state) {
    (void)state;
    struct notes n = {0};
    assert_int_equal(run(&n, "../common/defaults.sh"), 0);
    assert_non_null(strstr(n.text, "net.ipv4.tcp_rmem=4096 540000 15728640;"));
    assert_non_null(strstr(n.text, "net.mptcp.enabled=1;"));
    expect("../common/client.sh", "flush;limits 8 8;");
    expect("../common/server.sh", "flush;addr 192.168.0.255/16;add 192.168.0.255 id 0 port 0 flags 1;");
    expect("../common/multi-ep.sh -e 2 -m subflow -b", "flush;limits 8 8;"
                                                       "addr 192.168.0.255/16;add 192.168.0.255 id 0 port 0 flags 6;"
                                                       "addr 192.168.1.0/16;add 192.168.1.0 id 0 port 0 flags 6;");
    expect_failure("multi-ep.sh -x", "", "-x");
    expect_failure("multi-ep.sh -e 99", "", "-e");
    expect("check_counter MPTcpExtMPRstTx == 3 && check_counter MPTcpExtMPRstTx '>=' 2", "");
    expect("! check_counter MPTcpExtMPRstTx != 3", "");
    expect_failure("check_counter MPTcpExtMPRstTx '<' 3", "", "is 3");
    expect("../common/check_mptcp_info.sh subflows 2", "");
    expect_failure("check_mptcp_info.sh subflows 3", "", "is 2");
    expect_failure("check_mptcp_info.sh nothing 3", "", "no such value");
    expect_failure("check_mptcp_info.sh token 3", "", "no MPTCP connection");
    expect_failure("check_mptcp_info.sh subflows", "", "arguments");
    expect_failure("check_counter NoSuch == 0", "", "NoSuch");
    expect_failure("check_counter MPTcpExtMPRstTx =~ 3", "", "=~");
    expect_failure("check_counter MPTcpExtMPRstTx", "", "arguments");
}

/* ---- Sysctls as configuration ------------------------------------------------------------------------------------ */

static void test_configuration(void **state) {
    (void)state;
    struct umptcp_config c;
    umptcp_config_init(&c);
    assert_int_equal(engine_sysctl(&c, "net.ipv4.tcp_timestamps", "0"), 0);
    assert_false(c.timestamps);
    assert_int_equal(engine_sysctl(&c, "net.ipv4.tcp_rmem", "4096 540000\t15728640"), 0);
    assert_int_equal(c.rmem_default, 270000); /* half of the memory is window */
    assert_int_equal(c.rmem_max, 15728640);
    assert_int_equal(engine_sysctl(&c, "net.ipv4.tcp_wmem", "4096 50000 4194304"), 0);
    assert_int_equal(c.wmem_default, 50000);
    assert_int_equal(engine_sysctl(&c, "net.ipv4.tcp_syn_retries", "3"), 0);
    assert_int_equal(c.syn_retries, 3);
    assert_int_equal(engine_sysctl(&c, "net.ipv4.tcp_keepalive_time", "20"), 0);
    assert_int_equal(c.keepalive_time, SEC(20));
    assert_int_equal(engine_sysctl(&c, "net.ipv4.tcp_rto_min_us", "5000"), 0);
    assert_int_equal(c.rto_min, MSEC(5));
    assert_true(c.slow_start_after_idle);
    assert_int_equal(engine_sysctl(&c, "net.ipv4.tcp_slow_start_after_idle", "0"), 0);
    assert_false(c.slow_start_after_idle);
    assert_int_equal(engine_sysctl(&c, "net.ipv4.tcp_congestion_control", "reno"), 0);
    assert_string_equal(c.congestion_control, "newreno");
    assert_int_equal(engine_sysctl(&c, "net.ipv4.ip_local_port_range", "1000 2000"), 0);
    assert_int_equal(c.port_min, 1000);
    assert_int_equal(c.port_max, 2000);
    assert_int_equal(engine_sysctl(&c, "net.umptcp.rejoin", "0"), 0);
    assert_false(c.rejoin);
    assert_int_equal(engine_sysctl(&c, "net.umptcp.pacing", "1"), 0);
    assert_true(c.pacing);
    assert_int_equal(engine_sysctl(&c, "net.umptcp.join_delay", "2"), 0);
    assert_int_equal(c.join_delay, SEC(2));
    assert_int_equal(engine_sysctl(&c, "net.umptcp.nothing", "0"), -ENOENT);
    assert_int_equal(engine_sysctl(&c, "net.mptcp.close_timeout", "5"), 0);
    assert_int_equal(c.close_timeout, SEC(5));
    assert_int_equal(engine_sysctl(&c, "net.mptcp.checksum_enabled", "1"), 0);
    assert_true(c.checksum_enabled);
    assert_int_equal(engine_sysctl(&c, "net.ipv4.tcp_fastopen", "0x603"), 0);
    assert_int_equal(c.fastopen, 0x603);
    assert_int_equal(engine_sysctl(&c, "net.ipv4.tcp_fastopen_key", "04030201-8070605-0c0b0a09-100f0e0d,0-0-0-1"), 0);
    assert_int_equal(c.fastopen_nkeys, 2);
    static const uint8_t keys[2][16] = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, {[12] = 1}};
    assert_memory_equal(c.fastopen_key, keys, sizeof keys);
    assert_int_equal(engine_sysctl(&c, "net.ipv4.tcp_fastopen_blackhole_timeout_sec", "7"), 0);
    assert_int_equal(c.fastopen_blackhole_timeout, SEC(7));
    /* Without effect, but known */
    struct umptcp_config same = c;
    assert_int_equal(engine_sysctl(&c, "net.core.somaxconn", "1"), 0);
    assert_memory_equal(&c, &same, sizeof c);
}

static void test_bad_configuration(void **state) {
    (void)state;
    static const char *const bad[][2] = {
        {"net.ipv4.tcp_timestamps", "x"},
        {"net.ipv4.tcp_timestamps", "1 2"},
        {"net.ipv4.tcp_timestamps", ""},
        {"net.ipv4.tcp_rmem", "1 2"},
        {"net.ipv4.tcp_rmem", "1 1 1"},
        {"net.ipv4.tcp_wmem", "1 0 1"},
        {"net.ipv4.tcp_wmem", "1 2 3 4"},
        {"net.ipv4.tcp_syn_retries", "256"},
        {"net.ipv4.tcp_syn_retries", "-1"},
        {"net.ipv4.tcp_keepalive_time", "99999999999"},
        {"net.ipv4.ip_local_port_range", "5 4"},
        {"net.ipv4.ip_local_port_range", "0 4"},
        {"net.ipv4.tcp_congestion_control", "vegas"},
        {"net.mptcp.pm_type", "2"},
        {"net.mptcp.path_manager", "nobody"},
        {"net.ipv4.tcp_fastopen", "0x100000000"},
        {"net.ipv4.tcp_fastopen_key", "a1-b2"},
        {"net.ipv4.tcp_fastopen_key", "1-2-3-123456789"},
        {"net.ipv4.tcp_fastopen_key", "1-2-3-4,"},
        {"net.ipv4.tcp_fastopen_key", "1-2-3-4,1-2-3-4,1-2-3-4"},
        {"net.ipv4.tcp_fastopen_key", "1-2-3-4 "},
        {"net.ipv4.tcp_fastopen_key", ""},
    };
    struct umptcp_config c, same;
    umptcp_config_init(&c);
    same = c;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(engine_sysctl(&c, bad[i][0], bad[i][1]), -EINVAL);
    assert_int_equal(engine_sysctl(&c, "net.ipv4.tcp_frobnicate", "1"), -ENOENT);
    assert_int_equal(engine_sysctl(&c, "", "1"), -ENOENT);
    assert_memory_equal(&c, &same, sizeof c);
}

static void test_pm_nl_ctl(void **state) {
    (void)state;
    expect("pm_nl_ctl ann 10.0.2.1 token 4294967295 id 10 port 5 dev x", "pm 1 4294967295 10 10.0.2.1 5 1 1 > 0 :: 0;");
    expect("./pm_nl_ctl rem token 7 id 10", "pm 2 7 10 :: 0 0 0 > 0 :: 0;");
    expect("pm_nl_ctl csf lip 10.0.2.2 lid 23 rip 10.0.2.1 rport 80 rid 4 flags backup token 7",
           "pm 3 7 23 10.0.2.2 0 4 0 > 4 10.0.2.1 80;");
    expect("pm_nl_ctl dsf lip fd00::1 lport 9 rip fd00::2 rport 80 token 7", "pm 4 7 0 fd00::1 9 0 0 > 0 fd00::2 80;");
    expect("pm_nl_ctl set 10.0.2.2 flags backup token 7 rip 10.0.2.1 rport 80",
           "pm 5 7 0 10.0.2.2 0 4 0 > 0 10.0.2.1 80;");
    expect("pm_nl_ctl set 10.0.2.2 flags nobackup token 7 rip 10.0.2.1", "pm 5 7 0 10.0.2.2 0 0 0 > 0 10.0.2.1 0;");
    expect("pm_nl_ctl dump token 7", "pm 6 7 0 :: 0 0 0 > 0 :: 0;");
    expect("pm_nl_ctl get 5 token 7", "pm 7 7 5 :: 0 0 0 > 0 :: 0;");
    expect("pm_nl_ctl listen 10.0.2.1 99", "pm 8 0 0 10.0.2.1 99 0 0 > 0 :: 0;");
    expect("pm_nl_ctl events", "pm 9 0 0 :: 0 0 0 > 0 :: 0;");
    expect("pm_nl_ctl heard '^type:7,.*rem_id:10$'", "pm 10 0 0 :: 0 0 0 > 0 :: 0;");
    expect_failure("pm_nl_ctl heard 'rem_id:10,'", "pm 10 0 0 :: 0 0 0 > 0 :: 0;", "'rem_id:10,' was not heard");
    static const char *const bad[] = {
        "pm_nl_ctl",
        "pm_nl_ctl frobnicate",
        "pm_nl_ctl ann",
        "pm_nl_ctl ann x",
        "pm_nl_ctl ann 10.0.0.1 id 256",
        "pm_nl_ctl ann 10.0.0.1 id",
        "pm_nl_ctl ann 10.0.0.1 port 65536",
        "pm_nl_ctl ann 10.0.0.1 dev",
        "pm_nl_ctl rem token 4294967296",
        "pm_nl_ctl rem token auto", /* there is no connection */
        "pm_nl_ctl csf lip x",
        "pm_nl_ctl csf rip",
        "pm_nl_ctl csf rid x",
        "pm_nl_ctl csf rport x",
        "pm_nl_ctl set 10.0.0.1 flags fast",
        "pm_nl_ctl get",
        "pm_nl_ctl listen 10.0.0.1",
        "pm_nl_ctl heard",
        "pm_nl_ctl heard '('",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect_failure(bad[i], "", "is not understood");
    struct notes n = {.fail = ESRCH};
    assert_int_equal(run(&n, "pm_nl_ctl rem token 7 id 1"), -EINVAL);
    assert_non_null(strstr(n.error, "pm_nl_ctl rem: because: No such process"));
}

/* Any bytes are text: nothing crashes, nothing hangs. */
static void test_random_text(void **state) {
    (void)state;
    static const char alphabet[] = "ip sysctl=-w;&|><'\"$`{}()#\\\n\t!0a./mptcp ";
    uint64_t rnd = 1;
    struct notes n = {0};
    for (int round = 0; round < 3000; round++) {
        char text[64];
        size_t len = test_below(&rnd, sizeof text - 1);
        for (size_t i = 0; i < len; i++)
            text[i] = round % 8 ? alphabet[test_below(&rnd, sizeof alphabet - 1)] : (char)(1 + test_below(&rnd, 255));
        text[len] = 0;
        int err = run(&n, text);
        assert_true(err == 0 || (err == -EINVAL && n.error[0]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),         cmocka_unit_test(test_words),
        cmocka_unit_test(test_pipes),         cmocka_unit_test(test_refused),
        cmocka_unit_test(test_sysctl),        cmocka_unit_test(test_ip_mptcp),
        cmocka_unit_test(test_ip_others),     cmocka_unit_test(test_helpers),
        cmocka_unit_test(test_configuration), cmocka_unit_test(test_bad_configuration),
        cmocka_unit_test(test_random_text),   cmocka_unit_test(test_pm_nl_ctl),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
