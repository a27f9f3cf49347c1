/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of constants as C programs and scripts write them: one table of names and values (Linux's). */
#ifndef UMPTCP_SCRIPT_SYMBOLS_H
#define UMPTCP_SCRIPT_SYMBOLS_H

#include <stdbool.h>
#include <stdint.h>

/* The value of "SOCK_STREAM", "POLLIN", "TCP_INFO", ...; false when there is no such name. */
bool symbol_value(const char *name, int64_t *value);
/* Names in the order of strcmp(), from 0, until NULL. */
const char *symbol_at(uint32_t index, int64_t *value);
/* The value of "EAGAIN", ...; 0 when there is no such name. */
int errno_value(const char *name);
/* "EAGAIN"; "errno 999" (a static buffer) for a number without a name. */
const char *errno_name(int value);
/* A name that is close to a wrong one, for a hint; NULL when none is. */
const char *symbol_like(const char *name);

#endif
