#pragma once
#include <stdbool.h>
#include <sys/types.h>

/// Starts a program that is independent of its starter: no input, output and errors appended to
/// `log`, no other descriptor, no blocked or ignored signal, its own process group, and with
/// `detached` its own session. glibc's extensions for this do not reach Swift.
/// - Returns: 0 and the process id, or an errno.
int tender_launch(
    pid_t *pid, char *const arguments[], const char *directory, const char *log, bool detached);

/// Makes the signals of the set bytes in a pipe: each arrives as its number.
/// Handlers, not a blocked mask: the Swift runtime parks the main thread of an asynchronous program
/// with nothing blocked, and a signal delivered there would end the process.
/// - Returns: the pipe's reading end (non-blocking), or -1 with errno. Once per process.
int tender_catch_signals(const int *signals, int count);

/// From now on SIGINT, SIGTERM and SIGHUP end the process with code 130 after this message on its
/// standard error.
void tender_end_on_signals(const char *message);
