/* SPDX-License-Identifier: BSD-3-Clause */
/* Tokens of scripts: each kind, what is longest, where they stand, symbols, and text that ends too soon. */
#include "testscript.h"

#include <stdio.h>

#include "script/lexer.h"

static struct token one(const char *source) {
    struct lexer lx = lexer_of(source, strlen(source), NULL);
    return lexer_next(&lx);
}

static void assert_token(const char *source, enum token_kind kind, const char *text) {
    struct token t = one(source);
    char got[64] = "";
    assert_true(t.len < sizeof got);
    memcpy(got, t.text, t.len);
    assert_string_equal(got, text);
    assert_int_equal(t.kind, kind);
}

static void test_kinds(void **state) {
    (void)state;
    assert_token("  12,", TOKEN_INT, "12");
    assert_token("-12 ", TOKEN_INT, "-12");
    assert_token("0x1F>", TOKEN_HEX, "0x1F");
    assert_token(".25 ", TOKEN_FLOAT, ".25");
    assert_token("-0.5", TOKEN_FLOAT, "-0.5");
    assert_token("mp_fail<", TOKEN_WORD, "mp_fail");
    assert_token("\"a\\\"b\" c", TOKEN_STRING, "a\\\"b");
    assert_token("`a\n\\` b` c", TOKEN_COMMAND, "a\n\\` b");
    assert_token("%{ x % 2 }%", TOKEN_CODE, " x % 2 ");
    assert_token("...", TOKEN_ELLIPSIS, "...");
    assert_token("192.0.2.1:80", TOKEN_ADDR4, "192.0.2.1");
    assert_token("fd3d::1,", TOKEN_ADDR6, "fd3d::1");
    assert_token("--mtu=1500 0", TOKEN_OPTION, "mtu=1500");
    assert_token("<", TOKEN_CHAR, "<");
    assert_token("", TOKEN_END, "");
    assert_token("  // all of it", TOKEN_END, "");
}

static void test_longest_match(void **state) {
    (void)state;
    assert_token("3021b9d889017eeb", TOKEN_WORD, "3021b9d889017eeb");
    assert_token("0x12g", TOKEN_WORD, "0x12g");
    assert_token("1.", TOKEN_INT, "1"); /* no number ends with a point */
    assert_token("0...0.15", TOKEN_INT, "0");
    assert_token(".01...0.020", TOKEN_FLOAT, ".01");
    assert_token("1:61(60)", TOKEN_INT, "1"); /* a range, no address */
    assert_token("1.2.3.4.5", TOKEN_ADDR4, "1.2.3.4");
    assert_token("1.2.3.400", TOKEN_FLOAT, "1.2");
    assert_token("2001:db8::2: S", TOKEN_ADDR6, "2001:db8::2");
    assert_token("1:2:3:4:5:6:7:8 ", TOKEN_ADDR6, "1:2:3:4:5:6:7:8");
    assert_token("::ffff:1.2.3.4]", TOKEN_ADDR6, "::ffff:1.2.3.4");
    assert_token("-", TOKEN_CHAR, "-");
    assert_token("-x", TOKEN_CHAR, "-");
    assert_token("..", TOKEN_CHAR, ".");
}

static void test_numbers(void **state) {
    (void)state;
    struct token t = one("18446744073709551615");
    assert_true(t.n == UINT64_MAX && !t.too_large && !t.negative);
    assert_true(one("18446744073709551616").too_large);
    t = one("-7");
    assert_true(t.n == 7 && t.negative);
    assert_int_equal(one("0x10").n, 16);
    assert_int_equal(one("010").n, 10); /* but in symbols */
}

static void test_options(void **state) {
    (void)state;
    assert_token("--strict_segments // why", TOKEN_OPTION, "strict_segments");
    assert_token("--define=A=\"x y\" 0", TOKEN_OPTION, "define=A=\"x y\"");
    assert_token("--define=A=`a b`", TOKEN_OPTION, "define=A=`a b`");
    assert_token("--init_scripts=/a//b,c\n", TOKEN_OPTION, "init_scripts=/a//b,c");
    assert_int_equal(one("--a=\"x").kind, TOKEN_BAD);
}

static void test_places(void **state) {
    (void)state;
    const char *source = "/* one\n   two */ a `x\ny` // c\n\tb";
    struct lexer lx = lexer_of(source, strlen(source), NULL);
    struct token a = lexer_next(&lx), x = lexer_next(&lx), b = lexer_next(&lx), end = lexer_next(&lx);
    assert_true(a.place.line == 2 && a.place.column == 11);
    assert_true(x.kind == TOKEN_COMMAND && x.place.line == 2 && x.place.column == 13);
    assert_true(b.place.line == 4 && b.place.column == 2 && token_is(&b, "b"));
    assert_true(end.kind == TOKEN_END && end.place.line == 4 && end.place.column == 3);
    lexer_seek(&lx, &x); /* again from there */
    struct token again = lexer_next(&lx), b2 = lexer_next(&lx);
    assert_true(again.at == x.at && again.place.column == 13);
    assert_true(b2.place.line == 4 && b2.place.column == 2);
}

