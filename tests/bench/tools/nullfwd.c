/* The floor under every proxy in user space: read from one side, write to the other, look at
 * nothing. One epoll loop, one buffer.
 *
 * usage: nullfwd PORT UPSTREAM_PORT
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 256

struct side {
    int fd;
    struct side *other;
};

static int queue;
static char buffer[65536];

static void watch(struct side *s) {
    struct epoll_event wanted = {.events = EPOLLIN | EPOLLET | EPOLLRDHUP, .data.ptr = s};
    epoll_ctl(queue, EPOLL_CTL_ADD, s->fd, &wanted);
}

static void end(struct side *s) {
    close(s->fd);
    close(s->other->fd);
    s->fd = s->other->fd = -1;
}

static void join(int caller, const struct sockaddr_in *upstream) {
    int on = 1;
    struct side *in = calloc(1, sizeof *in), *out = calloc(1, sizeof *out);
    in->fd = caller;
    out->fd = socket(AF_INET, SOCK_STREAM, 0);
    in->other = out;
    out->other = in;
    setsockopt(in->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(out->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(out->fd, (const struct sockaddr *)upstream, sizeof *upstream)) {
        end(in);
        return;
    }
    fcntl(out->fd, F_SETFL, O_NONBLOCK);
    watch(in);
    watch(out);
}

static void pass(struct side *s) {
    while (s->fd >= 0) {
        ssize_t got = read(s->fd, buffer, sizeof buffer), put = 0;
        if (got <= 0) {
            if (got == 0 || (errno != EAGAIN && errno != EINTR))
                end(s);
            return;
        }
        while (put < got) {
            ssize_t wrote = write(s->other->fd, buffer + put, got - put);
            struct pollfd until = {.fd = s->other->fd, .events = POLLOUT};
            if (wrote > 0)
                put += wrote;
            else if (errno != EAGAIN || poll(&until, 1, 1000) < 1)
                return;
        }
        if (got < (ssize_t)sizeof buffer)
            return;
    }
}

int main(int argc, char **argv) {
    if (argc != 3)
        return 2;
    int on = 1, fd;
    struct sockaddr_in here = {.sin_family = AF_INET,
                               .sin_port = htons(atoi(argv[1])),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in upstream = here;
    struct epoll_event events[EVENTS];
    struct side door = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)};
    upstream.sin_port = htons(atoi(argv[2]));
    setsockopt(door.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(door.fd, (struct sockaddr *)&here, sizeof here) || listen(door.fd, 4096))
        return 1;
    queue = epoll_create1(0);
    watch(&door);
    for (;;) {
        int ready = epoll_wait(queue, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            struct side *s = events[i].data.ptr;
            if (s != &door)
                pass(s);
            else
                while ((fd = accept4(door.fd, NULL, NULL, SOCK_NONBLOCK)) >= 0)
                    join(fd, &upstream);
        }
    }
}
