/* SPDX-License-Identifier: BSD-3-Clause */
/* The network of a run: a namespace with the loopback and one TUN device, behind which the script's peer is. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "io/rtnl.h"
#include "io/tun.h"
#include "script/kernel_internal.h"
#include "wire/addr.h"

enum { QUEUE_PACKETS = 10000, LOCAL_ROUTE_MS = 2000 };

/* Says what failed; returns `err`. */
static int failed(char *error, size_t size, const char *what, int err) {
    snprintf(error, size, "%s: %s", what, strerror(-err));
    return err;
}

/* Writes a file of /proc/sys; one that is not there is of a feature that this kernel does not have. */
static void sysctl_set(const char *path, const char *value) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    /* What is refused shows where it matters: an address that is not usable, packets that nobody expects. */
    ssize_t n = write(fd, value, strlen(value));
    (void)n;
    close(fd);
}

/* No packets that no script asked for, and no waiting for neighbours: there are none. */
static void ipv6_quiet(void) {
    static const struct {
        const char *name, *value;
    } settings[] = {{"disable_ipv6", "0"}, {"accept_dad", "0"}, {"dad_transmits", "0"}, {"router_solicitations", "0"},
                    {"accept_ra", "0"},    {"autoconf", "0"},   {"addr_gen_mode", "1"}};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        static const char *const scopes[] = {"all", "default"};
        for (size_t j = 0; j < 2; j++) {
            char path[80];
            snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/%s", scopes[j], settings[i].name);
            sysctl_set(path, settings[i].value);
        }
    }
}

static int namespace_open(char *error, size_t size) {
    if (unshare(CLONE_NEWNET) < 0) {
        int err = -errno;
        if (err == -EPERM)
            snprintf(error, size, "%s",
                     geteuid() ? "the linux target needs root: run it with sudo, or use --target=engine"
                               : "the linux target needs CAP_SYS_ADMIN, which root does not have here (a container?): "
                                 "grant it, or use --target=engine");
        else
            failed(error, size, "no network namespace can be made", err);
        return err;
    }
    /* Commands that look into /sys find the devices of the namespace there. Where it is not allowed they do without. */
    if (unshare(CLONE_NEWNS) == 0 && mount("", "/", NULL, MS_SLAVE | MS_REC, NULL) == 0)
        (void)mount("sysfs", "/sys", "sysfs", 0, NULL);
    return 0;
}

static int device_open(const struct settings *s, struct driver **tun, char *error, size_t size) {
    int err = tun_open(KERNEL_DEVICE, tun);
    if (err) {
        snprintf(error, size, "no TUN device can be made: %s%s", tun_error(err),
                 err == -ENOENT ? " (modprobe tun, or mknod /dev/net/tun c 10 200)" : "");
        return err;
    }
    /* Segments with CWR may be merged, too; the driver that a stack sits on does without. */
    unsigned long offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
    struct tun_setup setup = {.mtu = s->mtu, .txqueuelen = QUEUE_PACKETS, .up = true};
    err = ioctl((*tun)->fd, TUNSETOFFLOAD, offloads) < 0 ? -errno : tun_configure(*tun, &setup);
    if (!err)
        return 0;
    char what[80];
    snprintf(what, sizeof what, KERNEL_DEVICE " cannot be set up with an MTU of %u", s->mtu);
    driver_close(*tun);
    return failed(error, size, what, err);
}

/* The speed that the device claims to have. */
static int speed_set(uint32_t mbit, char *error, size_t size) {
    struct ethtool_cmd cmd = {.cmd = ETHTOOL_GSET};
    struct ifreq ifr = {.ifr_name = KERNEL_DEVICE, .ifr_data = (void *)&cmd};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int err = fd < 0 || ioctl(fd, SIOCETHTOOL, &ifr) < 0 ? -errno : 0;
    if (!err) {
        cmd.cmd = ETHTOOL_SSET;
        ethtool_cmd_speed_set(&cmd, mbit);
        err = ioctl(fd, SIOCETHTOOL, &ifr) < 0 ? -errno : 0;
    }
    if (fd >= 0)
        close(fd);
    return err ? failed(error, size, "the speed of " KERNEL_DEVICE " cannot be set", err) : 0;
}

