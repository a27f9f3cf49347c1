/* SPDX-License-Identifier: BSD-3-Clause */
/* sendmsg() and recvmsg() of scripts: vectors, flags, and control messages of each kind. */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <linux/errqueue.h>
#include <linux/netlink.h>

#include <cmocka.h>

#include "calllab.h"
#include "script/symbols.h"

static struct calllab lab;

static int lab_setup(void **state) {
    (void)state;
    calllab_open(&lab, FAMILY_IPV4);
    return 0;
}

static int lab_teardown(void **state) {
    (void)state;
    lab.result = 0;
    lab.fail = 0;
    calllab_close(&lab);
    return 0;
}

/* A recvmsg() that expects these control messages. */
static const char *receives(const char *controls) {
    static char line[1024];
    (void)snprintf(line, sizeof line,
                   "recvmsg(5, {msg_name(...)=..., msg_iov(1)=[{..., 10}], msg_flags=MSG_ERRQUEUE, msg_control=[%s]}, "
                   "MSG_ERRQUEUE) = 0",
                   controls);
    return line;
}

static void control_matches(const char *controls) { assert_string_equal(calllab_run(&lab, receives(controls)), ""); }

static void control_fails(const char *controls, const char *error) { calllab_fails(&lab, receives(controls), error); }

static void control_refused(const char *controls, const char *error) {
    calllab_refuses(&lab, receives(controls), error);
}

/* ---- Messages ---------------------------------------------------------------------------------------------------- */

static void test_sendmsg(void **state) {
    (void)state;
    lab.result = 30;
    calllab_calls(&lab,
                  "sendmsg(5, {msg_name(...)=..., msg_iov(2)=[{..., 10}, {..., 20}], msg_flags=0}, MSG_ZEROCOPY) = 30",
                  "sendmsg(101, in:192.0.2.7:4433/16, [zeros/10, zeros/20], 0x4000000)");
    assert_int_equal(lab.outcome.script_fd, 5);
    assert_true(lab.outcome.has_peer);
    assert_false(lab.outcome.connects);
    calllab_calls(&lab, "sendmsg(5, {msg_iov(1)=[{..., 10}]}, MSG_FASTOPEN) = 30",
                  "sendmsg(101, NULL/0, [zeros/10], 0x20000000)");
    assert_false(lab.outcome.connects);
    calllab_calls(&lab, "sendmsg(3, {msg_name(...)=..., msg_iov(1)=[{..., 10}], msg_flags=0}, MSG_FASTOPEN) = 30",
                  "sendmsg(100, in:192.0.2.7:4433/16, [zeros/10], 0x20000000)");
    assert_true(lab.outcome.connects);
    assert_int_equal(lab.outcome.peer.port, 4433);
    calllab_calls(&lab,
                  "sendmsg(5, {msg_name(...)=..., msg_iov(1)=[{..., 1}], msg_flags=0, msg_control=["
                  "{cmsg_level=SOL_SOCKET, cmsg_type=SO_TIMESTAMPING, cmsg_data=SOF_TIMESTAMPING_TX_ACK|1}, "
                  "{cmsg_level=SOL_SOCKET, cmsg_type=SCM_TXTIME, cmsg_data=0x102030405}, "
                  "{cmsg_level=0, cmsg_type=1, cmsg_data=\"abc\"}]}, 0) = 30",
                  "sendmsg(101, in:192.0.2.7:4433/16, [zeros/1], 1 37 0102+/4, 1 61 0504030201+/8, 0 1 616263/3, 0)");
    calllab_calls(&lab, "sendmsg(5, {msg_iov(0)=[], msg_control=[]}, 0) = 30", "sendmsg(101, NULL/0, [], 0)");
}

