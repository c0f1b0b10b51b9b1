#pragma once
// TLS 1.3 with certificates on both sides, ALPN h2, over a non-blocking socket.
// OpenSSL's own types stay behind this header: Swift sees two opaque handles and plain calls.
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ctls_context ctls_context;
typedef struct ctls_connection ctls_connection;

typedef enum {
  CTLS_OK = 0,
  CTLS_WANT_READ = 1,
  CTLS_WANT_WRITE = 2,
  CTLS_CLOSED = 3,  // the peer closed, orderly or not
  CTLS_FAILED = 4,  // see ctls_connection_error
} ctls_result;

// Loads the chain, the key and the CA from PEM files. NULL and a text in `error` when it cannot.
// Blocks on file I/O: not for the event loop's thread.
ctls_context *ctls_context_new(bool server, const char *chain_path, const char *key_path,
                               const char *ca_path, char *error, size_t error_capacity);
void ctls_context_free(ctls_context *context);

// The connection does not own `fd`. NULL when memory ran out.
ctls_connection *ctls_connection_new(ctls_context *context, int fd);
void ctls_connection_free(ctls_connection *connection);

ctls_result ctls_handshake(ctls_connection *connection);
ctls_result ctls_read(ctls_connection *connection, void *buffer, size_t capacity, size_t *count);
ctls_result ctls_write(ctls_connection *connection, const void *bytes, size_t length,
                       size_t *count);
// Sends close_notify once, without waiting for the peer's.
void ctls_close_notify(ctls_connection *connection);
// Whether bytes already taken from the socket wait to be read.
bool ctls_has_pending(const ctls_connection *connection);

// Whether ALPN agreed on h2.
bool ctls_is_h2(const ctls_connection *connection);
// How many URI names the peer's certificate carries; the first is copied when it fits, else
// `length` is 0. -1 when the peer has no certificate.
int ctls_peer_uri(const ctls_connection *connection, char *buffer, size_t capacity,
                  size_t *length);
// Why the last call failed, as a NUL-terminated text. Names no secret.
void ctls_connection_error(const ctls_connection *connection, char *buffer, size_t capacity);
