/* SPDX-License-Identifier: BSD-3-Clause */
/* What the parser makes of each part of the language, and what it says when something is wrong. */
#include "testscript.h"

#include <errno.h>
#include <stdio.h>

#include "wire/addr.h"

static struct testscript t;

static const struct event *event(int n) {
    const struct event *e = t.script.events;
    while (n-- > 0 && e)
        e = e->next;
    assert_non_null(e);
    return e;
}

/* The one packet of a script: "0" and the text. */
static const struct packet *packet_as(enum family family, const char *line) {
    char source[400];
    (void)snprintf(source, sizeof source, "0 %s", line);
    testscript_end(&t);
    testscript_good(&t, family, source);
    assert_true(t.script.nevents == 1 && event(0)->kind == EVENT_PACKET);
    return event(0)->packet;
}

static const struct packet *packet(const char *line) { return packet_as(FAMILY_IPV4, line); }

static const struct option *options(const char *text) {
    char line[300];
    (void)snprintf(line, sizeof line, "> . 1:1(0) ack 1 <%s>", text);
    return packet(line)->tcp.options;
}

static const struct mp_line *mptcp(const char *text) {
    const struct option *o = options(text);
    assert_int_equal(o->kind, OPTION_MPTCP);
    return &o->mp;
}

static const struct call *call(const char *text) {
    char source[400];
    (void)snprintf(source, sizeof source, "0 %s", text);
    testscript_end(&t);
    testscript_good(&t, FAMILY_IPV4, source);
    assert_int_equal(event(0)->kind, EVENT_CALL);
    return event(0)->call;
}

static const struct expr *arg(const struct call *c, int n) {
    const struct expr *e = c->args;
    while (n-- > 0 && e)
        e = e->next;
    assert_non_null(e);
    return e;
}

/* A wrong line: column and words of the message. The time takes two columns. */
static void bad(const char *line, uint32_t column, const char *words) {
    char source[400];
    (void)snprintf(source, sizeof source, "0 %s", line);
    testscript_bad(FAMILY_IPV4, source, 1, column, words);
}

static int end(void **state) {
    (void)state;
    testscript_end(&t);
    memset(&t, 0, sizeof t);
    return 0;
}

/* ---- The frame --------------------------------------------------------------------------------------------------- */

static void test_frame(void **state) {
    (void)state;
    testscript_good(&t, FAMILY_IPV4,
                    "--tolerance_usecs=100000 // why not\n"
                    "--define=HOW=`true`\n"
                    "`init\ntwo lines`\n"
                    "\n"
                    "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
                    "+0 HOW +.1\n"
                    "  `sleep 1`\n"
                    "+0 /* where? */\n"
                    "   %{\n"
                    "assert True\n"
                    "}%\n"
                    "`cleanup`\n");
    assert_true(t.settings.tolerance == MSEC(100));
    assert_string_equal(t.script.path, "test.pkt");
    assert_string_equal(t.script.init, "init\ntwo lines");
    assert_true(t.script.init_place.line == 3 && t.script.cleanup_place.line == 13);
    assert_string_equal(t.script.cleanup, "cleanup");
    assert_int_equal(t.script.nevents, 4);
    assert_true(event(0)->kind == EVENT_CALL && event(0)->place.line == 6 && event(0)->place.column == 1);
    assert_true(event(1)->kind == EVENT_COMMAND && event(2)->kind == EVENT_COMMAND);
    assert_string_equal(event(1)->command, "true");
    assert_string_equal(event(2)->command, "sleep 1");
    assert_true(event(2)->when.kind == WHEN_AFTER && event(2)->when.from == MSEC(100));
    assert_int_equal(event(3)->kind, EVENT_CODE);
    assert_string_equal(event(3)->code, "\nassert True\n");
    assert_true(event(3)->place.line == 10 && event(3)->place.column == 4); /* of the code, not of its time */
}

static void test_frame_errors(void **state) {
    (void)state;
    testscript_bad(FAMILY_IPV4, "", 1, 1, "expected an event, found the end of the script");
    testscript_bad(FAMILY_IPV4, "`init`", 1, 7, "expected an event");
    testscript_bad(FAMILY_IPV4, "0 `a`\n`b`\n`c`", 3, 1, "nothing more behind the cleanup command");
    testscript_bad(FAMILY_IPV4, "0 `a`\n--mtu=1", 2, 1, "option lines stand before everything else, found '--mtu=1'");
    testscript_bad(FAMILY_IPV4, "--mtu=1\n--nosuch\n0 `a`", 2, 1, "there is no option --nosuch");
    testscript_bad(FAMILY_IPV4, "--local_ip=::1\n0 `a`", 1, 1, "--local_ip is not an address of --ip_version=ipv4");
    testscript_bad(FAMILY_IPV4, "--a=`b\nc`", 1, 1, "there is no option --a");
    testscript_bad(FAMILY_IPV4, "--mtu=`b\nc`", 1, 1, "not '`b?c`'"); /* one line */
    testscript_bad(FAMILY_IPV4, "0 `a`\nfoo", 2, 1, "expected a time (T, +T, T~T, +T~+T or *), found 'foo'");
    testscript_bad(FAMILY_IPV4, "0 `a`\r\n", 1, 6, "a carriage return");
    testscript_bad(FAMILY_IPV4, "0 /* a", 1, 3, "a comment without its */");
    testscript_bad(FAMILY_IPV4, "0 \"string\"", 1, 3, "found \"string\"");
    testscript_bad(FAMILY_IPV4, "0 ]", 1, 3, "expected a packet (< or >), a system call, a `command` or %{ code }%");
    testscript_start(&t, FAMILY_IPV4);
    t.result = script_parse(&t.script, "x", "0 `a`\0 ", 7, &t.settings, &t.error);
    assert_int_equal(t.result, -EINVAL);
    assert_true(t.error.place.line == 1 && t.error.place.column == 6);
}

/* ---- Times ------------------------------------------------------------------------------------------------------- */

static void test_times(void **state) {
    (void)state;
    testscript_good(&t, FAMILY_IPV4,
                    "0.0 > . 1:1(0)\n"
                    "0.25 > . 1:1(0)\n"
                    "+.000001 > . 1:1(0)\n"
                    ".5~1.5 > . 1:1(0)\n"
                    "+.3~+.400 > . 1:1(0)\n"
                    "* > . 1:1(0)\n"
                    "1.0000000019 > . 1:1(0)\n");
    static const struct when want[] = {
        {WHEN_AT, 0, 0},
        {WHEN_AT, MSEC(250), MSEC(250)},
        {WHEN_AFTER, USEC(1), USEC(1)},
        {WHEN_WITHIN, MSEC(500), MSEC(1500)},
        {WHEN_AFTER_WITHIN, MSEC(300), MSEC(400)},
        {WHEN_ANY, 0, 0},
        {WHEN_AT, SEC(1) + 1, SEC(1) + 1},
    };
    for (int i = 0; i < 7; i++) {
        assert_int_equal(event(i)->when.kind, want[i].kind);
        assert_true(event(i)->when.from == want[i].from && event(i)->when.to == want[i].to);
    }
}

