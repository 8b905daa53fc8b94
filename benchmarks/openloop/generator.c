/*
 * The process that carries a load. C, since it shares the cores with what it measures: a request costs it two system
 * calls and little else.
 *
 *   generator PORT CONNECTIONS FIRST_KEY GRACE_S DUE REQUESTS KEYS OUTPUT REPLIES
 *
 * DUE        float64 seconds from the start, ascending: when each request is to leave; "-": a closed loop of GRACE_S
 *            seconds, in which a request leaves whenever a connection is free
 * REQUESTS   for each: int32 length, int32 place of its eight digits or -1, the whole HTTP request; taken in turn
 * KEYS       eight digits for each request, taken in turn; "-": a counter from FIRST_KEY on
 * OUTPUT     for each request: float64 seconds when it left, float64 when its reply was whole (NaN: never)
 * REPLIES    for each request: int32 length, its whole reply
 *
 * A connection carries one request at a time, so that no reply waits behind another's; while none is free, what is due
 * waits here, and pays for it. Replies are looked at when the run is over, by others. Prints the CPU seconds of the run.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define DIGITS 8
#define LOOK_NS 50000000 /* between looks at the clock while nothing is due and nothing comes */
#define BUFFER 65536   /* the longest reply */
#define SETTLE_US 300000 /* until the server has accepted all connections: not what the arrivals are to measure */
#define EVENTS 256
#define FIRST_ROOM 65536 /* for requests of a closed loop, of which nobody knows how many there will be */

struct request { char *data; int32_t length, at; };
struct connection { int fd; long carries; int got; char buffer[BUFFER]; };
struct reply { char *data; int32_t length; };

static struct request *requests;
static struct connection *connections;
static int *idle; /* a stack of free connections: the one that was used last goes first, as in clients' pools */
static struct reply *replies;
static double *due, *left_at, *done_at, start, end;
static long due_count, request_count, key_count, next_due, under_way; /* of a closed loop due_count is the room */
static int connection_count, idle_count, epoll;
static uint64_t first_key;
static char *keys;
static struct sockaddr_in address;

static void fail(const char *what) { perror(what); exit(1); }

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static char *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END)) fail(path);
    *size = ftell(file);
    rewind(file);
    char *data = malloc(*size + 1);
    if (!data || fread(data, 1, *size, file) != *size) fail(path);
    fclose(file);
    return data;
}

static void read_requests(const char *path) {
    size_t size;
    char *data = read_file(path, &size), *end = data + size;
    for (char *at = data; at < end; request_count++) at += 8 + *(int32_t *)at;
    requests = calloc(request_count, sizeof *requests);
    for (long i = 0; data < end; i++) {
        memcpy(&requests[i].length, data, 4);
        memcpy(&requests[i].at, data + 4, 4);
        requests[i].data = data + 8;
        data += 8 + requests[i].length;
    }
}

static void set_free(int index) { idle[idle_count++] = index; }

static void dial(int index) {
    struct connection *connection = &connections[index];
    int one = 1;
    connection->carries = -1;
    connection->got = 0;
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->fd < 0) fail("socket");
    if (connect(connection->fd, (struct sockaddr *)&address, sizeof address)) { /* it is down: what is due waits */
        close(connection->fd);
        connection->fd = -1;
        return;
    }
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(connection->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = index};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, connection->fd, &event)) fail("epoll_ctl");
    set_free(index);
}

/* The other side has closed it: another one takes its place. */
static void lost(int index) {
    struct connection *connection = &connections[index];
    if (connection->carries >= 0) under_way--;
    else
        for (int i = 0, n = idle_count, kept = 0; i < n; i++) {
            idle[kept] = idle[i];
            if (idle[i] != index) kept++;
            else idle_count--;
        }
    close(connection->fd);
    dial(index);
}

/* All of it: what the socket has no room for (only large requests) is waited for. */
static void send_whole(int fd, struct iovec *parts, int count) {
    while (count) {
        ssize_t sent = writev(fd, parts, count);
        if (sent < 0 && errno == EAGAIN) {
            struct pollfd room = {.fd = fd, .events = POLLOUT};
            poll(&room, 1, 1000);
            sent = 0;
        } else if (sent < 0)
            return; /* closed by the other side, which the next read tells */
        while (count && (size_t)sent >= parts->iov_len) sent -= parts->iov_len, parts++, count--;
        if (count) parts->iov_base = (char *)parts->iov_base + sent, parts->iov_len -= sent;
    }
}

static void send_one(int fd, long number) {
    char key[DIGITS + 1];
    uint64_t which;
    if (keys) {
        memcpy(key, keys + number % key_count * DIGITS, DIGITS);
        key[DIGITS] = 0;
        which = strtoull(key, NULL, 10);
    } else {
        which = number;
        snprintf(key, sizeof key, "%08u", (unsigned)((first_key + number) % 100000000));
    }
    struct request *request = &requests[which % request_count];
    struct iovec whole = {request->data, request->length};
    if (request->at < 0) {
        send_whole(fd, &whole, 1);
        return;
    }
    char *behind = request->data + request->at + DIGITS;
    struct iovec parts[3] = {
        {request->data, request->at}, {key, DIGITS}, {behind, request->length - request->at - DIGITS}};
    send_whole(fd, parts, 3);
}