static void test_sendmsg_wrong(void **state) {
    (void)state;
    static const char *const lines[][2] = {
        {"sendmsg(5, ..., 0) = 1", "argument 2 must be {msg_name=, msg_iov=, msg_flags=, msg_control=}, not ..."},
        {"sendmsg(5, {msg_flags=0}, 0) = 1",
         "argument 2 must be {msg_name=, msg_iov=, msg_flags=, msg_control=}: msg_iov= is missing"},
        {"sendmsg(5, {msg_iov(2)=[{..., 1}]}, 0) = 1", "argument 2, msg_iov(2) has 1 elements"},
        {"sendmsg(5, {msg_iov(1)=...}, 0) = 1", "argument 2, msg_iov must be a list [{..., N}, ...], not ..."},
        {"sendmsg(5, {msg_iov(1)=[{..., -1}]}, 0) = 1",
         "argument 2, msg_iov, element 1 must be between 0 and 67108864, not -1"},
        {"sendmsg(5, {msg_iov(1)=[{..., 1}], msg_flags=MSG_EOR}, 0) = 1",
         "argument 2, msg_flags must be 0, not 128: flags of sendmsg() are argument 3"},
        {"sendmsg(5, {msg_iov(1)=[{..., 1}], msg_control=...}, 0) = 1",
         "argument 2, msg_control must be a list of control messages, not ..."},
        {"sendmsg(5, {msg_iov(1)=[{..., 1}], msg_control=[{cmsg_level=1, cmsg_type=2, cmsg_data=...}]}, 0) = 1",
         "control message 1: what is sent must be a number or a string"},
        {"sendmsg(5, {msg_iov(1)=[{..., 1}]}, ...) = 1", "argument 3 must be a number, not ..."},
        {"sendmsg(5, {msg_name(...)=[], msg_iov(1)=[{..., 1}]}, 0) = 1",
         "argument 2, msg_name must be ..., a family, or an address, not a list"},
        {"recvmsg(5, {msg_name(...)=AF_INET, msg_iov(1)=[{..., 1}]}, 0) = 1",
         "argument 2, msg_name must be ... or NULL, not AF_INET"},
        {"recvmsg(9, {msg_iov(1)=[{..., 1}]}, 0) = 1", "argument 1: descriptor 9 is not open"},
        {"recvmsg(5, {msg_iov(1)=[{..., 1}], msg_flags=...}, 0) = 1",
         "argument 2, msg_flags must be a number, not ..."},
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        calllab_refuses(&lab, lines[i][0], lines[i][1]);
}

static void test_recvmsg(void **state) {
    (void)state;
    lab.result = 7;
    calllab_calls(&lab,
                  "recvmsg(5, {msg_name(...)=..., msg_iov(2)=[{..., 10}, {NULL, 20}], msg_flags=0}, MSG_PEEK) = 7",
                  "recvmsg(101, name buf/128, [buf/10, NULL/20], control NULL/0, flags 0, 0x2)");
    lab.msg_flags = MSG_TRUNC | MSG_CTRUNC;
    calllab_calls(&lab, "recvmsg(5, {msg_iov(1)=[{..., 10}], msg_flags=MSG_CTRUNC|MSG_TRUNC}, 0) = 7",
                  "recvmsg(101, name NULL/0, [buf/10], control NULL/0, flags 0, 0)");
    calllab_fails(&lab, "recvmsg(5, {msg_iov(1)=[{..., 10}], msg_flags=0}, 0) = 7",
                  "expected msg_flags 0 but got MSG_CTRUNC|MSG_TRUNC");
    calllab_fails(&lab, "recvmsg(5, {msg_iov(1)=[{..., 10}], msg_flags=MSG_EOR}, 0) = 7",
                  "expected msg_flags MSG_EOR but got MSG_CTRUNC|MSG_TRUNC");
    calllab_fails(&lab, "recvmsg(5, {msg_iov(1)=[{..., 10}], msg_flags=0}, 0) = 8", "expected result 8 but got 7");
    lab.msg_flags = 0;
    calllab_control(&lab, 1, 2, "", 0);
    calllab_calls(&lab, "recvmsg(5, {msg_iov(1)=[{..., 10}], msg_control=...}, 0) = 7",
                  "recvmsg(101, name NULL/0, [buf/10], control buf/4096, flags 0, 0)");
    lab.fail = EAGAIN;
    calllab_calls(&lab,
                  "recvmsg(5, {msg_iov(1)=[{..., 10}], msg_flags=MSG_ERRQUEUE, msg_control=["
                  "{cmsg_level=1, cmsg_type=2, cmsg_data=3}]}, 0) = -1 EAGAIN (..)",
                  "recvmsg(101, name NULL/0, [buf/10], control buf/4096, flags 0, 0)");
}

/* ---- Control messages -------------------------------------------------------------------------------------------- */

static void test_control_numbers(void **state) {
    (void)state;
    lab.msg_flags = MSG_ERRQUEUE;
    calllab_control(&lab, SOL_SOCKET, 5, &(int){-7}, 4);
    calllab_control(&lab, 0, 1, &(uint8_t){200}, 1);
    calllab_control(&lab, 6, 36, "abc", 3);
    static const char first[] = "{cmsg_level=SOL_SOCKET, cmsg_type=5, cmsg_data=-7}, ";
    char line[512];
    (void)snprintf(line, sizeof line,
                   "%s{cmsg_level=SOL_IP, cmsg_type=IP_TOS, cmsg_data=200}, {cmsg_level=SOL_TCP, cmsg_type=TCP_CM_INQ, "
                   "cmsg_data=\"abc\"}",
                   first);
    control_matches(line);
    control_matches("{cmsg_level=1, cmsg_type=5, cmsg_data=4294967289}, {cmsg_level=0, cmsg_type=1, cmsg_data=...}, "
                    "{cmsg_level=6, cmsg_type=36, cmsg_data=...}");
    control_fails("{cmsg_level=1, cmsg_type=5, cmsg_data=7}", "control message 1: expected 7 but got -7");
    control_fails("{cmsg_level=1, cmsg_type=6, cmsg_data=-7}",
                  "control message 1: expected level 1, type 6 but got level 1, type 5");
    control_fails("{cmsg_level=1, cmsg_type=5, cmsg_data=-7}",
                  "control message 2: expected none but got level 0, type 1");
    control_fails("", "control message 1: expected none but got level 1, type 5");
    (void)snprintf(line, sizeof line, "%s{cmsg_level=0, cmsg_type=1, cmsg_data=\"ab\"}", first);
    control_fails(line, "control message 2: expected 2 bytes of data but got 1");
    (void)snprintf(line, sizeof line,
                   "%s{cmsg_level=0, cmsg_type=1, cmsg_data=200}, {cmsg_level=6, cmsg_type=36, cmsg_data=5}", first);
    control_fails(line, "control message 3: expected 4 bytes of data but got 3");
    (void)snprintf(line, sizeof line,
                   "%s{cmsg_level=0, cmsg_type=1, cmsg_data=200}, {cmsg_level=6, cmsg_type=36, cmsg_data=\"abd\"}",
                   first);
    control_fails(line, "control message 3: expected \"abd\" but got \"abc\"");
    lab.out_len = 0;
    control_fails("{cmsg_level=1, cmsg_type=5, cmsg_data=-7}",
                  "control message 1: expected level 1, type 5 but got none");
    control_matches("");
}

static void test_control_wrong(void **state) {
    (void)state;
    control_refused("7", "argument 2, msg_control, element 1 must be {cmsg_level=, cmsg_type=, cmsg_data=}, not 7");
    control_refused("{cmsg_level=1, cmsg_type=5}",
                    "argument 2, msg_control, element 1 must be {cmsg_level=, cmsg_type=, cmsg_data=}: cmsg_data= is "
                    "missing");
    control_refused("{cmsg_level=..., cmsg_type=5, cmsg_data=1}",
                    "argument 2, msg_control, element 1, cmsg_level must be a number, not ...");
    control_refused("{cmsg_level=1, cmsg_type=5, cmsg_data=inet6_addr(\"::1\")}",
                    "argument 2, msg_control, element 1, cmsg_data must be a number, a string, {scm_sec=, ..}, "
                    "{ee_errno=, ..} or {TCP_NLA_..=, ..}, not the address ::1");
    control_refused(
        "{cmsg_level=1, cmsg_type=5, cmsg_data={scm_sec=1}}",
        "argument 2, msg_control, element 1, cmsg_data must be {scm_sec=, scm_nsec=}: scm_nsec= is missing");
    control_refused("{cmsg_level=1, cmsg_type=5, cmsg_data={scm_sec=1, scm_nsec=1000000000}}",
                    "argument 2, msg_control, element 1, cmsg_data, scm_nsec must be between 0 and 999999999, not "
                    "1000000000");
    control_refused("{cmsg_level=1, cmsg_type=5, cmsg_data={ee_errno=1, ee_origin=256}}",
                    "argument 2, msg_control, element 1, cmsg_data, ee_origin must be between 0 and 255, not 256");
    control_refused("{cmsg_level=1, cmsg_type=5, cmsg_data={ee_errno=1, ee_pad=0}}",
                    "argument 2, msg_control, element 1, cmsg_data must be {ee_errno=, ee_origin=, ee_type=, ee_code=, "
                    "ee_info=, ee_data=}, without the field ee_pad=");
    control_refused("{cmsg_level=1, cmsg_type=5, cmsg_data={TCP_NLA_BUZY=1}}",
                    "argument 2, msg_control, element 1, cmsg_data, element 1: there is no TCP_NLA_BUZY (did you mean "
                    "TCP_NLA_BUSY?)");
    control_refused("{cmsg_level=1, cmsg_type=5, cmsg_data={TCP_INFO=1}}",
                    "argument 2, msg_control, element 1, cmsg_data, element 1 must be TCP_NLA_..=N, not the field "
                    "TCP_INFO=");
    control_refused("{cmsg_level=1, cmsg_type=5, cmsg_data={TCP_NLA_BUSY=\"a\"}}",
                    "argument 2, msg_control, element 1, cmsg_data, element 1, TCP_NLA_BUSY must be a number, not the "
                    "string \"a\"");
    control_refused("{cmsg_level=1, cmsg_type=5, cmsg_data={..., TCP_NLA_BUSY=1}}",
                    "argument 2, msg_control, element 1, cmsg_data, element 1 must be TCP_NLA_..=N, not ...");
    calllab_refuses(&lab, "recvmsg(5, {msg_iov(1)=[{..., 10}], msg_control=7}, 0) = 0",
                    "argument 2, msg_control must be a list [{cmsg_level=, cmsg_type=, cmsg_data=}, ...], not 7");
}

static void test_control_error(void **state) {
    (void)state;
    struct {
        struct sock_extended_err ee;
        uint8_t address[16];
    } data = {
        .ee = {.ee_errno = ENOMSG, .ee_origin = 4, .ee_type = 1, .ee_code = 2, .ee_info = 3000000000, .ee_data = 9}};
    lab.msg_flags = MSG_ERRQUEUE;
    calllab_control(&lab, 0, 11, &data, sizeof data);
    control_matches("{cmsg_level=SOL_IP, cmsg_type=IP_RECVERR, cmsg_data={ee_errno=ENOMSG, "
                    "ee_origin=SO_EE_ORIGIN_TIMESTAMPING, ee_type=1, ee_code=2, ee_info=3000000000, ee_data=9}}");
    control_matches("{cmsg_level=SOL_IP, cmsg_type=IP_RECVERR, cmsg_data={ee_errno=ENOMSG, ee_data=...}}");
    static const char *const wrong[][2] = {
        {"ee_errno=1", "ee_errno 1 but got 42"}, {"ee_origin=5", "ee_origin 5 but got 4"},
        {"ee_type=0", "ee_type 0 but got 1"},    {"ee_code=3", "ee_code 3 but got 2"},
        {"ee_data=0", "ee_data 0 but got 9"},    {"ee_info=4", "ee_info 4 but got 3000000000"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char line[128], error[128];
        (void)snprintf(line, sizeof line, "{cmsg_level=0, cmsg_type=11, cmsg_data={%s}}", wrong[i][0]);
        (void)snprintf(error, sizeof error, "control message 1: expected %s", wrong[i][1]);
        control_fails(line, error);
    }
    lab.out_len = 0;
    calllab_control(&lab, 0, 11, &data, 15);
    control_fails("{cmsg_level=0, cmsg_type=11, cmsg_data={ee_errno=42}}",
                  "control message 1: expected 16 bytes of data but got 15");
}

static void test_control_time(void **state) {
    (void)state;
    static const char stamp[] =
        "{cmsg_level=SOL_SOCKET, cmsg_type=SCM_TIMESTAMPING, cmsg_data={scm_sec=%d, scm_nsec=%d}}";
    char line[160];
    /* half a second ago, which was 1.25 s after the start of the script */
    struct scm_timestamping stamps = {.ts = {{.tv_sec = 999999, .tv_nsec = 900000000}}};
    lab.clock = (struct timespec){.tv_sec = 1000000, .tv_nsec = 400000000};
    lab.now = MSEC(1750);
    lab.settings.tolerance = USEC(4000);
    lab.msg_flags = MSG_ERRQUEUE;
    calllab_control(&lab, SOL_SOCKET, 37, &stamps, sizeof stamps);
    (void)snprintf(line, sizeof line, stamp, 1, 250000000);
    control_matches(line);
    (void)snprintf(line, sizeof line, stamp, 1, 254000000);
    control_matches(line);
    (void)snprintf(line, sizeof line, stamp, 1, 246000000);
    control_matches(line);
    (void)snprintf(line, sizeof line, stamp, 1, 254000001);
    control_fails(line, "control message 1: expected time 1.254000 but got 1.250000; tolerance 0.004000");
    (void)snprintf(line, sizeof line, stamp, 1, 245999999);
    control_fails(line, "control message 1: expected time 1.246000 but got 1.250000; tolerance 0.004000");
    (void)snprintf(line, sizeof line, stamp, 0, 0);
    control_matches(line); /* not compared */

    lab.clock_fails = true;
    (void)snprintf(line, sizeof line, stamp, 1, 250000000);
    control_fails(line, "control message 1: the clock of its time cannot be read");
    lab.clock_fails = false;
    lab.out_len = 0;
    calllab_control(&lab, SOL_SOCKET, 37, &stamps, 16);
    control_fails(line, "control message 1: expected 48 bytes of data but got 16");

    /* any stamp is a time, if a strange one */
    stamps.ts[0] = (struct timespec){.tv_sec = INT64_MIN, .tv_nsec = INT64_MAX};
    lab.out_len = 0;
    calllab_control(&lab, SOL_SOCKET, 37, &stamps, sizeof stamps);
    assert_string_not_equal(calllab_run(&lab, receives(line)), "");
}

/* Without a clock of its own a stack has the machine's. */
static void test_control_real_time(void **state) {
    (void)state;
    struct scm_timestamping stamps = {.ts = {{.tv_sec = 0}}};
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &stamps.ts[0]), 0);
    lab.posix.clock_gettime = NULL;
    lab.now = SEC(5);
    lab.settings.tolerance = SEC(3);
    lab.msg_flags = MSG_ERRQUEUE;
    calllab_control(&lab, SOL_SOCKET, 37, &stamps, sizeof stamps);
    control_matches("{cmsg_level=1, cmsg_type=37, cmsg_data={scm_sec=5, scm_nsec=0}}");
    lab.now = SEC(15);
    assert_string_not_equal(
        calllab_run(&lab, receives("{cmsg_level=1, cmsg_type=37, cmsg_data={scm_sec=5, scm_nsec=0}}")), "");
}