static void test_time_errors(void **state) {
    (void)state;
    testscript_bad(FAMILY_IPV4, "0.1 `a`", 1, 1, "the first event must have the time 0");
    testscript_bad(FAMILY_IPV4, "* > . 1:1(0)", 1, 1, "the first event must have the time 0");
    testscript_bad(FAMILY_IPV4, "0 `a`\n0.5 `b`\n+1 `c`\n2 `d`\n1.9 `e`", 5, 1, "before that of the event in line 4");
    testscript_bad(FAMILY_IPV4, "-1 `a`", 1, 1, "-1: a time is not negative");
    testscript_bad(FAMILY_IPV4, "+-.5 `a`", 1, 2, "-.5: a time is not negative");
    testscript_bad(FAMILY_IPV4, "0~1 `a`", 1, 1, "a time window is for outbound packets (>) only");
    testscript_bad(FAMILY_IPV4, "0 `a` * < . 1:1(0) win 1", 1, 7, "the time * is for outbound packets");
    testscript_bad(FAMILY_IPV4, "+0~1 > . 1:1(0)", 1, 4, "expected '+', found '1'");
    testscript_bad(FAMILY_IPV4, "0~+1 > . 1:1(0)", 1, 3, "both of its times are relative, or none");
    testscript_bad(FAMILY_IPV4, "+0.2~+0.1 > . 1:1(0)", 1, 6, "the window ends before it starts");
    testscript_bad(FAMILY_IPV4, "1000000001 > . 1:1(0)", 1, 1, "a time is at most 1000000000 seconds");
    testscript_bad(FAMILY_IPV4, "0x10 > . 1:1(0)", 1, 1, "expected a time");
}

static void test_blocking(void **state) {
    (void)state;
    testscript_good(&t, FAMILY_IPV4,
                    "0 `a`\n+0...0.150 read(4, ..., 4096) = 10\n+.01...0.020 accept(3, ..., ...) = 4\n"
                    "5...7 close(4) = 0\n");
    assert_true(event(1)->call->blocking && event(1)->call->end_from == MSEC(150));
    assert_true(event(2)->when.from == MSEC(10) && event(2)->call->end_from == MSEC(20));
    assert_true(event(3)->when.kind == WHEN_AT && event(3)->call->end_from == SEC(7));
    assert_true(call("close(3) = 0")->blocking == false);
    testscript_bad(FAMILY_IPV4, "0...1 > . 1:1(0)", 1, 7, "expected a system call: nothing else blocks, found '>'");
    testscript_bad(FAMILY_IPV4, "0 `a` +2...1 close(4) = 0", 1, 7, "the call ends before it starts");
    testscript_bad(FAMILY_IPV4, "0...x close(4) = 0", 1, 5, "expected the time at which the call ends");
}

/* ---- Packets ----------------------------------------------------------------------------------------------------- */

static void test_tcp(void **state) {
    (void)state;
    const struct packet *p = packet("< P. 1:101(100) ack 5 win 257 urg 100 <mss 1460>");
    assert_true(p->inbound && !p->v6 && !p->has_ends && p->proto == PACKET_TCP && p->ip.given == 0);
    assert_int_equal(p->tcp.flags, TCP_PSH | TCP_ACK);
    assert_true(p->tcp.seq == 1 && p->tcp.len == 100 && p->tcp.has_ack && p->tcp.ack == 5);
    assert_true(p->tcp.has_win && p->tcp.win == 257 && p->tcp.urg == 100 && !p->tcp.any_options);
    p = packet("> S 4294967200:4294967295(95) <...>");
    assert_true(!p->inbound && p->tcp.flags == TCP_SYN && p->tcp.any_options && !p->tcp.options);
    assert_true(!p->tcp.has_ack && !p->tcp.has_win && p->tcp.seq == 4294967200u);
    assert_true(packet_as(FAMILY_IPV6, "> . 1:1(0)")->v6);
    assert_false(packet_as(FAMILY_MAPPED, "> . 1:1(0)")->v6);
    bad("< . 1:1(0) ack 1", 19, "inbound packets must say `win N`, found the end of the script");
    bad("> . 1:3(1)", 7, "1 + 1 is not 3");
    bad("> . 4294967295:4294967296(1)", 18, "the largest is 4294967295");
    bad("> . 0x1:1(0)", 7, "it must be decimal here");
    bad("> . 1:1(0) win 65536", 18, "the largest is 65535");
    bad("> . 1:1(0) ack", 17, "expected an acknowledgment number, found the end of the script");
    bad("> . 1:1 ack 1", 11, "expected '(', found 'ack'");
    bad("> . 0:SIZE(SIZE)", 9, "expected the end of the sequence range (or a symbol: -D NAME=VALUE), found 'SIZE'");
    bad("< . 1:1(0) win 5 <...>", 21, "<...> is for outbound packets only");
}

static void test_tcp_flags(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint8_t flags;
        int ae, ace; /* ace -1: none */
    } cases[] = {
        {".", TCP_ACK, 0, -1},
        {"-", 0, 0, -1},
        {"FSRPUEWA.", 0xff, 1, -1},
        {"SEW", TCP_SYN | TCP_ECE | TCP_CWR, 0, -1},
        {"SE.", TCP_SYN | TCP_ECE | TCP_ACK, 0, -1},
        {"P.5", TCP_PSH | TCP_ACK | TCP_ECE, 1, 5},
        {".2", TCP_ACK | TCP_CWR, 0, 2},
        {"S0", TCP_SYN, 0, 0},
        {"-7", TCP_ECE | TCP_CWR, 1, 7},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char line[64];
        (void)snprintf(line, sizeof line, "> %s 1:1(0)", cases[i].text);
        const struct packet *p = packet(line);
        assert_int_equal(p->tcp.flags, cases[i].flags);
        assert_int_equal(p->tcp.ae, cases[i].ae);
        assert_int_equal(p->tcp.has_ace ? p->tcp.ace : -1, cases[i].ace);
    }
    static const char *const wrong[] = {"X", ".S", "SS", "E5", "5S", "S8", "-S", "S..", "S55", "icpm"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char line[64];
        (void)snprintf(line, sizeof line, "> %s 1:1(0)", wrong[i]);
        bad(line, 5, "TCP flags");
    }
    testscript_end(&t);
    testscript_good(&t, FAMILY_IPV4, "--define=LAST=FP\n0 > LAST. 1:1(0)");
    assert_int_equal(event(0)->packet->tcp.flags, TCP_FIN | TCP_PSH | TCP_ACK);
}