static void make_room(long count) {
    left_at = realloc(left_at, count * sizeof *left_at);
    done_at = realloc(done_at, count * sizeof *done_at);
    replies = realloc(replies, count * sizeof *replies);
    if (!left_at || !done_at || !replies) fail("memory");
    for (long i = due ? 0 : due_count; i < count; i++) left_at[i] = done_at[i] = NAN, replies[i] = (struct reply){0};
    due_count = count;
}

static int one_is_due(double at) {
    if (due) return next_due < due_count && due[next_due] <= at;
    if (next_due == due_count) make_room(2 * due_count);
    return start + at < end;
}

static void send_due(void) {
    for (double at = now() - start; idle_count && one_is_due(at); at = now() - start) {
        int index = idle[--idle_count];
        under_way++;
        connections[index].carries = next_due;
        left_at[next_due] = at;
        send_one(connections[index].fd, next_due++);
    }
}

static int is_whole(const char *data, int length) {
    const char *end = memmem(data, length, "\r\n\r\n", 4);
    if (!end) return 0;
    for (const char *line = memmem(data, end - data, "\r\n", 2); line && line < end;
         line = memmem(line + 2, end - line, "\r\n", 2))
        if (!strncasecmp(line + 2, "content-length:", 15)) return data + length - (end + 4) >= atol(line + 17);
    return length >= 5 && !memcmp(data + length - 5, "0\r\n\r\n", 5); /* chunked */
}

static void receive(int index) {
    struct connection *connection = &connections[index];
    ssize_t got = recv(connection->fd, connection->buffer + connection->got, BUFFER - connection->got, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        lost(index);
        return;
    }
    connection->got += got;
    if (!is_whole(connection->buffer, connection->got)) return;
    long number = connection->carries;
    if (number >= 0) {
        done_at[number] = now() - start;
        replies[number].length = connection->got;
        replies[number].data = memcpy(malloc(connection->got), connection->buffer, connection->got);
        connection->carries = -1;
        under_way--;
        set_free(index);
    }
    connection->got = 0;
}

static double cpu_seconds(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
}

/* Until the next request is due and can leave. */
static struct timespec pause_now(void) {
    double wait = due && idle_count && next_due < due_count ? due[next_due] - (now() - start) : LOOK_NS * 1e-9;
    long ns = wait < 0 ? 0 : wait * 1e9 < LOOK_NS ? wait * 1e9 : LOOK_NS;
    return (struct timespec){0, ns};
}

static void run(double grace_s) {
    struct epoll_event events[EVENTS];
    start = now();
    end = start + (due && due_count ? due[due_count - 1] : 0) + grace_s;
    send_due();
    while ((!due || next_due < due_count || under_way) && now() < end) {
        struct timespec wait = pause_now();
        int count = epoll_pwait2(epoll, events, EVENTS, &wait, NULL);
        if (count < 0 && errno != EINTR) fail("epoll_pwait2");
        for (int i = 0; i < count; i++) receive(events[i].data.u32);
        send_due();
    }
    if (due) return;
    due_count = next_due;
    for (int i = 0; i < connection_count; i++) /* as if it had not left */
        if (connections[i].carries >= 0) left_at[connections[i].carries] = NAN;
}

static void write_results(const char *output, const char *replies_path) {
    FILE *file = fopen(output, "wb");
    if (!file) fail(output);
    for (long i = 0; i < due_count; i++) fwrite(&left_at[i], 8, 1, file), fwrite(&done_at[i], 8, 1, file);
    if (fclose(file)) fail(output);
    if (!(file = fopen(replies_path, "wb"))) fail(replies_path);
    for (long i = 0; i < due_count; i++) {
        fwrite(&replies[i].length, 4, 1, file);
        fwrite(replies[i].data, 1, replies[i].length, file);
    }
    if (fclose(file)) fail(replies_path);
}

int main(int count, char **arguments) {
    if (count != 10) return fprintf(stderr, "nine arguments are expected: see generator.c\n"), 2;
    size_t size;
    address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(atoi(arguments[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connection_count = atoi(arguments[2]);
    first_key = strtoull(arguments[3], NULL, 10);
    read_requests(arguments[6]);
    if (strcmp(arguments[7], "-")) keys = read_file(arguments[7], &size), key_count = size / DIGITS;
    if (strcmp(arguments[5], "-")) due = (double *)read_file(arguments[5], &size), make_room(size / sizeof *due);
    else make_room(FIRST_ROOM);
    connections = calloc(connection_count, sizeof *connections);
    idle = calloc(connection_count, sizeof *idle);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < connection_count; i++) dial(i);
    if (!idle_count) fail("connect");
    usleep(SETTLE_US);
    double before = cpu_seconds();
    run(atof(arguments[4]));
    printf("%.6f\n", cpu_seconds() - before);
    write_results(arguments[8], arguments[9]);
    return 0;
}
