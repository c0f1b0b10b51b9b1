#define _GNU_SOURCE
#include "CProcess.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

int64_t tender_realtime_microseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int caught_signals = -1;

static void catch_signal(int number) {
  int saved = errno;
  unsigned char byte = (unsigned char)number;
  // A full pipe holds signals enough already.
  ssize_t ignored = write(caught_signals, &byte, 1);
  (void)ignored;
  errno = saved;
}

int tender_signal_descriptor(void) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return -1;
  caught_signals = ends[1];
  struct sigaction action = {.sa_handler = catch_signal, .sa_flags = SA_RESTART};
  sigfillset(&action.sa_mask);
  int numbers[] = {SIGTERM, SIGINT, SIGHUP};
  for (int i = 0; i < 3; i++) {
    if (sigaction(numbers[i], &action, NULL) != 0) return -1;
  }
  return ends[0];
}

int tender_signal_next(int fd) {
  unsigned char number;
  return read(fd, &number, 1) == 1 ? number : 0;
}

int64_t tender_cpu_microseconds(void) {
  struct rusage usage;
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  return ((int64_t)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
         usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

int64_t tender_resident_bytes(void) {
  FILE *file = fopen("/proc/self/statm", "re");
  if (file == NULL) return 0;
  long total = 0, resident = 0;
  int found = fscanf(file, "%ld %ld", &total, &resident);
  fclose(file);
  return found == 2 ? (int64_t)resident * sysconf(_SC_PAGESIZE) : 0;
}

int64_t tender_open_descriptors(void) {
  DIR *folder = opendir("/proc/self/fd");
  if (folder == NULL) return 0;
  int64_t count = 0;
  for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
    if (entry->d_name[0] != '.') count++;
  }
  closedir(folder);
  // Without the one that reads the folder.
  return count - 1;
}

int tender_wake_create(void) { return eventfd(0, EFD_CLOEXEC); }

void tender_wake_signal(int fd) {
  uint64_t one = 1;
  while (write(fd, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

void tender_wake_wait(int fd) {
  uint64_t count;
  while (read(fd, &count, sizeof count) < 0 && errno == EINTR) {
  }
}

void tender_write_stderr(const uint8_t *bytes, int64_t count) {
  while (count > 0) {
    ssize_t written = write(2, bytes, (size_t)count);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    bytes += written;
    count -= written;
  }
}