static void test_ip_line(void **state) {
    (void)state;
    assert_true(packet("> [ect0] . 1:1(0)")->ip.given == GIVEN_ECN && packet("> [ect0] . 1:1(0)")->ip.tos == 2);
    assert_int_equal(packet("< (ce) . 1:1(0) win 1")->ip.tos, 3);
    assert_int_equal(packet("> [ect01] . 1:1(0)")->ip.given, GIVEN_ECT01);
    const struct ip_line *ip = &packet("> [tos 0x1a, flowlabel 0xABCDE] . 1:1(0)")->ip;
    assert_true(ip->given == (GIVEN_TOS | GIVEN_FLOW_LABEL) && ip->tos == 0x1a && ip->flow_label == 0xabcde);
    ip = &packet("> (ttl 64) . 1:1(0)")->ip;
    assert_true(ip->given == GIVEN_TTL && ip->ttl == 64);
    bad("< [ect01] . 1:1(0) win 1", 3, "ect01 stands for either codepoint");
    bad("> [tos 16] . 1:1(0)", 10, "expected a hexadecimal TOS octet such as 0x10, found '16'");
    bad("> [ect0, ce] . 1:1(0)", 12, "already given");
    bad("> [ttl 256] . 1:1(0)", 10, "the largest is 255");
    bad("> [hop 1] . 1:1(0)", 6, "expected noecn, ect0, ect1, ce, ect01, tos, ttl or flowlabel, found 'hop'");
    bad("> [ce . 1:1(0)", 9, "expected ']'");
}

static void test_ends(void **state) {
    (void)state;
    const struct packet *p = packet("< 1234 > 80 S 0:0(0) win 1");
    assert_true(p->has_ends && p->src.kind == END_PORT && p->src.addr.port == 1234 && p->dst.addr.port == 80);
    p = packet("> 192.0.2.1:5 > addr[c0] . 1:1(0)");
    assert_true(p->src.kind == END_ADDR && p->src.addr.port == 5 && addr_to_v4(&p->src.addr.addr) == 0xc0000201);
    assert_int_equal(p->dst.kind, END_NAME);
    assert_string_equal(p->dst.name, "c0");
    p = packet(">  > addr[b]  S 0:0(0)");
    assert_true(p->has_ends && p->src.kind == END_ANY && p->dst.kind == END_NAME);
    p = packet("> addr[a] > . 1:1(0)");
    assert_true(p->src.kind == END_NAME && p->dst.kind == END_ANY);
    p = packet("< [2001:db8::1]:80 > [2001:db8::2]:5 . 1:1(0) win 1");
    assert_true(p->v6 && p->src.addr.port == 80 && p->dst.addr.addr.b[15] == 2);
    assert_false(packet_as(FAMILY_IPV6, "> 1.2.3.4:1 > 5.6.7.8:2 . 1:1(0)")->v6);
    bad("> 1.2.3.4:1 > [::1]:2 . 1:1(0)", 17, "source and destination are of different families");
    bad("> 70000 > 1 . 1:1(0)", 5, "expected a port, found 70000: the largest is 65535");
    bad("> addr[] > 1 . 1:1(0)", 10, "expected the name of an address, found ']'");
    bad("> 80 . 1:1(0)", 8, "expected '>' and the destination, found '.'");
}

static void test_encap(void **state) {
    (void)state;
    const struct packet *p =
        packet("> ipv4  1.2.3.4 >\t5.6.7.8 [ect0]: gre : mpls (label 5,tc 0, [S],  ttl 255): . 1:1(0)");
    static const char *const texts[] = {
        "ipv4 1.2.3.4 > 5.6.7.8 [ect0]:", "gre:", "mpls (label 5, tc 0, [S], ttl 255):"};
    static const enum encap_kind kinds[] = {ENCAP_IPV4, ENCAP_GRE, ENCAP_MPLS};
    const struct encap *e = p->encaps;
    for (int i = 0; i < 3; i++, e = e->next) {
        assert_int_equal(e->kind, kinds[i]);
        assert_string_equal(e->text, texts[i]);
    }
    assert_null(e);
    assert_string_equal(packet("< ipv6 ::1 > ::2: S 0:0(0) win 1")->encaps->text, "ipv6 ::1 > ::2:");
    assert_string_equal(packet("> gre flags 0x2000, key 0x7, seq 3: . 1:1(0)")->encaps->text,
                        "gre flags 0x2000, key 0x7, seq 3:");
    p = packet("< [ect0] encap psp spi 7 P. 1:501(500) ack 1 win 50000");
    assert_true(p->encaps->kind == ENCAP_PSP && p->ip.given == GIVEN_ECN && p->tcp.len == 500);
    assert_string_equal(p->encaps->text, "encap psp spi 7");
    bad("> gre: gre: gre: gre: gre: gre: gre: . 1:1(0)", 35, "at most 6 headers");
    bad("> gre flags: . 1:1(0)", 14, "expected a number, found ':'");
    bad("> gre speed 5: . 1:1(0)", 9, "expected flags, sum, off, key, seq or ':', found 'speed'");
    bad("> ipv4 1.2.3.4 5.6.7.8: . 1:1(0)", 18, "expected '>'");
    bad("> ipv4 ::1 > ::2: . 1:1(0)", 10, "expected an IPv4 address");
    bad("> encap udp . 1:1(0)", 11, "expected psp");
}

