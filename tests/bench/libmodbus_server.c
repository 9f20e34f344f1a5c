/* A Modbus TCP server on libmodbus, as its examples are: every unit answers from one mapping.
   Prints the port that it listens on; ends with its standard input. */
#include <errno.h>
#include <modbus.h>
#include <stdio.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <unistd.h>

int main(void) {
    uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
    struct sockaddr_in own;
    socklen_t size = sizeof own;
    modbus_t *context = modbus_new_tcp("127.0.0.1", 0);
    modbus_mapping_t *mapping = modbus_mapping_new(0, 0, 3000, 0);
    int listener = modbus_tcp_listen(context, 200);
    if (context == NULL || mapping == NULL || listener < 0) return 1;
    getsockname(listener, (struct sockaddr *)&own, &size);
    printf("%d\n", ntohs(own.sin_port));
    fflush(stdout);
    fd_set all, ready;
    FD_ZERO(&all);
    FD_SET(0, &all);
    FD_SET(listener, &all);
    for (int last = listener;;) {
        ready = all;
        if (select(last + 1, &ready, NULL, NULL, NULL) < 0 || FD_ISSET(0, &ready)) return 0;
        for (int s = 1; s <= last; s++) {
            if (!FD_ISSET(s, &ready)) continue;
            if (s == listener) {
                int client = accept(listener, NULL, NULL);
                if (client < 0) continue;
                FD_SET(client, &all);
                if (client > last) last = client;
                continue;
            }
            modbus_set_socket(context, s);
            int length = modbus_receive(context, query);
            if (length > 0) {
                modbus_reply(context, query, length, mapping);
            } else if (length < 0) {
                close(s);
                FD_CLR(s, &all);
            }
        }
    }
}
