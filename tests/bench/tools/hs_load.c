/* Full mutual TLS 1.3 handshakes, as many as come, nothing resumed.
 *
 * usage: hs_load PORT CA CERT KEY CONNECTIONS SECONDS      -> one line of JSON
 *
 * CONNECTIONS are kept under way. Each sends one request after its handshake and waits for the
 * first byte of the answer: in TLS 1.3 the server judges our certificate after our last flight, so
 * only an answer proves that it was accepted. Then the connection is reset and another begins.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST 2000000
#define EVENTS 256

struct attempt {
    int fd;
    SSL *ssl;
    int shaken;
    double began;
};

static const char request[] = "GET /small HTTP/1.1\r\nHost: app-0500\r\n\r\n";
static float took[MOST];
static SSL_CTX *context;
static struct sockaddr_in server;
static int queue;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static void begin(struct attempt *a) {
    int on = 1;
    struct linger reset = {1, 0};
    struct epoll_event wanted = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = a};
    a->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(a->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(a->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    connect(a->fd, (struct sockaddr *)&server, sizeof server);
    a->ssl = SSL_new(context);
    SSL_set_fd(a->ssl, a->fd);
    SSL_set_connect_state(a->ssl);
    SSL_set_tlsext_host_name(a->ssl, "localhost");
    a->shaken = 0;
    a->began = now();
    epoll_ctl(queue, EPOLL_CTL_ADD, a->fd, &wanted);
}

static int waits(SSL *ssl, int result) {
    int why = SSL_get_error(ssl, result);
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
}

/* 1 when answered, -1 when failed, 0 when it goes on. */
static int step(struct attempt *a) {
    char answer[4096];
    int result;
    if (!a->shaken) {
        result = SSL_do_handshake(a->ssl);
        if (result != 1)
            return waits(a->ssl, result) ? 0 : -1;
        a->shaken = 1;
        SSL_write(a->ssl, request, sizeof request - 1);
    }
    result = SSL_read(a->ssl, answer, sizeof answer);
    return result > 0 ? 1 : waits(a->ssl, result) ? 0 : -1;
}

static int by_size(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    if (argc != 7)
        return 2;
    int width = atoi(argv[5]);
    double seconds = atof(argv[6]);
    long done = 0, failed = 0;
    struct epoll_event events[EVENTS];
    struct attempt *all = calloc(width, sizeof *all);

    context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    SSL_CTX_load_verify_locations(context, argv[2], NULL);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_use_certificate_chain_file(context, argv[3]);
    SSL_CTX_use_PrivateKey_file(context, argv[4], SSL_FILETYPE_PEM);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    server.sin_family = AF_INET;
    server.sin_port = htons(atoi(argv[1]));
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    queue = epoll_create1(0);
    for (int i = 0; i < width; i++)
        begin(all + i);
    double began = now();
    while (now() < began + seconds) {
        int ready = epoll_wait(queue, events, EVENTS, 100);
        for (int i = 0; i < ready; i++) {
            struct attempt *a = events[i].data.ptr;
            int result = step(a);
            if (!result)
                continue;
            if (result > 0 && done < MOST)
                took[done++] = now() - a->began;
            else
                failed++;
            ERR_clear_error();
            SSL_free(a->ssl);
            close(a->fd);
            begin(a);
        }
    }
    qsort(took, done, sizeof *took, by_size);
    printf("{\"requests\": %ld, \"failed\": %ld, \"p50_ms\": %.3f, \"p99_ms\": %.3f}\n", done, failed,
           done ? took[done / 2] * 1e3 : 0.0, done ? took[done * 99 / 100] * 1e3 : 0.0);
    return 0;
}