static void test_icmp(void **state) {
    (void)state;
    const struct icmp_line *icmp = &packet("< icmp unreachable frag_needed mtu 1200 [1:1001(1000)]")->icmp;
    assert_true(icmp->type == 3 && icmp->code == 4 && icmp->has_mtu && icmp->mtu == 1200);
    assert_true(icmp->quote == QUOTE_TCP && icmp->quote_seq == 1 && icmp->quote_len == 1000 && !icmp->has_id);
    assert_string_equal(icmp->code_text, "frag_needed");
    icmp = &packet("< icmp unreachable CODE [0:10(10)]")->icmp; /* a symbol that is there */
    assert_int_equal(icmp->code, 1);
    icmp = &packet_as(FAMILY_IPV6, "< icmp packet_too_big mtu 70000 [udp (8)]")->icmp;
    assert_true(icmp->type == 2 && icmp->mtu == 70000 && icmp->quote == QUOTE_UDP && icmp->quote_len == 8);
    icmp = &packet("> icmp echo_request id 9 [raw (64)]")->icmp;
    assert_true(icmp->type == 8 && icmp->has_id && icmp->id == 9 && icmp->quote == QUOTE_RAW && icmp->quote_len == 64);
    icmp = &packet("> icmp type_42 code_7")->icmp;
    assert_true(icmp->type == 42 && icmp->code == 7);
    assert_int_equal(packet_as(FAMILY_IPV6, "> icmp echo_reply")->icmp.type, 129);
    bad("> icmp unreachible", 10, "'unreachible' is no ICMP type; did you mean unreachable?");
    bad("> icmp type_256", 10, "'type_256' is no ICMP type");
    bad("> icmp unreachable frag_need", 22, "did you mean frag_needed?");
    bad("> icmp redirect mtu 5", 19, "mtu belongs to unreachable frag_needed only");
    bad("> icmp echo_reply id 65536", 24, "the largest is 65535");
    bad("> icmp echo_reply [tcp]", 22, "expected what is quoted");
    testscript_bad(FAMILY_IPV6, "0 < icmp unreachable CODE", 1, 22, "'CODE' is no ICMPv6 code of this type");
}

static void test_udp(void **state) {
    (void)state;
    const struct packet *p = packet("> udp (100)");
    assert_true(p->proto == PACKET_UDP && p->udp.len == 100 && !p->has_ends);
    p = packet("< udp 53 > 1234 (64)");
    assert_true(p->udp.len == 64 && p->src.addr.port == 53 && p->dst.addr.port == 1234);
    bad("> udp 100", 12, "expected '>' and the destination");
}

/* ---- TCP options ------------------------------------------------------------------------------------------------- */

static void test_options(void **state) {
    (void)state;
    const struct option *o = options("mss 1460, sackOK,TS val 4294967295 ecr 7,nop , wscale 8, eol,nop,nop,nop");
    static const enum option_kind kinds[] = {OPTION_MSS, OPTION_SACK_OK, OPTION_TS,  OPTION_NOP, OPTION_WSCALE,
                                             OPTION_EOL, OPTION_NOP,     OPTION_NOP, OPTION_NOP};
    assert_int_equal(o->n, 1460);
    assert_true(o->next->next->ts.val == UINT32_MAX && o->next->next->ts.ecr == 7);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++, o = o->next) {
        assert_int_equal(o->kind, kinds[i]);
        if (o->kind == OPTION_WSCALE)
            assert_int_equal(o->n, 8);
    }
    assert_null(o);
    o = options("sack 1:2 3:4 5:4294967295,nop,nop");
    assert_true(o->sack.n == 3 && o->sack.block[2].left == 5 && o->sack.block[2].right == UINT32_MAX);
    o = options("md5 000102030405060708090a0b0c0d0e0f,nop,nop");
    assert_true(o->kind == OPTION_MD5 && o->bytes.len == 16 && o->bytes.octets[15] == 15);
    assert_true(options("FO,nop,nop")->bytes.len == 0);
    o = options("FO 000000000000"); /* a number to the lexer */
    assert_true(o->kind == OPTION_FO && o->bytes.len == 6);
    o = options("FOEXP TFO_COOKIE");
    assert_true(o->kind == OPTION_FOEXP && o->bytes.len == 8);
    assert_memory_equal(o->bytes.octets, "\x30\x21\xb9\xd8\x89\x01\x7e\xeb", 8);
    o = options("ECN e1b 5 ceb 16777215,nop,nop,nop,nop");
    assert_true(o->ecn.order == 1 && o->ecn.n == 2 && o->ecn.counter[1] == 0xffffff);
    o = options("ECN e0b 1 ceb 2 e1b 3,nop");
    assert_true(o->ecn.order == 0 && o->ecn.n == 3 && o->ecn.counter[2] == 3);
    o = options("raw 1e0300,raw 01");
    assert_true(o->kind == OPTION_RAW && o->bytes.len == 3 && o->next->bytes.len == 1);
    assert_memory_equal(o->bytes.octets, "\x1e\x03\x00", 3);
}

static void test_option_errors(void **state) {
    (void)state;
    bad("> . 1:1(0) <mss 65536>", 19, "the largest is 65535");
    bad("> . 1:1(0) <wscale 256>", 22, "the largest is 255");
    bad("> . 1:1(0) <mms 1460>", 15, "'mms' is no TCP option; did you mean mss?");
    bad("> . 1:1(0) <mp_capabel v1>", 15, "did you mean mp_capable?");
    bad("> . 1:1(0) <mss MSS>", 19, "(or a symbol: -D NAME=VALUE), found 'MSS'");
    bad("> . 1:1(0) <>", 15, "expected a TCP option, found '>'");
    bad("> . 1:1(0) <nop nop>", 19, "expected ',' or '>' behind the option, found 'nop'");
    bad("> . 1:1(0) <sack 1:2 3:4 5:6 7:8 9:10>", 36, "at most 4 SACK blocks fit");
    bad("> . 1:1(0) <sack>", 19, "expected a SACK block LEFT:RIGHT");
    bad("> . 1:1(0) <TS val 1 ecr>", 27, "expected a timestamp");
    bad("> . 1:1(0) <FO 123>", 18, "octets as hexadecimal digits, two for each");
    bad("> . 1:1(0) <raw xy>", 19, "octets as hexadecimal digits");
    bad("> . 1:1(0) <raw>", 18, "octets as hexadecimal digits");
    bad("> . 1:1(0) <md5 000102030405060708090a0b0c0d0e0f10>", 19, "at most 16 octets");
    bad("> . 1:1(0) <ECN ceb 1>", 19, "expected e0b N or e1b N");
    bad("> . 1:1(0) <ECN e0b 16777216>", 23, "the largest is 16777215");
}

