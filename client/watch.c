#include "client/watch.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define WAL_NAME "replica.db-wal"
#define REPLY_SIZE 32768
#define CLOCK_AHEAD_S ((time_t)10 * 365 * 86400)
#define GROUPS (RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE)

/* --- the replica -------------------------------------------------------------- */

static int open_replica(const char *home)
{
	const int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (fd >= 0 && inotify_add_watch(fd, home, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

bool watch_replica(struct watch *w)
{
	char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	bool found = false;
	ssize_t len;

	while (w->replica >= 0 && (len = read(w->replica, events, sizeof events)) > 0) {
		for (size_t at = 0; at < (size_t)len;) {
			const struct inotify_event *event = (const void *)(events + at);

			/* Events were lost: any of them may have been ours. */
			if ((event->mask & IN_Q_OVERFLOW) != 0 ||
			    (event->len > 0 && strcmp(event->name, WAL_NAME) == 0))
				found = true;
			at += sizeof *event + event->len;
		}
	}
	return found;
}

/* --- the network ---------------------------------------------------------------- */

static int open_netlink(unsigned groups)
{
	const struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = groups };
	const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | (groups != 0 ? SOCK_NONBLOCK : 0), NETLINK_ROUTE);

	if (fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

bool watch_links(struct watch *w)
{
	char bytes[4096];
	bool changed = false;

	for (;;) {
		const ssize_t len = w->links < 0 ? -1 : recv(w->links, bytes, sizeof bytes, 0);

		/* ENOBUFS: more changed than was kept for us. */
		if (len <= 0 && (w->links < 0 || errno != ENOBUFS))
			return changed;
		changed = true;
	}
}

static bool link_is_up(int index)
{
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request;
	bool up = false;

	memset(&request, 0, sizeof request);
	if (fd < 0)
		return false;
	if (if_indextoname((unsigned)index, request.ifr_name) != NULL && ioctl(fd, SIOCGIFFLAGS, &request) == 0)
		up = (request.ifr_flags & IFF_UP) != 0 && (request.ifr_flags & IFF_RUNNING) != 0;
	close(fd);
	return up;
}

/* FNV-1a. */
static uint64_t mix(uint64_t hash, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3ULL;
	return hash;
}

/* RTA_NEXT, whose arithmetic mixes signs. */
static struct rtattr *next_part(struct rtattr *part, int *len)
{
	const size_t step = RTA_ALIGN(part->rta_len);

	*len -= (int)step;
	return (struct rtattr *)(void *)((char *)part + step);
}

/* The route's part of the number: 0 where it is no default route of a link that is up. */
static uint64_t route_number(struct nlmsghdr *header)
{
	struct rtmsg *route = NLMSG_DATA(header);
	int len = (int)RTM_PAYLOAD(header), link = 0;
	uint64_t number = 0xcbf29ce484222325ULL;

	if (header->nlmsg_type != RTM_NEWROUTE || route->rtm_dst_len != 0 || route->rtm_type != RTN_UNICAST)
		return 0;
	for (struct rtattr *part = RTM_RTA(route); RTA_OK(part, len); part = next_part(part, &len)) {
		if (part->rta_type == RTA_OIF && RTA_PAYLOAD(part) >= sizeof link)
			memcpy(&link, RTA_DATA(part), sizeof link);
		if (part->rta_type == RTA_GATEWAY)
			number = mix(number, RTA_DATA(part), RTA_PAYLOAD(part));
	}
	return link > 0 && link_is_up(link) ? mix(number, &link, sizeof link) | 1 : 0;
}

/* Adds what one reply says. False: it was the last one. */
static bool read_routes(char *reply, ssize_t reply_len, uint64_t *number)
{
	unsigned len = (unsigned)reply_len;

	for (struct nlmsghdr *header = (struct nlmsghdr *)(void *)reply; NLMSG_OK(header, len);
	     header = NLMSG_NEXT(header, len)) {
		if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR)
			return false;
		*number += route_number(header);
	}
	return true;
}

uint64_t watch_way_out(void)
{
	struct {
		struct nlmsghdr header;
		struct rtmsg route;
	} request = {
		.header = { .nlmsg_len = sizeof request, .nlmsg_type = RTM_GETROUTE,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.route = { .rtm_family = AF_UNSPEC },
	};
	char reply[REPLY_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	const int fd = open_netlink(0);
	uint64_t number = 0;
	ssize_t len;

	if (fd < 0)
		return 0;
	if (send(fd, &request, sizeof request, 0) == (ssize_t)sizeof request)
		while ((len = recv(fd, reply, sizeof reply, 0)) > 0 && read_routes(reply, len, &number))
			continue;
	close(fd);
	return number;
}

/* --- the clock ------------------------------------------------------------------- */

/* A timer of the wall clock, far ahead: the kernel cancels it when somebody sets that clock, and not when a time
 * service makes it run a little faster or slower. */
static bool arm_clock(int fd)
{
	struct itimerspec at = { 0 };
	struct timespec now;

	if (clock_gettime(CLOCK_REALTIME, &now) != 0)
		return false;
	at.it_value.tv_sec = now.tv_sec + CLOCK_AHEAD_S;
	return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &at, NULL) == 0;
}

static int open_clock(void)
{
	const int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd >= 0 && !arm_clock(fd)) {
		close(fd);
		return -1;
	}
	return fd;
}

bool watch_clock_cancelled(int64_t len, int error)
{
	return len < 0 && error == ECANCELED;
}

bool watch_clock(struct watch *w)
{
	uint64_t expirations = 0;
	ssize_t len;
	bool was_set;

	if (w->clock < 0)
		return false;
	len = read(w->clock, &expirations, sizeof expirations);
	was_set = watch_clock_cancelled(len, errno);
	/* A clock set years ahead may have passed the timer's own time. */
	if ((was_set || len > 0) && !arm_clock(w->clock)) {
		close(w->clock);
		w->clock = -1;
	}
	return was_set || len > 0;
}

/* --- all of them ----------------------------------------------------------------- */

void watch_open(struct watch *w, const char *home)
{
	w->replica = open_replica(home);
	w->links = open_netlink(GROUPS);
	w->clock = open_clock();
}

void watch_close(struct watch *w)
{
	if (w->replica >= 0)
		close(w->replica);
	if (w->links >= 0)
		close(w->links);
	if (w->clock >= 0)
		close(w->clock);
	w->replica = w->links = w->clock = -1;
}