/* ---- Statistics -------------------------------------------------------------------------------------------------- */

struct stats {
    uint8_t data[512];
    size_t len;
};

static void stat_add(struct stats *s, uint16_t type, uint64_t value, uint16_t width) {
    struct nlattr attr = {.nla_len = (uint16_t)(NLA_HDRLEN + width), .nla_type = type};
    memcpy(s->data + s->len, &attr, sizeof attr);
    memcpy(s->data + s->len + NLA_HDRLEN, &value, width); /* of a little-endian machine */
    s->len += (size_t)NLA_ALIGN(attr.nla_len);
}

static uint16_t type_of(const char *name) {
    int64_t value = 0;
    assert_true(symbol_value(name, &value));
    return (uint16_t)value;
}

static void stats_match(const char *stats) {
    char line[512];
    (void)snprintf(line, sizeof line, "{cmsg_level=1, cmsg_type=SCM_TIMESTAMPING_OPT_STATS, cmsg_data={%s}}", stats);
    control_matches(line);
}

static void stats_fail(const char *stats, const char *error) {
    char line[512];
    (void)snprintf(line, sizeof line, "{cmsg_level=1, cmsg_type=SCM_TIMESTAMPING_OPT_STATS, cmsg_data={%s}}", stats);
    control_fails(line, error);
}