static void test_ledger(void **state) {
    (void)state;
    bad("> . 1:1(0) <mss 1460, wscale 7>", 14, "these options take 7 octets, which is no multiple of 4: add a nop");
    bad("> . 1:1(0) <sackOK>", 14, "take 2 octets, which is no multiple of 4: add nop, nop");
    bad("> . 1:1(0) <nop>", 14, "take 1 octets, which is no multiple of 4: add nop, nop, nop");
    bad("> . 1:1(0) <sack 1:2 3:4 5:6 7:8, TS val 1 ecr 1>", 14, "take 44 octets, at most 40 fit");
    /* Each MPTCP option and its octets, modulo 4. */
    static const struct {
        const char *text;
        int pad;
    } cases[] = {
        {"mpcapable v1 flags[flag_h] nokey", 0},
        {"mpcapable v1 flags[flag_h] key[a]", 0},
        {"mpcapable v1 flags[flag_h] key[a, b]", 0},
        {"mpcapable v1 flags[flag_h] key[a, b] mpcdatalen 9", 2},
        {"mpcapable v1 flags[flag_h] nokey mpcdatalen 9", 2},
        {"mpcapable v1 flags[flag_a] key[a, b] mpcdatalen 9 cksum", 0},
        {"mp_join_syn token=auto", 0},
        {"mp_join_syn_ack sender_hmac=auto", 0},
        {"mp_join_ack sender_hmac=auto", 0},
        {"dss dack4=1 nocs", 0},
        {"dss dack8=1", 0},
        {"dss dack4=1 dsn4=1 ssn=1 dll=1", 0},
        {"dss dack4=1 dsn4=1 ssn=1 dll=1 nocs", 2},
        {"dss dack8=1 dsn8=1 cksum=0", 2},
        {"dss dsn8=1 ssn=1 dll=1 cksum=5", 0},
        {"dss dsn4=1 nocs", 2},
        {"add_address addr[a] addr_echo", 0},
        {"add_address addr[a] hmac=auto", 0},
        {"add_address addr[a] port=1 hmac=auto", 2},
        {"add_address addr[a=inet6_addr(\"::1\")] addr_echo", 0},
        {"add_address addr[a=inet6_addr(\"::1\")] port=1 hmac=1", 2},
        {"remove_address address_id=[1]", 0},
        {"remove_address address_id=[1, 2, 3]", 2},
        {"mp_prio backup=1", 1},
        {"mp_prio backup=1 address_id=3", 0},
        {"mp_fail dsn8=1", 0},
        {"mp_fastclose", 0},
        {"mp_reset 1", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int pad = 0; pad < 4; pad++) {
            char line[200];
            (void)snprintf(line, sizeof line, "0 > . 1:1(0) <%s%.*s>", cases[i].text, pad * 4, ",nop,nop,nop");
            testscript_end(&t);
            testscript_start(&t, FAMILY_IPV4);
            testscript_parse(&t, line);
            if ((t.result == 0) != (pad == cases[i].pad))
                fail_msg("%s: %s", line, t.error.text);
        }
    }
    /* The family decides about an address without a literal: 16 octets or 28, beside 16. */
    static const char line[] = "0 > . 1:1(0) <nop,nop,TS val 1 ecr 1,mss 1,add_address addr[a] hmac=1>";
    testscript_end(&t);
    testscript_good(&t, FAMILY_IPV4, line);
    testscript_end(&t);
    memset(&t, 0, sizeof t);
    testscript_bad(FAMILY_IPV6, line, 1, 14, "take 44 octets, at most 40 fit");
}

/* ---- MPTCP options ----------------------------------------------------------------------------------------------- */

static void test_capable(void **state) {
    (void)state;
    const struct mp_line *mp = mptcp("mpcapable v1 flags[flag_h] nokey");
    assert_true(mp->type == MPC_SYN && mp->mpc.version == 1 && mp->mpc.flags == 1 && mp->mpc.nkeys == 0);
    mp = mptcp("mpcapable v0 flags[flag_a, flag_b, flag_h] key[ckey=2]");
    assert_true(mp->type == MPC_SYNACK && mp->mpc.version == 0 && mp->mpc.flags == 0xc1);
    assert_true(mp->mpc.key[0].kind == VALUE_NAME && mp->mpc.key[0].assigned && mp->mpc.key[0].n == 2);
    assert_string_equal(mp->mpc.key[0].name, "ckey");
    mp = mptcp("mpcapable none flags 0x81 key[ckey, skey] mpcdatalen 33, nop, nop");
    assert_true(mp->type == MPC_DATA && mp->mpc.version == 1 && mp->mpc.flags == 0x81 && mp->mpc.len == 33);
    assert_true(mp->mpc.nkeys == 2 && !mp->mpc.key[1].assigned && !value_given(&mp->mpc.csum));
    mp = mptcp("mpcapable v15 flags[no_flags] key[0x12, 5] mpcdatalen 1 cksum");
    assert_true(mp->mpc.version == 15 && mp->mpc.flags == 0 && mp->mpc.csum.kind == VALUE_AUTO);
    assert_true(mp->mpc.key[0].kind == VALUE_NUMBER && mp->mpc.key[0].n == 0x12 && mp->mpc.key[1].n == 5);
    mp = mptcp("mpcapable v1 flags[flag_h] key[a, b] mpcdatalen 1 cksum=0xabcd");
    assert_true(mp->mpc.csum.kind == VALUE_NUMBER && mp->mpc.csum.n == 0xabcd);
    mp = mptcp("mp_capable a b");
    assert_true(mp->type == MPC_ACK && mp->mpc.version == 0 && mp->mpc.flags == 0x81);
    mp = mptcp("mp_capable_no_cs a");
    assert_true(mp->type == MPC_SYNACK && mp->mpc.flags == 1);
    assert_int_equal(mptcp("mp_capable a flag_b flag_c")->mpc.flags, 0x60);
    bad("> . 1:1(0) <mpcapable v16 flags 1 nokey>", 25, "expected a version (v0 to v15), found 'v16'");
    bad("> . 1:1(0) <mpcapable v1 flags[flag_x] nokey>", 34, "a flag from flag_a to flag_h, or no_flags");
    bad("> . 1:1(0) <mpcapable v1 flags[flag_h] key[a, b, c]>", 52, "mpcapable has at most two keys");
    bad("> . 1:1(0) <mpcapable v1 flags[flag_h] key[]>", 46, "the name of a key, or a number");
    bad("> . 1:1(0) <mpcapable v1 flags[flag_h] key[a, b] mpcdatalen 0>", 63, "mpcdatalen is at least 1");
    bad("> . 1:1(0) <mpcapable v1 flags[flag_h] key[a, b] cksum>", 52, "mpcdatalen N before the checksum");
    bad("> . 1:1(0) <mpcapable v1 flags[flag_h] key[a=18446744073709551616]>", 48,
        "the largest is 18446744073709551615");
}

