/* Ends the process, as a power cut would, before the CUT_AT-th time that it gives or takes a name in a folder. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static void step(void) {
    static int steps;
    const char *at = getenv("CUT_AT");
    if (at && __atomic_add_fetch(&steps, 1, __ATOMIC_SEQ_CST) == atoi(at))
        kill(getpid(), SIGKILL);
}

int rename(const char *from, const char *to) {
    step();
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    step();
    return (int)syscall(SYS_linkat, from_folder, from, to_folder, to, flags);
}

int link(const char *from, const char *to) {
    return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlink(const char *name) {
    step();
    return (int)syscall(SYS_unlinkat, AT_FDCWD, name, 0);
}
