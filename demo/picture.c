/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Each panel stacks the rates of the two paths, the one that is never cut at the bottom, so that the hole of the other
 * shows. The dashed line is the sum of the paths that live, the dark line what the application received.
 */
#include "picture.h"

#include <errno.h>
#include <stdio.h>

enum { WIDTH = 1040, TOP = 112, PANEL = 250, GAP = 106, LEFT = 74, RIGHT = 24, BOTTOM = 66, BITS = 8 };
enum { HEIGHT = TOP + TRANSFERS * PANEL + (TRANSFERS - 1) * GAP + BOTTOM };
enum { PLOT_WIDTH = WIDTH - LEFT - RIGHT, RATE_STEP = 20, TICKS_MAX = 12 };
#define MBIT      1e6
#define MB        1e6
#define NS_PER_MS 1e6
#define WINDOW    0.3 /* s, over which rates are averaged */

static const char *const colours[PATHS] = {[PATH_A] = "#2f6fab", [PATH_B] = "#f0a03c"};
static const char sum_colour[] = "#c0392b", app_colour[] = "#1b2631", mark_colour[] = "#5d6d7e";

struct panel {
    FILE *f;
    const struct transfer *t;
    int top;
    double t_max, rate_max; /* s, Mbit/s: of the axes */
};

/* ---- Coordinates ------------------------------------------------------------------------------------------------- */

static double x_of(const struct panel *p, double t) { return LEFT + t / p->t_max * PLOT_WIDTH; }
static double y_of(const struct panel *p, double rate) { return p->top + PANEL * (1 - rate / p->rate_max); }

static double rate_of(double bytes, double dt) { return bytes * BITS / dt / MBIT; }

/* The newest sample that is at least a window older than sample `i`. */
static int window_start(const struct transfer *t, int i) {
    int from = i;
    while (from > 0 && t->samples[i].t - t->samples[from].t < WINDOW)
        from--;
    return from;
}

static double wire_rate(const struct transfer *t, int i, enum path path) {
    const struct sample *to = &t->samples[i], *from = &t->samples[window_start(t, i)];
    return to->t > from->t ? rate_of((double)(to->wire[path] - from->wire[path]), to->t - from->t) : 0;
}

static double app_rate(const struct transfer *t, int i) {
    const struct sample *to = &t->samples[i], *from = &t->samples[window_start(t, i)];
    return to->t > from->t ? rate_of((double)(to->app - from->app), to->t - from->t) : 0;
}

/* The middle of the window that ends with a sample. */
static double middle(const struct transfer *t, int i) {
    return (t->samples[i].t + t->samples[window_start(t, i)].t) / 2;
}

/* ---- Pieces ------------------------------------------------------------------------------------------------------ */

static void text(FILE *f, double x, double y, const char *style, const char *string) {
    fprintf(f, "<text x=\"%.1f\" y=\"%.1f\" %s>%s</text>\n", x, y, style, string);
}

static void line(FILE *f, double x1, double y1, double x2, double y2, const char *style) {
    fprintf(f, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" %s/>\n", x1, y1, x2, y2, style);
}

/* A step of the time axis that gives at most TICKS_MAX ticks. */
static double time_step(double t_max) {
    static const double steps[] = {0.5, 1, 2, 5, 10, 20, 50, 100};
    size_t i = 0;
    while (i + 1 < sizeof steps / sizeof *steps && t_max / steps[i] > TICKS_MAX)
        i++;
    return steps[i];
}

