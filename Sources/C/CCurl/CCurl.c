#include "CCurl.h"

#include <pthread.h>

static CURLcode setup_result;

static void setup(void) { setup_result = curl_global_init(CURL_GLOBAL_DEFAULT); }

bool tender_curl_setup(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, setup);
  return setup_result == CURLE_OK;
}

CURLcode tender_curl_set_long(CURL *easy, CURLoption option, long value) {
  return curl_easy_setopt(easy, option, value);
}

CURLcode tender_curl_set_offset(CURL *easy, CURLoption option, curl_off_t value) {
  return curl_easy_setopt(easy, option, value);
}

CURLcode tender_curl_set_string(CURL *easy, CURLoption option, const char *value) {
  return curl_easy_setopt(easy, option, value);
}

CURLcode tender_curl_set_list(CURL *easy, CURLoption option, struct curl_slist *value) {
  return curl_easy_setopt(easy, option, value);
}

CURLcode tender_curl_set_pointer(CURL *easy, CURLoption option, void *value) {
  return curl_easy_setopt(easy, option, value);
}

CURLcode tender_curl_set_callbacks(CURL *easy, const tender_curl_callbacks *callbacks,
                                   void *context) {
  CURLcode code = CURLE_OK;
  if (callbacks->write) {
    code = code ? code : curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, callbacks->write);
    code = code ? code : curl_easy_setopt(easy, CURLOPT_WRITEDATA, context);
  }
  if (callbacks->header) {
    code = code ? code : curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, callbacks->header);
    code = code ? code : curl_easy_setopt(easy, CURLOPT_HEADERDATA, context);
  }
  if (callbacks->read) {
    code = code ? code : curl_easy_setopt(easy, CURLOPT_READFUNCTION, callbacks->read);
    code = code ? code : curl_easy_setopt(easy, CURLOPT_READDATA, context);
  }
  if (callbacks->before_request) {
    code = code ? code : curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, callbacks->before_request);
    code = code ? code : curl_easy_setopt(easy, CURLOPT_PREREQDATA, context);
  }
  return code ? code : curl_easy_setopt(easy, CURLOPT_PRIVATE, context);
}

long tender_curl_long(CURL *easy, CURLINFO info) {
  long value = 0;
  return curl_easy_getinfo(easy, info, &value) == CURLE_OK ? value : 0;
}

curl_off_t tender_curl_offset(CURL *easy, CURLINFO info) {
  curl_off_t value = 0;
  return curl_easy_getinfo(easy, info, &value) == CURLE_OK ? value : 0;
}

const char *tender_curl_string(CURL *easy, CURLINFO info) {
  char *value = NULL;
  return curl_easy_getinfo(easy, info, &value) == CURLE_OK ? value : NULL;
}

void *tender_curl_private(CURL *easy) {
  char *value = NULL;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, &value);
  return value;
}

CURLMcode tender_curl_multi_configure(CURLM *multi, tender_curl_socket_callback on_socket,
                                      tender_curl_timer_callback on_timer, void *context,
                                      long connections_max) {
  CURLMcode code = curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  code = code ? code : curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, context);
  code = code ? code : curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
  code = code ? code : curl_multi_setopt(multi, CURLMOPT_TIMERDATA, context);
  code = code ? code : curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, connections_max);
  return code ? code : curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
}

void tender_curl_multi_silence(CURLM *multi) {
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, NULL);
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, NULL);
}

CURL *tender_curl_multi_next_done(CURLM *multi, CURLcode *result) {
  int left = 0;
  CURLMsg *message;
  while ((message = curl_multi_info_read(multi, &left))) {
    if (message->msg != CURLMSG_DONE) continue;
    *result = message->data.result;
    return message->easy_handle;
  }
  return NULL;
}