/* The address of the stack under test. With AnyIP it has none: all of the prefix counts as local. */
static int local_add(struct rtnl *r, unsigned ifindex, const struct settings *s) {
    if (s->is_anyip) {
        struct rtnl_route any = {
            .ifindex = if_nametoindex("lo"), .dst = s->local_ip, .prefix_len = s->local_prefix, .local = true};
        return rtnl_route_add(r, &any);
    }
    struct rtnl watch;
    int err = rtnl_watch_open(&watch);
    if (err)
        return err;
    err = rtnl_addr_add(r, ifindex, &s->local_ip, s->local_prefix);
    if (!err)
        err = rtnl_watch_local(&watch, &s->local_ip, LOCAL_ROUTE_MS);
    rtnl_close(&watch);
    return err;
}

/* One route by the gateway, or straight to the device when the gateway cannot be one (it is not on the link). On a
 * device without neighbours that makes no difference to packets. */
static int route_add(struct rtnl *r, unsigned ifindex, const struct settings *s, uint8_t prefix_len) {
    struct rtnl_route route = {.ifindex = ifindex, .dst = s->remote_ip, .prefix_len = prefix_len};
    int err = -EINVAL;
    if (!s->is_anyip && !addr_is_any(&s->gateway_ip)) {
        route.gateway = &s->gateway_ip;
        err = rtnl_route_add(r, &route);
    }
    if (err && err != -EEXIST) {
        route.gateway = NULL;
        err = rtnl_route_add(r, &route);
    }
    return err == -EEXIST ? 0 : err; /* the prefix of the local address is the same */
}

/* The way to the peer's network, and one to the peer alone: scripts change that one ("ip route change ADDRESS ..."). */
static int remote_add(struct rtnl *r, unsigned ifindex, const struct settings *s) {
    uint8_t host_len = umptcp_addr_is_v4(&s->remote_ip) ? 32 : 128;
    int err = route_add(r, ifindex, s, s->remote_prefix);
    return err || s->remote_prefix == host_len ? err : route_add(r, ifindex, s, host_len);
}

static int routes_set(const struct settings *s, char *error, size_t size) {
    struct rtnl r;
    int err = rtnl_open(&r);
    if (err)
        return failed(error, size, "no rtnetlink", err);
    unsigned ifindex = if_nametoindex(KERNEL_DEVICE);
    const char *what = "the loopback device cannot be brought up";
    err = rtnl_link_set(&r, if_nametoindex("lo"), 0, 0, true);
    if (!err) {
        what = "the local address cannot be set";
        err = local_add(&r, ifindex, s);
    }
    if (!err) {
        what = "the route to the remote address cannot be set";
        err = remote_add(&r, ifindex, s);
    }
    rtnl_close(&r);
    return err ? failed(error, size, what, err) : 0;
}

/* Whether what the kernel puts on a new device is a plain queue; only the first namespace knows. */
static bool default_queue_is_plain(void) {
    char kind[32] = "";
    int fd = open("/proc/sys/net/core/default_qdisc", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return true;
    ssize_t n = read(fd, kind, sizeof kind - 1);
    close(fd);
    return n <= 0 || strncmp(kind, "pfifo", strlen("pfifo")) == 0;
}

int kernel_net_open(struct kernel *k, char *error, size_t size) {
    k->plain_queue = default_queue_is_plain();
    int err = namespace_open(error, size);
    if (err)
        return err;
    ipv6_quiet();
    err = device_open(k->settings, &k->tun, error, size);
    if (err)
        return err;
    if (k->settings->speed)
        err = speed_set(k->settings->speed, error, size);
    if (!err)
        err = routes_set(k->settings, error, size);
    if (err)
        driver_close(k->tun);
    return err;
}

void kernel_net_begin(const struct kernel *k) {
    struct rtnl r;
    if (k->plain_queue || rtnl_open(&r))
        return;
    rtnl_qdisc_add(&r, if_nametoindex(KERNEL_DEVICE), "pfifo"); /* -EEXIST: the script's own choice */
    rtnl_close(&r);
}
