#define _GNU_SOURCE
#include "CLaunch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <unistd.h>

int tender_launch(
    pid_t *pid, char *const arguments[], const char *directory, const char *log, bool detached) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t none, all;
  int code = posix_spawn_file_actions_init(&actions);
  if (code != 0) return code;
  code = posix_spawnattr_init(&attributes);
  if (code != 0) {
    posix_spawn_file_actions_destroy(&actions);
    return code;
  }
  sigemptyset(&none);
  sigfillset(&all);
  short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                (detached ? POSIX_SPAWN_SETSID : POSIX_SPAWN_SETPGROUP);
  (code = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)) ||
      (code = posix_spawn_file_actions_addopen(
           &actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0600)) ||
      (code = posix_spawn_file_actions_adddup2(&actions, 1, 2)) ||
      (code = posix_spawn_file_actions_addclosefrom_np(&actions, 3)) ||
      (code = posix_spawn_file_actions_addchdir_np(&actions, directory)) ||
      (code = posix_spawnattr_setsigmask(&attributes, &none)) ||
      (code = posix_spawnattr_setsigdefault(&attributes, &all)) ||
      (code = posix_spawnattr_setpgroup(&attributes, 0)) ||
      (code = posix_spawnattr_setflags(&attributes, flags)) ||
      (code = posix_spawnp(pid, arguments[0], &actions, &attributes, arguments, environ));
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return code;
}

static int caught_signals = -1;

static void catch_signal(int number) {
  int saved = errno;
  unsigned char byte = (unsigned char)number;
  // A full pipe already holds enough to wake the reader.
  if (write(caught_signals, &byte, 1) < 0) errno = saved;
  errno = saved;
}

int tender_catch_signals(const int *signals, int count) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return -1;
  caught_signals = ends[1];
  struct sigaction action = {.sa_handler = catch_signal, .sa_flags = SA_RESTART};
  sigfillset(&action.sa_mask);
  for (int i = 0; i < count; i++) {
    if (sigaction(signals[i], &action, NULL) != 0) return -1;
  }
  return ends[0];
}

static char last_words[256];
static size_t last_words_length;

static void end_with_words(int number) {
  (void)number;
  // The exit code says it too, should there be nobody to read.
  if (write(STDERR_FILENO, last_words, last_words_length) < 0) _exit(130);
  _exit(130);
}

void tender_end_on_signals(const char *message) {
  last_words_length = strnlen(message, sizeof last_words);
  memcpy(last_words, message, last_words_length);
  struct sigaction action = {.sa_handler = end_with_words};
  sigfillset(&action.sa_mask);
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGHUP, &action, NULL);
}