static void draw_axes(const struct panel *p) {
    char label[32];
    double step = time_step(p->t_max);
    for (int i = 0; i * RATE_STEP <= p->rate_max; i++) {
        double y = y_of(p, i * RATE_STEP);
        line(p->f, LEFT, y, WIDTH - RIGHT, y, "stroke=\"#d5d8dc\"");
        snprintf(label, sizeof label, "%d", i * RATE_STEP);
        text(p->f, LEFT - 8, y + 4, "text-anchor=\"end\"", label);
    }
    for (int i = 0; i * step <= p->t_max; i++) {
        double x = x_of(p, i * step);
        line(p->f, x, p->top + PANEL, x, p->top + PANEL + 5, "stroke=\"#1b2631\"");
        snprintf(label, sizeof label, "%g", i * step);
        text(p->f, x, p->top + PANEL + 19, "text-anchor=\"middle\"", label);
    }
    line(p->f, LEFT, p->top + PANEL, WIDTH - RIGHT, p->top + PANEL, "stroke=\"#1b2631\"");
    text(p->f, LEFT + PLOT_WIDTH / 2.0, p->top + PANEL + 37, "text-anchor=\"middle\"",
         "time since the start of the connection, in seconds");
    fprintf(p->f, "<text transform=\"translate(22,%d) rotate(-90)\" text-anchor=\"middle\">rate, in Mbit/s</text>\n",
            p->top + PANEL / 2);
}

static double stacked(const struct transfer *t, int i, enum path path) {
    return wire_rate(t, i, t->spare) + (path == t->spare ? 0 : wire_rate(t, i, t->lead));
}

/* The area of a path: along its top edge, and back along its bottom edge. */
static void draw_area(const struct panel *p, enum path path) {
    const struct transfer *t = p->t;
    bool on_top = path == t->lead;
    fprintf(p->f, "<path fill=\"%s\" fill-opacity=\"0.85\" d=\"M", colours[path]);
    for (int i = 1; i < t->nsamples; i++)
        fprintf(p->f, "%.1f,%.1f ", x_of(p, middle(t, i)), y_of(p, stacked(t, i, path)));
    for (int i = t->nsamples - 1; i >= 1; i--)
        fprintf(p->f, "%.1f,%.1f ", x_of(p, middle(t, i)), y_of(p, on_top ? stacked(t, i, t->spare) : 0));
    fputs("Z\"/>\n", p->f);
}

static void draw_app(const struct panel *p) {
    fprintf(p->f, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"1.6\" points=\"", app_colour);
    for (int i = 1; i < p->t->nsamples; i++)
        fprintf(p->f, "%.1f,%.1f ", x_of(p, middle(p->t, i)), y_of(p, app_rate(p->t, i)));
    fputs("\"/>\n", p->f);
}

/* The sum of the paths that live: it falls at the cut, and rises at the return. */
static void draw_sum(const struct panel *p) {
    const struct transfer *t = p->t;
    double spare = (double)path_plans[t->spare].rate / MBIT, both = spare + (double)path_plans[t->lead].rate / MBIT;
    double cut = t->marks[MARK_CUT], back = t->marks[MARK_RETURN];
    fprintf(p->f, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"2\" stroke-dasharray=\"7 5\" d=\"M%.1f,%.1f",
            sum_colour, x_of(p, 0), y_of(p, both));
    if (cut >= 0)
        fprintf(p->f, " H%.1f V%.1f", x_of(p, cut), y_of(p, spare));
    if (back >= 0)
        fprintf(p->f, " H%.1f V%.1f", x_of(p, back), y_of(p, both));
    fprintf(p->f, " H%.1f\"/>\n", x_of(p, t->now.t));
}

static void draw_mark(const struct panel *p, enum mark mark, const char *what, const char *anchor) {
    double at = p->t->marks[mark];
    if (at < 0)
        return;
    char label[96], style[64];
    double x = x_of(p, at);
    fprintf(p->f, "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"%s\" stroke-width=\"1.5\"/>\n", x,
            p->top - 4, x, p->top + PANEL, mark_colour);
    snprintf(label, sizeof label, "path %s %s, %.1f s", path_plans[p->t->lead].name, what, at);
    snprintf(style, sizeof style, "text-anchor=\"%s\" font-weight=\"bold\"", anchor);
    text(p->f, x, p->top - 9, style, label);
}

