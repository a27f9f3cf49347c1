/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP options. */
#include "script/print_internal.h"

static void print_bytes(struct text *t, const char *name, const struct option *o) {
    text_add(t, "%s%s", name, o->bytes.len ? " " : "");
    print_octets(t, o->bytes.octets, o->bytes.len);
}

static void print_acc_ecn(struct text *t, const struct option *o) {
    static const char *const names[2][3] = {{"e0b", "ceb", "e1b"}, {"e1b", "ceb", "e0b"}};
    text_add(t, "ECN");
    for (unsigned i = 0; i < o->ecn.n && i < 3; i++)
        text_add(t, " %s %u", names[o->ecn.order & 1][i], o->ecn.counter[i]);
}

void print_option(struct text *t, const struct option *option) {
    switch (option->kind) {
    case OPTION_EOL:
        text_add(t, "eol");
        break;
    case OPTION_NOP:
        text_add(t, "nop");
        break;
    case OPTION_MSS:
        text_add(t, "mss %u", option->n);
        break;
    case OPTION_WSCALE:
        text_add(t, "wscale %u", option->n);
        break;
    case OPTION_SACK_OK:
        text_add(t, "sackOK");
        break;
    case OPTION_SACK:
        text_add(t, "sack");
        for (unsigned i = 0; i < option->sack.n; i++)
            text_add(t, " %u:%u", option->sack.block[i].left, option->sack.block[i].right);
        break;
    case OPTION_TS:
        text_add(t, "TS val %u ecr %u", option->ts.val, option->ts.ecr);
        break;
    case OPTION_MD5:
        print_bytes(t, "md5", option);
        break;
    case OPTION_FO:
        print_bytes(t, "FO", option);
        break;
    case OPTION_FOEXP:
        print_bytes(t, "FOEXP", option);
        break;
    case OPTION_ACC_ECN:
        print_acc_ecn(t, option);
        break;
    case OPTION_MPTCP:
        print_mp_option(t, &option->mp);
        break;
    case OPTION_RAW:
        print_bytes(t, "raw", option);
        break;
    }
}
