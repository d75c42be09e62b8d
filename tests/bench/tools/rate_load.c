/* HTTP/1.1 requests at a fixed rate, evenly spaced, over kept connections, and the origin of their
 * answers: both ends in one process.
 *
 * usage: rate_load ORIGIN PORT PATH CONNECTIONS RATE SECONDS      -> one line of JSON
 *
 * It answers at the port ORIGIN and asks at PORT. Two processes that wake each other for every
 * request fill the core that they share long before a proxy fills its own; then it is their queue
 * that would be measured.
 *
 * Latency counts from the moment a request was due, not from when it could be sent: a server that
 * stalls is charged for everybody who had to wait (no coordinated omission).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ROOM 65536
#define EVENTS 64
#define GRACE 5.0
#define SERVED 4096 /* connections that a proxy may hold to the origin */

enum kind { ASKING, DOOR, ANSWERING };

struct line {
    enum kind kind;
    int fd, busy;
    double due;
    int have;
    long need; /* bytes of the whole answer; 0 until its head is here */
    char bytes[ROOM];
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static int by_size(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static struct line *idle(struct line *all, int n, int *turn) {
    for (int i = 0; i < n; i++) {
        int at = (*turn + i) % n;
        if (!all[at].busy) {
            *turn = at + 1;
            return all + at;
        }
    }
    return NULL;
}

/* 1 when the answer is whole, -1 when the connection broke, 0 when more is to come. */
static int take(struct line *l, long *bad) {
    int got = read(l->fd, l->bytes + l->have, ROOM - l->have);
    if (got <= 0)
        return got < 0 && errno == EAGAIN ? 0 : -1;
    l->have += got;
    if (!l->need) {
        char *end = memmem(l->bytes, l->have, "\r\n\r\n", 4);
        if (!end)
            return 0;
        *end = 0;
        char *length = strcasestr(l->bytes, "content-length:");
        l->need = end - l->bytes + 4 + (length ? atol(length + 15) : 0);
        if (memcmp(l->bytes + 9, "200", 3))
            ++*bad;
    }
    return l->have >= l->need;
}

static void watch(int queue, struct line *l) {
    struct epoll_event wanted = {.events = EPOLLIN, .data.ptr = l};
    int on = 1;
    if (l->kind != DOOR)
        setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(l->fd, F_SETFL, O_NONBLOCK);
    epoll_ctl(queue, EPOLL_CTL_ADD, l->fd, &wanted);
}

static int opened_door(int queue, int port) {
    static struct line door = {.kind = DOOR};
    struct sockaddr_in here = {.sin_family = AF_INET,
                               .sin_port = htons(port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    door.fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(door.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(door.fd, (struct sockaddr *)&here, sizeof here) || listen(door.fd, SERVED))
        return -1;
    watch(queue, &door);
    return 0;
}

static void let_in(int queue, int door) {
    static int served = 0;
    int fd;
    while (served < SERVED && (fd = accept(door, NULL, NULL)) >= 0) {
        struct line *l = calloc(1, sizeof *l);
        served++;
        l->kind = ANSWERING;
        l->fd = fd;
        watch(queue, l);
    }
}

/* Each head that has come whole is answered; requests have no body here. */
static void answer(struct line *l) {
    static const char text[] =
        "HTTP/1.1 200 OK\r\nServer: origin\r\nContent-Type: application/json\r\n"
        "Content-Length: 64\r\nConnection: keep-alive\r\n\r\n"
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    int got = read(l->fd, l->bytes + l->have, ROOM - l->have);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN)
            close(l->fd);
        return;
    }
    l->have += got;
    char *end, *from = l->bytes;
    while ((end = memmem(from, l->bytes + l->have - from, "\r\n\r\n", 4))) {
        from = end + 4;
        if (write(l->fd, text, sizeof text - 1) != sizeof text - 1)
            return; /* its caller misses the answer, and says so */
    }
    l->have -= from - l->bytes;
    memmove(l->bytes, from, l->have);
}

int main(int argc, char **argv) {
    if (argc != 7)
        return 2;
    int origin = atoi(argv[1]);
    argv++;
    int port = atoi(argv[1]), n = atoi(argv[3]), turn = 0;
    double rate = atof(argv[4]), seconds = atof(argv[5]);
    long total = rate * seconds, sent = 0, done = 0, bad = 0;
    float *took = malloc(sizeof *took * (total + 1));
    struct line *all = calloc(n, sizeof *all);
    struct epoll_event events[EVENTS];
    int queue = epoll_create1(0);
    char request[2048];
    int size = snprintf(
        request, sizeof request,
        "GET %s HTTP/1.1\r\nHost: app-0500\r\nUser-Agent: bench/1.0\r\nAccept: application/json\r\n"
        "Accept-Encoding: gzip, deflate\r\nX-Request-Id: 3f2b8c1e-7a4d-4e2a-9c1b-0d5e6f7a8b9c\r\n"
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n",
        argv[2]);
    struct sockaddr_in server = {.sin_family = AF_INET,
                                 .sin_port = htons(port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (opened_door(queue, origin)) {
        perror("the port of the origin");
        return 1;
    }
    for (int i = 0; i < n; i++) {
        all[i].fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(all[i].fd, (struct sockaddr *)&server, sizeof server))
            return 1;
        watch(queue, all + i);
    }
    double began = now() + 0.05;
    while (done + bad < total && now() < began + seconds + GRACE) {
        while (sent < total && now() >= began + sent / rate) {
            struct line *l = idle(all, n, &turn);
            if (!l)
                break;
            l->busy = 1;
            l->due = began + sent++ / rate;
            l->have = l->need = 0;
            if (write(l->fd, request, size) != size)
                bad++;
        }
        double pause = sent < total ? began + sent / rate - now() : 0.01;
        struct timespec until = {0, pause > 0 ? pause * 1e9 : 0};
        int ready = epoll_pwait2(queue, events, EVENTS, &until, NULL);
        for (int i = 0; i < ready; i++) {
            struct line *l = events[i].data.ptr;
            if (l->kind == DOOR) {
                let_in(queue, l->fd);
                continue;
            }
            if (l->kind == ANSWERING) {
                answer(l);
                continue;
            }
            int result = take(l, &bad);
            if (result < 0) { /* stays busy, so nobody takes it again */
                bad++;
                close(l->fd);
            } else if (result && l->busy) {
                took[done++] = now() - l->due;
                l->busy = 0;
            }
        }
    }
    qsort(took, done, sizeof *took, by_size);
    printf("{\"requests\": %ld, \"failed\": %ld, \"p50_ms\": %.3f, \"p99_ms\": %.3f}\n", done,
           bad + total - done, done ? took[done / 2] * 1e3 : 0.0,
           done ? took[done * 99 / 100] * 1e3 : 0.0);
    return 0;
}