static void test_join(void **state) {
    (void)state;
    const struct mp_line *mp = mptcp("mp_join_syn backup=1 address_id=3 token=sha256_32(skey) rand=7");
    assert_true(mp->type == MPJ_SYN && mp->mpj.backup && mp->mpj.addr_id.n == 3 && mp->mpj.nonce.n == 7);
    assert_int_equal(mp->mpj.token.kind, VALUE_HASH);
    assert_string_equal(mp->mpj.token.function, "sha256_32");
    assert_string_equal(mp->mpj.token.name, "skey");
    mp = mptcp("mp_join_syn address_id=auto token=0xffffffff");
    assert_true(mp->mpj.addr_id.kind == VALUE_AUTO && mp->mpj.token.n == UINT32_MAX && !value_given(&mp->mpj.nonce));
    mp = mptcp("mp_join_syn_ack address_id=1 sender_hmac=trunc_l64_hmac(a b) rand=1");
    assert_true(mp->type == MPJ_SYNACK && mp->mpj.hmac.kind == VALUE_HMAC);
    assert_string_equal(mp->mpj.hmac.name2, "b");
    assert_true(mptcp("mp_join_syn_ack token=auto")->mpj.hmac.kind == VALUE_AUTO);
    mp = mptcp("mp_join_syn_ack sender_hmac=258");
    assert_true(mp->mpj.hmac.kind == VALUE_NUMBER && mp->mpj.hmac.n == 258);
    assert_memory_equal(mp->mpj.hmac_bytes, "\0\0\0\0\0\0\1\2", 8);
    mp = mptcp("mp_join_syn_ack sender_hmac=trunc_l64_hmac(5)");
    assert_true(mp->mpj.hmac.kind == VALUE_HMAC && mp->mpj.hmac.n == 5 && !mp->mpj.hmac.name);
    mp = mptcp("mp_join_ack sender_hmac=0x000102030405060708090a0b0c0d0e0f10111213");
    assert_true(mp->type == MPJ_ACK && mp->mpj.hmac.kind == VALUE_NUMBER);
    assert_true(mp->mpj.hmac_bytes[0] == 0 && mp->mpj.hmac_bytes[19] == 0x13);
    assert_string_equal(mptcp("mp_join_ack sender_hmac=full_160_hmac(a b)")->mpj.hmac.function, "full_160_hmac");
    bad("> . 1:1(0) <mp_join_syn address_id=1>", 39, "expected token of mp_join_syn, found '>'");
    bad("> . 1:1(0) <mp_join_syn token=auto token=auto>", 38, "token is given twice");
    bad("> . 1:1(0) <mp_join_syn token=auto sender_hmac=auto>", 38,
        "a parameter of mp_join_syn (backup, address_id, token, rand), ',' or '>'");
    bad("> . 1:1(0) <mp_join_syn_ack token=5>", 37, "expected auto: a token is in SYNs only");
    bad("> . 1:1(0) <mp_join_ack sender_hmac=5>", 39, "0x and 40 digits, found '5'");
    bad("> . 1:1(0) <mp_join_syn address_id=256 token=auto>", 38, "the largest is 255");
    bad("> . 1:1(0) <mp_join_syn backup=2 token=auto>", 34, "expected 0 or 1");
    bad("> . 1:1(0) <mp_join_syn backup token=auto>", 34, "expected '='");
    bad("> . 1:1(0) <mp_join_syn token=sha256(k)>", 33, "expected a token");
}

static void test_dss(void **state) {
    (void)state;
    const struct mp_line *mp = mptcp("dss dack8=301 dsn4=1 ssn=1 dll=40 nocs fin, nop, nop");
    assert_true(mp->type == MP_DSS && mp->dss.has_ack && mp->dss.ack64 && mp->dss.has_map && !mp->dss.dsn64);
    assert_true(mp->dss.ack.n == 301 && mp->dss.dsn.n == 1 && mp->dss.ssn.n == 1 && mp->dss.dll.n == 40);
    assert_true(mp->dss.nocs && mp->dss.fin && !value_given(&mp->dss.csum));
    mp = mptcp("dss dack4 dsn8 cksum=77");
    assert_true(!mp->dss.ack64 && mp->dss.dsn64 && !value_given(&mp->dss.ack) && !value_given(&mp->dss.dsn));
    assert_true(!value_given(&mp->dss.ssn) && mp->dss.csum.n == 77 && !mp->dss.nocs);
    mp = mptcp("dss dsn8=0xffffffffffffffff ssn=0 dll=1 fin cksum=0, nop, nop");
    assert_true(!mp->dss.has_ack && mp->dss.dsn.n == UINT64_MAX && mp->dss.nocs && !value_given(&mp->dss.csum));
    mp = mptcp("dss dack8=trunc_r64_hmac(skey) + 5 dsn8=trunc_r64_hmac_sha256(9) nocs, nop, nop");
    assert_true(mp->dss.ack.kind == VALUE_IDSN && mp->dss.ack.n == 5 && mp->dss.dsn.kind == VALUE_HASH);
    assert_string_equal(mp->dss.ack.name, "skey");
    assert_string_equal(mp->dss.dsn.function, "trunc_r64_hmac_sha256");
    mp = mptcp("dss dack8=3 dll=0 nocs"); /* as scripts have it */
    assert_true(!mp->dss.has_map && mp->dss.nocs && !value_given(&mp->dss.dll));
    bad("> . 1:1(0) <dss>", 18, "dss needs an acknowledgment");
    bad("> . 1:1(0) <dss nocs>", 19, "dss needs an acknowledgment");
    bad("> . 1:1(0) <dss dack4=1 dack8=1>", 19, "one acknowledgment and one mapping");
    bad("> . 1:1(0) <dss dack4=1 fin>", 19, "fin belongs to a mapping");
    bad("> . 1:1(0) <dss dsn4=1 nocs cksum=5>", 19, "nocs and cksum contradict each other");
    bad("> . 1:1(0) <dss dack4=x>", 25, "expected a data sequence number");
    bad("> . 1:1(0) <dss dack4=1 ssn>", 30, "expected '=', found '>'");
    bad("> . 1:1(0) <dss dack4=1 dll=65536>", 31, "the largest is 65535");
}

