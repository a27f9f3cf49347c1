/* SPDX-License-Identifier: BSD-3-Clause */
/* The end of the demo in words: the table, the server's counters as a witness, and the verdict. */
#ifndef DEMO_TABLE_H
#define DEMO_TABLE_H

#include "transfer.h"

enum { TRANSFERS = 2 };

void table_print(const struct transfer *const t[TRANSFERS]);
/* Prints the counters that matter from the server's account (lines of a name and a value). `who` is who counted. */
void table_witness(const char *account, const char *who);
/* The value of a counter in the account; 0 when it is not there. */
uint64_t account_value(const char *account, const char *name);
/* Holds the transfers against what was promised, a line each. Returns how many promises were broken, and the first of
 * them in `why`. */
int table_verdict(const struct transfer *const t[TRANSFERS], const char *account, char *why, size_t size);

#endif
