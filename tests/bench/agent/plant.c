/* A plant of Modbus TCP meters that costs next to nothing, so that what reads it is what is measured.

   Every unit answers functions 3 and 4 from the same 40 registers, 20 numbers of two words, high word first:
     0   power, 0 until it is set
     1   how many requests this unit has answered, this one included: no two readings of a meter are alike
     2   constant, as an energy register of a dead line is
     3.. voltages and currents of a dead line, constant
     9.. numbers that move at every reading, as harmonics do

   Standard input: "set UNIT POWER" and "reads"; standard output: the port first, then "changed UNIT NS" when a power
   that was set is read for the first time (CLOCK_MONOTONIC), and "reads N N ..." of units 1, 2, ...
   Ends with its standard input. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { UNITS = 256, NUMBERS = 20, WORDS = 2 * NUMBERS, MOST = 256, ROOM = 4096, REQUEST = 12 };

static uint32_t reads[UNITS], power[UNITS];
static int unread[UNITS];
static struct pollfd watched[MOST];
static struct { uint8_t bytes[ROOM]; size_t length; } inbox[MOST];

static uint32_t number(int unit, int which) {
    if (which == 0) return power[unit];
    if (which == 1) return reads[unit];
    if (which == 2) return 5000000;
    if (which < 9) return 3;
    return 100 + (reads[unit] * 7 + which * 97) % 400;
}

static void say_changed(int unit) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    printf("changed %d %lld\n", unit, now.tv_sec * 1000000000LL + now.tv_nsec);
    fflush(stdout);
    unread[unit] = 0;
}

/* The answer to one request of REQUEST bytes; its length. */
static size_t answer(const uint8_t *request, uint8_t *reply) {
    int unit = request[6], function = request[7];
    unsigned first = request[8] << 8 | request[9], count = request[10] << 8 | request[11];
    memcpy(reply, request, 8);
    if ((function != 3 && function != 4) || count < 1 || first + count > WORDS) {
        memcpy(reply + 4, (uint8_t[]){0, 3}, 2);
        reply[7] |= 0x80;
        reply[8] = function != 3 && function != 4 ? 1 : 2;
        return 9;
    }
    reads[unit]++;
    reply[4] = 0;
    reply[5] = 3 + 2 * count;
    reply[8] = 2 * count;
    for (unsigned i = 0; i < count; i++) {
        uint32_t value = number(unit, (first + i) / 2);
        uint16_t word = (first + i) % 2 ? value & 0xffff : value >> 16;
        reply[9 + 2 * i] = word >> 8;
        reply[10 + 2 * i] = word & 0xff;
    }
    if (unread[unit]) say_changed(unit);
    return 9 + 2 * count;
}

/* Whether the connection still stands. */
static int serve(int slot) {
    uint8_t replies[ROOM / REQUEST * (9 + 2 * WORDS)];
    uint8_t *inside = inbox[slot].bytes;
    ssize_t got = recv(watched[slot].fd, inside + inbox[slot].length, ROOM - inbox[slot].length, 0);
    if (got <= 0) return 0;
    size_t length = inbox[slot].length + got, at = 0, out = 0;
    for (; length - at >= REQUEST; at += REQUEST) out += answer(inside + at, replies + out);
    memmove(inside, inside + at, length - at);
    inbox[slot].length = length - at;
    return out == 0 || send(watched[slot].fd, replies, out, MSG_NOSIGNAL) == (ssize_t)out;
}

static void obey(char *line) {
    int unit;
    unsigned value;
    if (sscanf(line, "set %d %u", &unit, &value) == 2 && unit > 0 && unit < UNITS) {
        power[unit] = value;
        unread[unit] = 1;
    } else if (strcmp(line, "reads") == 0) {
        printf("reads");
        for (int u = 1; u < UNITS; u++) printf(" %u", reads[u]);
        printf("\n");
        fflush(stdout);
    }
}

/* Whether there is more to come from standard input. */
static int listen_to_tester(void) {
    static char text[ROOM];
    static size_t length;
    ssize_t got = read(0, text + length, ROOM - 1 - length);
    if (got <= 0) return 0;
    length += got;
    text[length] = 0;
    char *line = text, *end;
    while ((end = strchr(line, '\n'))) {
        *end = 0;
        obey(line);
        line = end + 1;
    }
    length -= line - text;
    memmove(text, line, length);
    return 1;
}

int main(void) {
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof own;
    int one = 1, open = 2, listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&own, size) < 0 || listen(listener, 200) < 0) return 1;
    getsockname(listener, (struct sockaddr *)&own, &size);
    printf("%d\n", ntohs(own.sin_port));
    fflush(stdout);
    watched[0] = (struct pollfd){.fd = 0, .events = POLLIN};
    watched[1] = (struct pollfd){.fd = listener, .events = POLLIN};
    for (;;) {
        if (poll(watched, open, -1) < 0) return 1;
        if (watched[0].revents && !listen_to_tester()) return 0;
        if (watched[1].revents && open < MOST) {
            int client = accept(listener, NULL, NULL);
            if (client >= 0) {
                setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                inbox[open].length = 0;
                watched[open++] = (struct pollfd){.fd = client, .events = POLLIN};
            }
        }
        for (int i = open - 1; i > 1; i--) {
            if (watched[i].revents && !serve(i)) {
                close(watched[i].fd);
                watched[i] = watched[--open];
                inbox[i] = inbox[open];
            }
        }
    }
}
