/* SPDX-License-Identifier: BSD-3-Clause */
/* The demo as a picture: a panel per transfer, the rate of each path over time. */
#ifndef DEMO_PICTURE_H
#define DEMO_PICTURE_H

#include "table.h"

/* Writes an SVG file; `title` says who talked to whom. Returns 0 or a negative errno. */
int picture_write(const char *path, const char *title, const struct transfer *const t[TRANSFERS]);

#endif
