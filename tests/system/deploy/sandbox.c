// Runs a program under what its unit forbids: capabilities, new privileges, memory that is both written and executed, every
// system call and address family that is not on the lists. `lists.h` has the lists, as the test read them from the unit.
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lists.h"

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#else
#error "the sandbox does not know this machine"
#endif

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define LOAD(field) add(BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, field))
#define UNLESS_EQUAL(value, skip) add(BPF_JMP | BPF_JEQ | BPF_K, 0, skip, value)
#define IF_EQUAL(value, skip) add(BPF_JMP | BPF_JEQ | BPF_K, skip, 0, value)
#define ANSWER(value) add(BPF_RET | BPF_K, 0, 0, value)
#define ALLOW ANSWER(SECCOMP_RET_ALLOW)
#define REFUSE(error) ANSWER(SECCOMP_RET_ERRNO | (error))

static struct sock_filter filter[2048];
static unsigned short length;

static void add(unsigned short code, unsigned char yes, unsigned char no, unsigned int value) {
  filter[length++] = (struct sock_filter){code, yes, no, value};
}

static void build(void) {
  LOAD(arch);
  IF_EQUAL(NATIVE, 1);
  ANSWER(SECCOMP_RET_KILL_PROCESS);
  LOAD(nr);
  UNLESS_EQUAL(__NR_mmap, 5);
  LOAD(args[2]);
  add(BPF_ALU | BPF_AND | BPF_K, 0, 0, PROT_WRITE | PROT_EXEC);
  UNLESS_EQUAL(PROT_WRITE | PROT_EXEC, 1);
  REFUSE(EPERM);
  ALLOW;
  UNLESS_EQUAL(__NR_mprotect, 4);
  LOAD(args[2]);
  add(BPF_JMP | BPF_JSET | BPF_K, 0, 1, PROT_EXEC);
  REFUSE(EPERM);
  ALLOW;
  UNLESS_EQUAL(__NR_socket, COUNT(families) + 3);
  LOAD(args[0]);
  for (size_t i = 0; i < COUNT(families); i++) IF_EQUAL(families[i], COUNT(families) - i);
  REFUSE(EAFNOSUPPORT);
  ALLOW;
  for (size_t i = 0; i < COUNT(calls); i++) {
    UNLESS_EQUAL(calls[i], 1);
    ALLOW;
  }
  REFUSE(EPERM);
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  build();
  // The last capability is not known; those beyond it are refused.
  for (int capability = 0; capability < 64; capability++) prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  struct sock_fprog program = {length, filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0)) {
    perror("sandbox");
    return 3;
  }
  execvp(argv[1], argv + 1);
  perror(argv[1]);
  return 3;
}