static void test_unfinished(void **state) {
    (void)state;
    static const struct {
        const char *source, *why;
    } cases[] = {
        {"/* a", "a comment without its */"},
        {"\"a\nb\"", "a string without its closing quote"},
        {"\"a\\\"", "a string without its closing quote"},
        {"`a", "a command without its closing backquote"},
        {"%{ a }", "a code block without its }%"},
        {"\r\n", "a carriage return: lines end with a newline only"},
        {"\x01", "a character that means nothing here"},
        {"\xc3\xa4", "a character that means nothing here"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct token t = one(cases[i].source);
        assert_int_equal(t.kind, TOKEN_BAD);
        assert_string_equal(t.bad, cases[i].why);
    }
    struct lexer lx = lexer_of("a\0b", 3, NULL);
    assert_int_equal(lexer_next(&lx).kind, TOKEN_WORD);
    assert_int_equal(lexer_next(&lx).kind, TOKEN_BAD);
    assert_true(token_is(&(struct token){.kind = TOKEN_WORD, .text = lx.at, .len = 1}, "b"));
}

static void assert_symbol(struct settings *s, const char *option, enum token_kind kind, const char *text, uint64_t n) {
    char error[100];
    assert_int_equal(settings_apply(s, option, false, error, sizeof error), 0);
    struct lexer lx = lexer_of("X y", 3, s);
    struct token t = lexer_next(&lx);
    assert_int_equal(t.kind, kind);
    assert_int_equal(t.len, strlen(text));
    assert_memory_equal(t.text, text, t.len);
    assert_true(t.n == n && t.place.line == 1 && t.place.column == 1);
    assert_string_equal(lx.at, " y");
}

static void test_symbols(void **state) {
    (void)state;
    struct arena arena = {NULL};
    struct settings s;
    settings_init(&s, FAMILY_IPV4, &arena);
    assert_symbol(&s, "define=X=12", TOKEN_INT, "12", 12);
    assert_symbol(&s, "define=X=0x1f", TOKEN_HEX, "0x1f", 31);
    assert_symbol(&s, "define=X=010", TOKEN_INT, "010", 8); /* any base of C */
    assert_symbol(&s, "define=X=09", TOKEN_INT, "09", 9);
    assert_symbol(&s, "define=X=1460x", TOKEN_WORD, "1460x", 0);
    assert_symbol(&s, "define=X=\"a b\"", TOKEN_STRING, "a b", 0);
    assert_symbol(&s, "define=X=`ls -l`", TOKEN_COMMAND, "ls -l", 0);
    assert_symbol(&s, "define=X=SOL_IP", TOKEN_WORD, "SOL_IP", 0);
    assert_symbol(&s, "define=X=0.5", TOKEN_FLOAT, "0.5", 0);
    assert_symbol(&s, "define=X=a-b", TOKEN_WORD, "a-b", 0);
    assert_symbol(&s, "define=X=", TOKEN_WORD, "", 0);
    assert_symbol(&s, "define=X=X", TOKEN_WORD, "X", 0); /* no recursion */
    struct lexer lx = lexer_of("\"X\" `X` %{X}% XX", 16, &s);
    for (int i = 0; i < 4; i++) { /* not within other tokens */
        struct token t = lexer_next(&lx);
        assert_true(t.len > 0 && t.text[0] == 'X' && t.at <= t.text);
    }
    arena_free(&arena);
}

static void assert_flags(const struct settings *s, const char *source, const char *flags, char next) {
    struct lexer lx = lexer_of(source, strlen(source), s);
    char text[12];
    assert_int_equal(lexer_flags(&lx, text, sizeof text), strlen(flags));
    assert_string_equal(text, flags);
    assert_int_equal(*lx.at, next);
}

static void test_flags(void **state) {
    (void)state;
    struct arena arena = {NULL};
    struct settings s;
    char error[100];
    settings_init(&s, FAMILY_IPV4, &arena);
    assert_int_equal(settings_apply(&s, "define=FIN=FP", false, error, sizeof error), 0);
    assert_flags(&s, ". 1:1(0)", ".", ' ');
    assert_flags(&s, "P.5 1", "P.5", ' ');
    assert_flags(&s, ".5", ".5", '\0');
    assert_flags(&s, "SEW\t", "SEW", '\t');
    assert_flags(&s, "- 1", "-", ' ');
    assert_flags(&s, "FIN. 1", "FP.", ' ');
    assert_flags(&s, "(", "", '(');
    assert_flags(&s, "ABCDEFGHIJKLMNOPQ 1", "ABCDEFGHIJK", ' '); /* cut */
    arena_free(&arena);
}

static void assert_unescaped(const char *text, const char *want, long len) {
    char out[32];
    assert_int_equal(lexer_unescape(text, strlen(text), out), len);
    if (len > 0)
        assert_memory_equal(out, want, (size_t)len);
}

static void test_escapes(void **state) {
    (void)state;
    assert_unescaped("plain", "plain", 5);
    assert_unescaped("\\\\ \\\" \\n\\t\\r\\f\\v", "\\ \" \n\t\r\f\v", 9);
    assert_unescaped("\\xf7\\x6a1", "\xf7j1", 3); /* two digits, no more */
    assert_unescaped("\\xA", "\n", 1);
    assert_unescaped("\\0\\101\\1234", "\0AS4", 4);
    assert_unescaped("", "", 0);
    assert_unescaped("\\q", "", -1);
    assert_unescaped("\\xg", "", -1);
    assert_unescaped("\\", "", -1);
    assert_unescaped("\\9", "", -1);
}

static void test_octets(void **state) {
    (void)state;
    uint8_t out[4];
    assert_int_equal(lexer_octets("00fFa5", 6, out, sizeof out), 3);
    assert_memory_equal(out, "\x00\xff\xa5", 3);
    assert_int_equal(lexer_octets("", 0, out, sizeof out), 0);
    assert_int_equal(lexer_octets("123", 3, out, sizeof out), -1);
    assert_int_equal(lexer_octets("1g", 2, out, sizeof out), -1);
    assert_int_equal(lexer_octets("0011223344", 10, out, sizeof out), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),   cmocka_unit_test(test_longest_match), cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_options), cmocka_unit_test(test_places),        cmocka_unit_test(test_unfinished),
        cmocka_unit_test(test_symbols), cmocka_unit_test(test_flags),         cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_octets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