static void test_control_stats(void **state) {
    (void)state;
    struct stats s = {.len = 0};
    lab.settings.tolerance = USEC(4000);
    lab.msg_flags = MSG_ERRQUEUE;
    stat_add(&s, type_of("TCP_NLA_BUSY"), 20000, 8);
    stat_add(&s, type_of("TCP_NLA_PAD"), 0, 0);
    stat_add(&s, type_of("TCP_NLA_RWND_LIMITED"), 0, 8);
    stat_add(&s, type_of("TCP_NLA_SND_CWND"), 10, 4);
    stat_add(&s, type_of("TCP_NLA_TIMEOUT_REHASH"), 3, 2);
    stat_add(&s, type_of("TCP_NLA_CA_STATE"), 1, 1);
    calllab_control(&lab, SOL_SOCKET, 54, s.data, s.len);
#define REST "TCP_NLA_RWND_LIMITED=0, TCP_NLA_SND_CWND=10, TCP_NLA_TIMEOUT_REHASH=3, TCP_NLA_CA_STATE=TCP_CA_DISORDER"
    stats_match("TCP_NLA_BUSY=20000, " REST);
    stats_match("TCP_NLA_BUSY=24000, " REST);
    stats_match("TCP_NLA_BUSY=16000, " REST);
    stats_match("TCP_NLA_BUSY=..., " REST);
    stats_match("TCP_NLA_BUSY=..., ...");
    stats_match("...");
    stats_fail("TCP_NLA_BUSY=24001, " REST, "control message 1: expected TCP_NLA_BUSY 24001 but got 20000");
    stats_fail("TCP_NLA_BUSY=0, " REST, "control message 1: expected TCP_NLA_BUSY 0 but got 20000");
    stats_fail("TCP_NLA_BUSY=..., TCP_NLA_RWND_LIMITED=0, TCP_NLA_SND_CWND=11, ...",
               "control message 1: expected TCP_NLA_SND_CWND 11 but got 10");
    stats_fail("TCP_NLA_BUSY=..., TCP_NLA_SND_CWND=10, ...",
               "control message 1: expected TCP_NLA_SND_CWND but got an attribute of type 2");
    stats_fail("TCP_NLA_BUSY=...", "control message 1: expected no further attribute but got one of type 2");
    stats_fail("TCP_NLA_BUSY=20000, " REST ", TCP_NLA_TTL=1",
               "control message 1: expected TCP_NLA_TTL but got no further attribute");
#undef REST
}