static void test_addresses(void **state) {
    (void)state;
    const struct mp_line *mp = mptcp("add_address address_id=4 addr[extra=inet_addr(\"203.0.113.9\")] hmac=auto");
    assert_true(mp->type == MP_ADD_ADDR && mp->add_addr.addr_id.n == 4 && mp->add_addr.addr.literal);
    assert_true(addr_to_v4(&mp->add_addr.addr.addr) == 0xcb007109 && mp->add_addr.hmac.kind == VALUE_AUTO);
    assert_string_equal(mp->add_addr.addr.name, "extra");
    mp = mptcp("add_address addr[a] port=8080 addr_echo, nop, nop");
    assert_true(mp->add_addr.echo && mp->add_addr.port.n == 8080 && !mp->add_addr.addr.literal);
    mp = mptcp("add_address addr[inet6_addr(\"2001:db8::1\")] hmac=0x1122334455667788");
    assert_true(!mp->add_addr.addr.name && mp->add_addr.hmac.n == 0x1122334455667788);
    assert_false(value_given(&mptcp("add_address addr[a]")->add_addr.hmac)); /* anything */
    mp = mptcp("remove_address address_id=[3, 1, 255], nop, nop");
    assert_true(mp->type == MP_REMOVE_ADDR && mp->remove.n == 3 && mp->remove.ids[0] == 3 && mp->remove.ids[2] == 255);
    mp = mptcp("mp_prio backup=1, nop");
    assert_true(mp->type == MP_PRIO && mp->prio.backup && !value_given(&mp->prio.addr_id));
    assert_false(value_given(&mptcp("mp_prio address_id=auto, nop")->prio.addr_id));
    assert_true(mptcp("mp_prio backup=0 address_id=5")->prio.addr_id.n == 5);
    bad("< . 1:1(0) win 1 <add_address addr[a]>", 40, "expected hmac of add_address");
    bad("> . 1:1(0) <add_address address_id=1 addr_echo>", 49, "expected addr[NAME] of add_address");
    bad("> . 1:1(0) <add_address addr[a] addr_echo hmac=1>", 50, "an echo (addr_echo) has no HMAC");
    bad("> . 1:1(0) <add_address addr[a=inet_addr(\"1.2.3\")] hmac=1>", 44, "\"1.2.3\" is not an IPv4 address");
    bad("> . 1:1(0) <add_address addr[a=inet_addr(\"::1\")] hmac=1>", 44, "\"::1\" is not an IPv4 address");
    bad("> . 1:1(0) <add_address addr[a=b] hmac=1>", 34, "expected inet_addr(\"..\") or inet6_addr(\"..\")");
    bad("> . 1:1(0) <remove_address address_id=3>", 41, "expected '['");
    bad("> . 1:1(0) <remove_address address_id=[1,2,3,4,5,6,7,8,9]>", 58, "at most 8 address ids");
}

static void test_end(void **state) {
    (void)state;
    assert_false(value_given(&mptcp("mp_fastclose")->fastclose.key));
    const struct mp_line *mp = mptcp("mp_fastclose ckey=42");
    assert_true(mp->type == MP_FASTCLOSE && mp->fastclose.key.assigned && mp->fastclose.key.n == 42);
    mp = mptcp("mp_fastclose ckey + 1");
    assert_true(mp->fastclose.key.kind == VALUE_NAME && !mp->fastclose.key.assigned && mp->fastclose.key.n == 1);
    assert_true(mptcp("mp_fastclose 0x10")->fastclose.key.kind == VALUE_NUMBER);
    mp = mptcp("mp_fail dsn8=301");
    assert_true(mp->type == MP_FAIL && mp->fail.dsn.n == 301);
    assert_false(value_given(&mptcp("mp_fail")->fail.dsn));
    assert_false(value_given(&mptcp("mp_fail dsn8")->fail.dsn));
    mp = mptcp("mp_reset 3 flags[flag_t]");
    assert_true(mp->type == MP_TCPRST && mp->rst.reason == 3 && mp->rst.flags == 1);
    assert_int_equal(mptcp("mp_reset 255 flags[flag_u, flag_v, flag_w]")->rst.flags, 14);
    assert_int_equal(mptcp("mp_reset 0 flags[no_flags]")->rst.flags, 0);
    bad("> . 1:1(0) <mp_fail dsn4=1>", 23, "mp_fail has a number of 8 octets");
    bad("< . 1:1(0) win 1 <mp_fail>", 28, "an inbound mp_fail needs its number");
    bad("> . 1:1(0) <mp_reset>", 23, "expected a reason (0 to 255)");
    bad("> . 1:1(0) <mp_reset 256>", 24, "the largest is 255");
    bad("> . 1:1(0) <mp_reset 1 flags[flag_h]>", 32, "a flag from flag_u to flag_w, flag_t, or no_flags");
    bad("> . 1:1(0) <mp_reset 1 flags 16>", 24, "mp_reset has four bits of flags");
}

/* ---- System calls ------------------------------------------------------------------------------------------------ */

static void test_calls(void **state) {
    (void)state;
    const struct call *c = call("read(4, ..., 0x1000) = -1 EAGAIN (Resource temporarily unavailable)");
    assert_string_equal(c->name, "read");
    assert_true(c->nargs == 3 && c->result == -1 && c->errno_value == EAGAIN && c->place.column == 3);
    assert_string_equal(c->errno_name, "EAGAIN");
    assert_true(arg(c, 0)->kind == EXPR_INT && arg(c, 0)->n == 4 && !arg(c, 0)->text);
    assert_true(arg(c, 1)->kind == EXPR_ELLIPSIS && arg(c, 2)->n == 4096 && !arg(c, 3 - 1)->next);
    c = call("fcntl(3, F_GETFL) = 0x2 (flags O_RDWR, and 5.x of 'it')");
    assert_true(c->result == 2 && !c->errno_name && c->nargs == 2);
    c = call("setsockopt(3, SOL_TCP, TCP_FASTOPEN_KEY, \"\\xf7\\x63\\x00\"\n \"AB\"..., 5) = -1 (Invalid Argument)");
    assert_true(arg(c, 3)->kind == EXPR_STRING && arg(c, 3)->len == 5 && c->result == -1);
    assert_memory_equal(arg(c, 3)->text, "\xf7\x63\0AB", 5);
    assert_string_equal(call("open(\"a\\\\b\\\"c\", O_RDONLY) = 5")->args->text, "a\\b\"c");
    c = call("setsockopt(3, SOL_SOCKET, SO_TIMESTAMPING, [SO_DEBUG | 0x10|SOL_SOCKET], 4) = 0");
    const struct expr * or = arg(c, 3)->items;
    assert_true(arg(c, 3)->kind == EXPR_LIST && or->kind == EXPR_OR && ! or->next && or->n == 0x11);
    assert_true(or->items->n == 1 && or->items->next->n == 16 && or->items->next->next->n == 1);
    assert_string_equal(or->items->text, "SO_DEBUG");
    c = call("epoll_ctl(5, EPOLL_CTL_ADD, 4, {events=EPOLLIN|EPOLLET, u64=0xffffffffffffffff}) = 0");
    const struct expr *f = arg(c, 3)->items;
    assert_true(f->kind == EXPR_FIELD && f->items->kind == EXPR_OR && f->next->items->n == -1);
    assert_string_equal(f->next->text, "u64");
}

