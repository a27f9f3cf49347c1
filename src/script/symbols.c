/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of errnos, and what somebody may have meant. */
#include "script/symbols.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { NAME_MAX_LEN = 48 };

#define E(name) [name] = #name

/* By number, so that each has one name: the usual one where Linux has two. */
static const char *const errnos[] = {
    E(EPERM),
    E(ENOENT),
    E(ESRCH),
    E(EINTR),
    E(EIO),
    E(ENXIO),
    E(E2BIG),
    E(ENOEXEC),
    E(EBADF),
    E(ECHILD),
    E(EAGAIN),
    E(ENOMEM),
    E(EACCES),
    E(EFAULT),
    E(ENOTBLK),
    E(EBUSY),
    E(EEXIST),
    E(EXDEV),
    E(ENODEV),
    E(ENOTDIR),
    E(EISDIR),
    E(EINVAL),
    E(ENFILE),
    E(EMFILE),
    E(ENOTTY),
    E(ETXTBSY),
    E(EFBIG),
    E(ENOSPC),
    E(ESPIPE),
    E(EROFS),
    E(EMLINK),
    E(EPIPE),
    E(EDOM),
    E(ERANGE),
    E(EDEADLK),
    E(ENAMETOOLONG),
    E(ENOLCK),
    E(ENOSYS),
    E(ENOTEMPTY),
    E(ELOOP),
    E(ENOMSG),
    E(EIDRM),
    E(ECHRNG),
    E(EL2NSYNC),
    E(EL3HLT),
    E(EL3RST),
    E(ELNRNG),
    E(EUNATCH),
    E(ENOCSI),
    E(EL2HLT),
    E(EBADE),
    E(EBADR),
    E(EXFULL),
    E(ENOANO),
    E(EBADRQC),
    E(EBADSLT),
    E(EBFONT),
    E(ENOSTR),
    E(ENODATA),
    E(ETIME),
    E(ENOSR),
    E(ENONET),
    E(ENOPKG),
    E(EREMOTE),
    E(ENOLINK),
    E(EADV),
    E(ESRMNT),
    E(ECOMM),
    E(EPROTO),
    E(EMULTIHOP),
    E(EDOTDOT),
    E(EBADMSG),
    E(EOVERFLOW),
    E(ENOTUNIQ),
    E(EBADFD),
    E(EREMCHG),
    E(ELIBACC),
    E(ELIBBAD),
    E(ELIBSCN),
    E(ELIBMAX),
    E(ELIBEXEC),
    E(EILSEQ),
    E(ERESTART),
    E(ESTRPIPE),
    E(EUSERS),
    E(ENOTSOCK),
    E(EDESTADDRREQ),
    E(EMSGSIZE),
    E(EPROTOTYPE),
    E(ENOPROTOOPT),
    E(EPROTONOSUPPORT),
    E(ESOCKTNOSUPPORT),
    E(EOPNOTSUPP),
    E(EPFNOSUPPORT),
    E(EAFNOSUPPORT),
    E(EADDRINUSE),
    E(EADDRNOTAVAIL),
    E(ENETDOWN),
    E(ENETUNREACH),
    E(ENETRESET),
    E(ECONNABORTED),
    E(ECONNRESET),
    E(ENOBUFS),
    E(EISCONN),
    E(ENOTCONN),
    E(ESHUTDOWN),
    E(ETOOMANYREFS),
    E(ETIMEDOUT),
    E(ECONNREFUSED),
    E(EHOSTDOWN),
    E(EHOSTUNREACH),
    E(EALREADY),
    E(EINPROGRESS),
    E(ESTALE),
    E(EUCLEAN),
    E(ENOTNAM),
    E(ENAVAIL),
    E(EISNAM),
    E(EREMOTEIO),
    E(EDQUOT),
    E(ENOMEDIUM),
    E(EMEDIUMTYPE),
    E(ECANCELED),
    E(ENOKEY),
    E(EKEYEXPIRED),
    E(EKEYREVOKED),
    E(EKEYREJECTED),
    E(EOWNERDEAD),
    E(ENOTRECOVERABLE),
    E(ERFKILL),
    E(EHWPOISON),
};
#undef E

enum { NERRNOS = sizeof errnos / sizeof *errnos };

/* The other names. */
static const struct {
    const char *name;
    int value;
} errno_aliases[] = {
    {"EDEADLOCK", EDEADLOCK},
    {"ENOTSUP", ENOTSUP},
    {"EWOULDBLOCK", EWOULDBLOCK},
};

enum { NALIASES = sizeof errno_aliases / sizeof *errno_aliases };

int errno_value(const char *name) {
    for (int i = 1; i < NERRNOS; i++)
        if (errnos[i] && strcmp(errnos[i], name) == 0)
            return i;
    for (int i = 0; i < NALIASES; i++)
        if (strcmp(errno_aliases[i].name, name) == 0)
            return errno_aliases[i].value;
    return 0;
}

const char *errno_name(int value) {
    if (value > 0 && value < NERRNOS && errnos[value])
        return errnos[value];
    static _Thread_local char text[sizeof "errno -2147483648"];
    snprintf(text, sizeof text, "errno %d", value);
    return text;
}

static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

/* Insertions, deletions and replacements, without regard to case, that make `a` of `b`; both are short. */
static uint32_t edit_distance(const char *a, size_t a_len, const char *b, size_t b_len) {
    uint32_t row[NAME_MAX_LEN + 1];
    for (uint32_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (uint32_t i = 1; i <= a_len; i++) {
        uint32_t diagonal = row[0];
        row[0] = i;
        for (uint32_t j = 1; j <= b_len; j++) {
            bool same = toupper((unsigned char)a[i - 1]) == toupper((unsigned char)b[j - 1]);
            uint32_t replaced = diagonal + !same;
            diagonal = row[j];
            row[j] = least(replaced, least(row[j], row[j - 1]) + 1);
        }
    }
    return row[b_len];
}

struct closest {
    const char *wrong, *name;
    size_t len;
    uint32_t distance; /* a name must be closer than this */
};

static void closest_try(struct closest *c, const char *name) {
    size_t len = strlen(name);
    if (len > NAME_MAX_LEN)
        return;
    uint32_t distance = edit_distance(c->wrong, c->len, name, len);
    if (distance < c->distance) {
        c->distance = distance;
        c->name = name;
    }
}

const char *symbol_like(const char *name) {
    size_t len = strlen(name);
    if (len < 3 || len > NAME_MAX_LEN)
        return NULL;
    struct closest c = {.wrong = name, .len = len, .distance = len < 6 ? 2 : 3};
    int64_t value;
    const char *at;
    for (uint32_t i = 0; (at = symbol_at(i, &value)); i++)
        closest_try(&c, at);
    for (int i = 0; i < NERRNOS; i++)
        if (errnos[i])
            closest_try(&c, errnos[i]);
    for (int i = 0; i < NALIASES; i++)
        closest_try(&c, errno_aliases[i].name);
    return c.name;
}
