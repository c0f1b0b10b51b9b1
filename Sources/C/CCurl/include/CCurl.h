// libcurl's variadic calls as typed functions.
#pragma once

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Once per process, and idempotent: libcurl and its TLS library.
bool tender_curl_setup(void);

// MARK: - Options

CURLcode tender_curl_set_long(CURL *easy, CURLoption option, long value);
CURLcode tender_curl_set_offset(CURL *easy, CURLoption option, curl_off_t value);
CURLcode tender_curl_set_string(CURL *easy, CURLoption option, const char *value);
CURLcode tender_curl_set_list(CURL *easy, CURLoption option, struct curl_slist *value);
CURLcode tender_curl_set_pointer(CURL *easy, CURLoption option, void *value);

/// The callbacks of one transfer; all get the same context.
typedef struct {
  size_t (*write)(char *bytes, size_t size, size_t count, void *context);
  size_t (*header)(char *bytes, size_t size, size_t count, void *context);
  size_t (*read)(char *bytes, size_t size, size_t count, void *context);
  int (*before_request)(void *context, char *peer, char *local, int peer_port, int local_port);
} tender_curl_callbacks;

/// A null callback is left as it is.
CURLcode tender_curl_set_callbacks(CURL *easy, const tender_curl_callbacks *callbacks,
                                   void *context);

// MARK: - Facts

long tender_curl_long(CURL *easy, CURLINFO info);
curl_off_t tender_curl_offset(CURL *easy, CURLINFO info);
/// May be null. Owned by the handle.
const char *tender_curl_string(CURL *easy, CURLINFO info);
void *tender_curl_private(CURL *easy);

// MARK: - Multi

typedef int (*tender_curl_socket_callback)(CURL *easy, curl_socket_t fd, int what, void *context,
                                           void *marker);
typedef int (*tender_curl_timer_callback)(CURLM *multi, long milliseconds, void *context);

CURLMcode tender_curl_multi_configure(CURLM *multi, tender_curl_socket_callback on_socket,
                                      tender_curl_timer_callback on_timer, void *context,
                                      long connections_max);
/// Stops calls to the callbacks.
void tender_curl_multi_silence(CURLM *multi);

/// The next finished transfer, or null.
CURL *tender_curl_multi_next_done(CURLM *multi, CURLcode *result);
