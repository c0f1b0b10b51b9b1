#pragma once
#include <stdbool.h>
#include <sys/types.h>

/// Starts a program that is independent of its starter: no input, output and errors appended to
/// `log`, no other descriptor, no blocked or ignored signal, its own process group, and with
/// `detached` its own session. glibc's extensions for this do not reach Swift.
/// - Returns: 0 and the process id, or an errno.
int tender_launch(
    pid_t *pid, char *const arguments[], const char *directory, const char *log, bool detached);
