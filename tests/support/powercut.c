/* Records what a process does to the files of one folder, and fails some of it on request. Loaded with LD_PRELOAD.
 *
 * POWERCUT_FOLDER   files below it are watched, but for shared memory (-shm), which no power cut spares
 * POWERCUT_LOG      gets a record of each write, truncation, sync and removal, in order
 * POWERCUT_FAIL     "EIO:7" or "ENOSPC:7": every 7th write, sync or truncation fails so, forty times in all
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -2;
static long done;

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

/* The name below the folder, "" for the folder itself, or NULL where it is not watched. */
static const char *below(const char *path) {
    const char *folder = getenv("POWERCUT_FOLDER");
    size_t length = folder ? strlen(folder) : 0, all = strlen(path);
    if (!folder || strncmp(path, folder, length) || (path[length] && path[length] != '/')) return NULL;
    if (all > 4 && !strcmp(path + all - 4, "-shm")) return NULL;
    return path[length] ? path + length + 1 : "";
}

static const char *name_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return NULL;
    path[length] = 0;
    return below(path);
}

static void put(const void *data, size_t length) {
    static ssize_t (*write_)(int, const void *, size_t);
    if (!write_) write_ = real("write");
    if (write_(log_fd, data, length) != (ssize_t)length) abort();
}

static void record(char kind, const char *name, int64_t at, const void *data, uint32_t length) {
    uint32_t named = strlen(name);
    pthread_mutex_lock(&lock);
    if (log_fd == -2) {
        int (*open_)(const char *, int, ...) = real("open");
        const char *log = getenv("POWERCUT_LOG");
        log_fd = log ? open_(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    }
    if (log_fd >= 0) {
        put(&kind, 1), put(&named, 4), put(name, named), put(&at, 8), put(&length, 4);
        if (length) put(data, length);
    }
    pthread_mutex_unlock(&lock);
}

/* The error of this call, 0 where it goes through. */
static int failure(void) {
    const char *wanted = getenv("POWERCUT_FAIL"), *every = wanted ? strchr(wanted, ':') : NULL;
    if (!every || __sync_add_and_fetch(&done, 1) % atol(every + 1) || done > 40 * atol(every + 1)) return 0;
    return strncmp(wanted, "ENOSPC", 6) ? EIO : ENOSPC;
}

#define WRITE(symbol, OFFSET)                                                       \
    ssize_t symbol(int fd, const void *data, size_t length, OFFSET at) {            \
        static ssize_t (*next)(int, const void *, size_t, OFFSET);                  \
        char path[PATH_MAX];                                                        \
        if (!next) next = real(#symbol);                                            \
        const char *name = name_of(fd, path);                                       \
        int error = name ? failure() : 0;                                           \
        if (error) return errno = error, -1;                                        \
        ssize_t written = next(fd, data, length, at);                               \
        if (name && written > 0) record('W', name, at, data, written);              \
        return written;                                                             \
    }
WRITE(pwrite, off_t)
WRITE(pwrite64, off64_t)

#define TRUNCATE(symbol, OFFSET)                                                    \
    int symbol(int fd, OFFSET at) {                                                 \
        static int (*next)(int, OFFSET);                                            \
        char path[PATH_MAX];                                                        \
        if (!next) next = real(#symbol);                                            \
        const char *name = name_of(fd, path);                                       \
        int error = name ? failure() : 0;                                           \
        if (error) return errno = error, -1;                                        \
        int result = next(fd, at);                                                  \
        if (name && !result) record('T', name, at, NULL, 0);                        \
        return result;                                                              \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define SYNC(symbol)                                                                \
    int symbol(int fd) {                                                            \
        static int (*next)(int);                                                    \
        char path[PATH_MAX];                                                        \
        if (!next) next = real(#symbol);                                            \
        const char *name = name_of(fd, path);                                       \
        int error = name ? failure() : 0;                                           \
        if (error) return errno = error, -1;                                        \
        int result = next(fd);                                                      \
        if (name && !result) record('S', name, 0, NULL, 0);                         \
        return result;                                                              \
    }
SYNC(fsync)
SYNC(fdatasync)

int unlink(const char *path) {
    static int (*next)(const char *);
    if (!next) next = real("unlink");
    int result = next(path);
    const char *name = below(path);
    if (name && !result) record('U', name, 0, NULL, 0);
    return result;
}
