/* The disk beneath FAULTY_FOLDER fails while the first byte of the mapped file FAULTY_SWITCH is 'w' (writes and syncs) or 'r' (reads). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static volatile char *fault;
static const char *folder;

__attribute__((constructor)) static void map_switch(void) {
    const char *path = getenv("FAULTY_SWITCH");
    folder = getenv("FAULTY_FOLDER");
    int file = path && folder ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        abort();
    void *map = mmap(NULL, 1, PROT_READ, MAP_SHARED, file, 0);
    if (map == MAP_FAILED)
        abort();
    close(file);
    fault = map;
}

/* Whether this kind of operation fails on this file. */
static int fails(char kind, int file) {
    char link[32], path[4096];
    if (!fault || *fault != kind)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    if (strncmp(path, folder, strlen(folder)) != 0)
        return 0;
    errno = EIO;
    return 1;
}

#define WRITES(file, call) return fails('w', file) ? -1 : (call)
#define READS(file, call) return fails('r', file) ? -1 : (call)

ssize_t write(int f, const void *b, size_t n) { WRITES(f, syscall(SYS_write, f, b, n)); }
ssize_t writev(int f, const struct iovec *v, int n) { WRITES(f, syscall(SYS_writev, f, v, n)); }
ssize_t pwrite(int f, const void *b, size_t n, off_t o) { WRITES(f, syscall(SYS_pwrite64, f, b, n, o)); }
ssize_t pwrite64(int f, const void *b, size_t n, off64_t o) { WRITES(f, syscall(SYS_pwrite64, f, b, n, o)); }
int fsync(int f) { WRITES(f, (int)syscall(SYS_fsync, f)); }
int fdatasync(int f) { WRITES(f, (int)syscall(SYS_fdatasync, f)); }
ssize_t read(int f, void *b, size_t n) { READS(f, syscall(SYS_read, f, b, n)); }
ssize_t pread(int f, void *b, size_t n, off_t o) { READS(f, syscall(SYS_pread64, f, b, n, o)); }
ssize_t pread64(int f, void *b, size_t n, off64_t o) { READS(f, syscall(SYS_pread64, f, b, n, o)); }
