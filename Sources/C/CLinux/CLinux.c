#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { wait_capacity = 256 };

int tender_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

static uint32_t to_epoll(uint32_t events) {
  uint32_t result = 0;
  if (events & tender_event_read) result |= EPOLLIN | EPOLLRDHUP;
  if (events & tender_event_write) result |= EPOLLOUT;
  return result;
}

int tender_epoll_set(int epoll, int fd, uint32_t events, uint64_t token, bool known) {
  struct epoll_event event = {.events = to_epoll(events), .data = {.u64 = token}};
  int first = known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  if (epoll_ctl(epoll, first, fd, &event) == 0) return 0;
  if (known && errno == ENOENT) return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  if (!known && errno == EEXIST) return epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event);
  return -1;
}

void tender_epoll_remove(int epoll, int fd) {
  struct epoll_event ignored = {0};
  (void)epoll_ctl(epoll, EPOLL_CTL_DEL, fd, &ignored);
}

int tender_epoll_wait(int epoll, tender_event *events, int capacity, int milliseconds) {
  struct epoll_event ready[wait_capacity];
  if (capacity > wait_capacity) capacity = wait_capacity;
  int count = epoll_wait(epoll, ready, capacity, milliseconds);
  if (count < 0) return errno == EINTR ? 0 : -1;
  for (int i = 0; i < count; i++) {
    uint32_t bits = 0;
    if (ready[i].events & (EPOLLIN | EPOLLRDHUP | EPOLLPRI)) bits |= tender_event_read;
    if (ready[i].events & EPOLLOUT) bits |= tender_event_write;
    if (ready[i].events & (EPOLLERR | EPOLLHUP)) bits |= tender_event_read | tender_event_write;
    events[i].token = ready[i].data.u64;
    events[i].events = bits;
  }
  return count;
}

int tender_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

void tender_eventfd_signal(int fd) {
  uint64_t one = 1;
  while (write(fd, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

void tender_eventfd_clear(int fd) {
  uint64_t value;
  while (read(fd, &value, sizeof value) < 0 && errno == EINTR) {
  }
}

int64_t tender_monotonic_nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static _Thread_local void *thread_loop;

void *tender_thread_loop(void) { return thread_loop; }
void tender_thread_loop_set(void *loop) { thread_loop = loop; }

void tender_thread_begin(const char *name) {
  char short_name[16] = {0};
  strncpy(short_name, name, sizeof short_name - 1);
  pthread_setname_np(pthread_self(), short_name);
  sigset_t faults;
  sigemptyset(&faults);
  int signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE};
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) sigaddset(&faults, signals[i]);
  pthread_sigmask(SIG_UNBLOCK, &faults, NULL);
}

static void process_setup(void) {
  mallopt(M_TRIM_THRESHOLD, 64 << 20);
  mallopt(M_TOP_PAD, 256 << 10);
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
  struct sigaction ignore = {.sa_handler = SIG_IGN};
  sigaction(SIGPIPE, &ignore, NULL);
}

void tender_process_setup(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, process_setup);
}