static void test_call_messages(void **state) {
    (void)state;
    const struct call *c =
        call("recvmsg(4, {msg_name(...)=..., msg_iov(2)=[{..., 0}, {..., 9}], msg_flags=MSG_ERRQUEUE,\n"
             " msg_control=[{cmsg_level=CMSG_LEVEL_IP, cmsg_type=CMSG_TYPE_RECVERR,\n"
             " cmsg_data={ee_errno=ENOMSG, ee_info=...}}]}, MSG_ERRQUEUE) = 0");
    const struct expr *f = arg(c, 1)->items;
    assert_true(f->kind == EXPR_FIELD && f->len == FIELD_ELLIPSIS && f->items->kind == EXPR_ELLIPSIS);
    f = f->next;
    assert_string_equal(f->text, "msg_iov");
    assert_true(f->len == FIELD_NUMBER && f->n == 2 && f->items->kind == EXPR_LIST);
    assert_true(f->items->items->kind == EXPR_STRUCT && f->items->items->items->next->n == 0);
    const struct expr *cmsg = f->next->next->items->items;
    assert_string_equal(cmsg->items->items->text, "SOL_IP"); /* what the symbol stands for */
    const struct expr *data = cmsg->items->next->next->items->items;
    assert_true(data->items->n == ENOMSG && data->next->items->kind == EXPR_ELLIPSIS);
    c = call("connect(3, {sa_family = AF_INET, sin_port = htons(80), sin_addr = inet_addr(\"1.2.3.4\")}, ...) = 0");
    f = arg(c, 1)->items;
    assert_true(f->next->items->kind == EXPR_PORT && f->next->items->n == 80);
    uint32_t network = (uint32_t)f->next->next->items->n;
    assert_memory_equal(&network, "\1\2\3\4", 4);
    c = call("setsockopt(3, SOL_TCP, TCP_MAXSEG, inet6_addr(\"2001:db8::5\"), 16) = 0");
    assert_true(arg(c, 3)->kind == EXPR_ADDR6 && arg(c, 3)->addr.b[15] == 5);
    assert_true(arg(call("recvmsg(4, {msg_control=[]}, 0) = -1"), 1)->items->items->items == NULL);
}

static void test_call_errors(void **state) {
    (void)state;
    bad("sokcet(..., SOCK_STREAM, 0) = 3", 3, "there is no system call 'sokcet'");
    bad("foo 5", 3, "expected a packet (< or >) or a system call, found 'foo'");
    bad("read(4, ...) = 3", 7, "read() takes 3 arguments, not 2");
    bad("fcntl(4) = 3", 8, "fcntl() takes 2 to 3 arguments, not 1");
    bad("listen(3, 1, 2) = 0", 9, "listen() takes 2 arguments, not 3");
    bad("socket(..., SOCK_STRAEM, 0) = 3", 15, "unknown symbol 'SOCK_STRAEM'; did you mean SOCK_STREAM?");
    bad("close(3) = 0 EAGIAN (x)", 16, "'EAGIAN' is no errno; did you mean EAGAIN?");
    bad("close(3)", 11, "expected '=', found the end of the script");
    bad("close(3) = SOL_TCP", 14, "expected the result, a number, found 'SOL_TCP'");
    bad("close(3) = 0 EAGAIN (x", 23, "a remark without its ')'");
    bad("close(3 = 0", 11, "expected ',' or ')' behind the argument");
    bad("close(18446744073709551616) = 0", 9, "does not fit in 64 bits");
    bad("close(-9223372036854775809) = 0", 9, "does not fit in 64 bits");
    bad("close(...|1) = 0", 9, "only numbers and symbols can be combined with |");
    bad("open(\"\\q\", 0) = 3", 8, "no such escape in a string");
    bad("open(\"a\n\", 0) = 3", 8, "a string without its closing quote");
    bad("setsockopt(3, 1, 2, [1, 4) = 0", 28, "expected ',' or ']', found ')'");
    bad("close([[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]) = 0", 21, "lists are nested too deeply");
    bad("connect(3, inet_addr(5), ...) = 0", 24, "expected a string, found '5'");
}

/* ---- Settings and symbols ---------------------------------------------------------------------------------------- */

static void test_settings(void **state) {
    (void)state;
    testscript_good(&t, FAMILY_IPV4, "--ip_version=ipv6\n0 > . 1:1(0)");
    assert_true(event(0)->packet->v6 && t.settings.mtu == 1520);
    testscript_end(&t);

    char error[100];
    testscript_start(&t, FAMILY_IPV4);
    assert_int_equal(settings_apply(&t.settings, "define=N=3", true, error, sizeof error), 0);
    testscript_parse(&t, "--define=N=4\n--define=TIME=0\nTIME close(N) = 0\n+0 > . 1:N(2)");
    assert_int_equal(t.result, 0);
    assert_int_equal(event(0)->call->args->n, 3);
    assert_int_equal(event(1)->packet->tcp.len, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_frame, end),       cmocka_unit_test_teardown(test_frame_errors, end),
        cmocka_unit_test_teardown(test_times, end),       cmocka_unit_test_teardown(test_time_errors, end),
        cmocka_unit_test_teardown(test_blocking, end),    cmocka_unit_test_teardown(test_tcp, end),
        cmocka_unit_test_teardown(test_tcp_flags, end),   cmocka_unit_test_teardown(test_ip_line, end),
        cmocka_unit_test_teardown(test_ends, end),        cmocka_unit_test_teardown(test_encap, end),
        cmocka_unit_test_teardown(test_icmp, end),        cmocka_unit_test_teardown(test_udp, end),
        cmocka_unit_test_teardown(test_options, end),     cmocka_unit_test_teardown(test_option_errors, end),
        cmocka_unit_test_teardown(test_ledger, end),      cmocka_unit_test_teardown(test_capable, end),
        cmocka_unit_test_teardown(test_join, end),        cmocka_unit_test_teardown(test_dss, end),
        cmocka_unit_test_teardown(test_addresses, end),   cmocka_unit_test_teardown(test_end, end),
        cmocka_unit_test_teardown(test_calls, end),       cmocka_unit_test_teardown(test_call_messages, end),
        cmocka_unit_test_teardown(test_call_errors, end), cmocka_unit_test_teardown(test_settings, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
