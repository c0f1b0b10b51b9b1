// What Glibc's Swift module does not show, or shows in a shape that Swift cannot use.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// MARK: - epoll

enum {
  tender_event_read = 1,   // data, end of stream, or an error
  tender_event_write = 2,  // room to write, or an error
};

typedef struct {
  uint64_t token;
  uint32_t events;
} tender_event;

/// A close-on-exec epoll instance; -1 and errno on failure.
int tender_epoll_create(void);

/// Adds or changes what is watched, whichever applies (a descriptor's number may have been reused
/// without a removal, or closed and opened again). 0, or -1 and errno.
int tender_epoll_set(int epoll, int fd, uint32_t events, uint64_t token, bool known);

/// Stops watching. A descriptor that is closed or unknown is no error.
void tender_epoll_remove(int epoll, int fd);

/// Waits at most `milliseconds` (-1: for ever). Hang-up and error show as read and write. An
/// interruption by a signal counts as no event. -1 and errno on failure.
int tender_epoll_wait(int epoll, tender_event *events, int capacity, int milliseconds);

// MARK: - Wake-ups, clock, threads

/// A non-blocking, close-on-exec event counter; -1 and errno on failure.
int tender_eventfd(void);
void tender_eventfd_signal(int fd);
void tender_eventfd_clear(int fd);

/// CLOCK_MONOTONIC in nanoseconds.
int64_t tender_monotonic_nanoseconds(void);

/// One pointer per thread: the event loop that runs on it.
void *tender_thread_loop(void);
void tender_thread_loop_set(void *loop);

/// First thing on a new thread: names it (15 bytes are kept), and lets faults through, which a
/// thread that was made by a dispatch worker would inherit as blocked.
void tender_thread_begin(const char *name);

/// Once per process: keeps freed memory instead of trimming it at each release (trimming showed as
/// page faults), and ignores SIGPIPE (writes to a closed peer answer EPIPE). Idempotent.
void tender_process_setup(void);
