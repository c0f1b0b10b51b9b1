// Process-wide facts and signals, for ServiceKit.
#pragma once

#include <stdint.h>

/// CLOCK_REALTIME in microseconds.
int64_t tender_realtime_microseconds(void);

/// Makes SIGTERM, SIGINT and SIGHUP bytes in a pipe and returns its non-blocking reading end; -1 and
/// errno on failure. Handlers, not a blocked mask: the Swift runtime parks the main thread of an
/// asynchronous program with nothing blocked. Once per process.
int tender_signal_descriptor(void);
/// The next signal's number, or 0 when there is none.
int tender_signal_next(int fd);

/// User and system CPU time of the process, in microseconds.
int64_t tender_cpu_microseconds(void);
/// Resident memory of the process, in bytes; 0 when unknown.
int64_t tender_resident_bytes(void);
/// Open file descriptors of the process, by /proc; 0 when unknown. Reads a folder: not on a loop.
int64_t tender_open_descriptors(void);

/// A blocking event counter for one reader thread.
int tender_wake_create(void);
void tender_wake_signal(int fd);
void tender_wake_wait(int fd);
/// Writes everything to standard error; gives up on an error.
void tender_write_stderr(const uint8_t *bytes, int64_t count);