/* Attributes that lie about their length. */
static void test_control_stats_broken(void **state) {
    (void)state;
    lab.msg_flags = MSG_ERRQUEUE;
    for (uint16_t len = 0; len < 12; len++) {
        struct stats s = {.len = 0};
        stat_add(&s, 1, 5, 4);
        memcpy(s.data, &len, sizeof len);
        lab.out_len = 0;
        calllab_control(&lab, SOL_SOCKET, 54, s.data, s.len);
        if (len == 8 || len == 5 || len == 6) /* whole numbers */
            stats_match("TCP_NLA_BUSY=5");
        else if (len == 4)
            stats_fail("TCP_NLA_BUSY=5", "control message 1: TCP_NLA_BUSY has 0 bytes");
        else if (len == 7)
            stats_fail("TCP_NLA_BUSY=5", "control message 1: TCP_NLA_BUSY has 3 bytes");
        else
            stats_fail("TCP_NLA_BUSY=5", "control message 1: expected TCP_NLA_BUSY but got no further attribute");
    }
    lab.out_len = 0;
    calllab_control(&lab, SOL_SOCKET, 54, "abc", 3);
    stats_fail("TCP_NLA_BUSY=5", "control message 1: expected TCP_NLA_BUSY but got no further attribute");

    struct cmsghdr hdr = {.cmsg_len = CMSG_LEN(100), .cmsg_level = 1, .cmsg_type = 54};
    memcpy(lab.out, &hdr, sizeof hdr);
    lab.out_len = sizeof hdr + 8;
    stats_fail("...", "control message 1: 116 bytes are more than there are");
    hdr.cmsg_len = 3;
    memcpy(lab.out, &hdr, sizeof hdr);
    stats_fail("...", "control message 1: expected level 1, type 54 but got none");
    control_matches("");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, lab_setup, lab_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_sendmsg),       TEST(test_sendmsg_wrong),
        TEST(test_recvmsg),       TEST(test_control_numbers),
        TEST(test_control_wrong), TEST(test_control_error),
        TEST(test_control_time),  TEST(test_control_real_time),
        TEST(test_control_stats), TEST(test_control_stats_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