static void draw_panel(const struct panel *p) {
    const struct transfer *t = p->t;
    char title[256];
    snprintf(title, sizeof title, "%c%s of %.1f MB: path %s is cut at %.0f %% and returns at %.0f %%",
             t->name[0] - 'a' + 'A', t->name + 1, (double)t->size / MB, path_plans[t->lead].name, 100 * CUT_AT,
             100 * RETURN_AT);
    text(p->f, LEFT, p->top - 36, "font-size=\"16\" font-weight=\"bold\"", title);
    int n = snprintf(title, sizeof title, "longest stall %.2f s", t->stall);
    if (transfer_comeback(t) >= 0)
        snprintf(title + n, sizeof title - (size_t)n, "; path %s in use %.2f s after its return",
                 path_plans[t->lead].name, transfer_comeback(t));
    text(p->f, WIDTH - RIGHT, p->top - 36, "text-anchor=\"end\"", title);
    draw_axes(p);
    draw_area(p, t->spare);
    draw_area(p, t->lead);
    draw_app(p);
    draw_sum(p);
    draw_mark(p, MARK_CUT, "cut", "middle");
    draw_mark(p, MARK_RETURN, "returns", "middle");
}

static void draw_legend(FILE *f) {
    enum { Y = 62, PATH_WIDTH = 252, LINE_WIDTH = 206 };
    char label[96];
    for (int p = 0; p < PATHS; p++) {
        const struct path_plan *plan = &path_plans[p];
        int x = LEFT + p * PATH_WIDTH;
        fprintf(f, "<rect x=\"%d\" y=\"%d\" width=\"22\" height=\"12\" fill=\"%s\" fill-opacity=\"0.85\"/>\n", x,
                Y - 11, colours[p]);
        snprintf(label, sizeof label, "path %s: %.0f Mbit/s, %.0f ms one way", plan->name, (double)plan->rate / MBIT,
                 (double)plan->delay / NS_PER_MS);
        text(f, x + 29, Y, "", label);
    }
    int x = LEFT + PATHS * PATH_WIDTH;
    fprintf(f, "<path d=\"M%d,%d h28\" stroke=\"%s\" stroke-width=\"2\" stroke-dasharray=\"7 5\"/>\n", x, Y - 4,
            sum_colour);
    text(f, x + 35, Y, "", "sum of the living paths");
    x += LINE_WIDTH;
    fprintf(f, "<path d=\"M%d,%d h28\" stroke=\"%s\" stroke-width=\"1.6\"/>\n", x, Y - 4, app_colour);
    text(f, x + 35, Y, "", "what the application receives");
}

static double larger(double a, double b) { return a > b ? a : b; }

/* The axes that hold every panel, so that panels can be compared. */
static void scale(struct panel *p, const struct transfer *const t[TRANSFERS]) {
    double peak = 0;
    for (int path = 0; path < PATHS; path++)
        peak += (double)path_plans[path].rate / MBIT;
    for (int i = 0; i < TRANSFERS; i++) {
        p->t_max = larger(p->t_max, t[i]->now.t);
        for (int k = 0; k < t[i]->nsamples; k++)
            peak = larger(peak, app_rate(t[i], k));
    }
    p->rate_max = RATE_STEP * (1 + (int)((peak + RATE_STEP / 4.0) / RATE_STEP));
}

int picture_write(const char *path, const char *title, const struct transfer *const t[TRANSFERS]) {
    FILE *f = fopen(path, "w");
    if (!f)
        return -errno;
    fprintf(f,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
            "font-family=\"DejaVu Sans, Verdana, Arial, sans-serif\" font-size=\"12\" fill=\"#1b2631\">\n"
            "<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n",
            WIDTH, HEIGHT, WIDTH, HEIGHT, WIDTH, HEIGHT);
    text(f, LEFT, 32, "font-size=\"20\" font-weight=\"bold\"", title);
    draw_legend(f);
    struct panel panel = {.f = f, .t_max = 1};
    scale(&panel, t);
    for (int i = 0; i < TRANSFERS; i++) {
        panel.t = t[i];
        panel.top = TOP + 16 + i * (PANEL + GAP);
        draw_panel(&panel);
    }
    fputs("</svg>\n", f);
    int err = ferror(f) ? -EIO : 0;
    return fclose(f) != 0 && !err ? -errno : err;
}
