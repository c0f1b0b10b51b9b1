#include "CTLS.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { READ_BUFFER_BYTES = 64 * 1024, CHAIN_DEPTH_MAX = 3 };

struct ctls_context {
  SSL_CTX *ssl_context;
  bool server;
};

struct ctls_connection {
  SSL *ssl;
  unsigned long error;  // of OpenSSL's queue
  int system_error;     // errno
};

// MARK: - Socket BIO: like OpenSSL's, but a write to a closed peer raises no SIGPIPE.

static int socket_write(BIO *bio, const char *bytes, int length) {
  BIO_clear_retry_flags(bio);
  ssize_t count = send((int)(intptr_t)BIO_get_data(bio), bytes, (size_t)length, MSG_NOSIGNAL);
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
    BIO_set_retry_write(bio);
  return (int)count;
}

static int socket_read(BIO *bio, char *buffer, int capacity) {
  BIO_clear_retry_flags(bio);
  ssize_t count = recv((int)(intptr_t)BIO_get_data(bio), buffer, (size_t)capacity, 0);
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
    BIO_set_retry_read(bio);
  if (count == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return (int)count;
}

static long socket_control(BIO *bio, int command, long number, void *pointer) {
  (void)number;
  (void)pointer;
  switch (command) {
    case BIO_CTRL_FLUSH:
      return 1;
    case BIO_CTRL_EOF:
      return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    default:
      return 0;
  }
}

static int socket_create(BIO *bio) {
  BIO_set_init(bio, 1);
  return 1;
}

static BIO_METHOD *socket_method;

__attribute__((constructor)) static void make_socket_method(void) {
  BIO_METHOD *method =
      BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "non-blocking socket");
  if (method == NULL) return;
  BIO_meth_set_write(method, socket_write);
  BIO_meth_set_read(method, socket_read);
  BIO_meth_set_ctrl(method, socket_control);
  BIO_meth_set_create(method, socket_create);
  socket_method = method;
}

// MARK: - Context

static const unsigned char h2_protocol[] = {2, 'h', '2'};

static int select_h2(SSL *ssl, const unsigned char **out, unsigned char *out_length,
                     const unsigned char *in, unsigned int in_length, void *argument) {
  (void)ssl;
  (void)argument;
  unsigned char *selected = NULL;
  if (SSL_select_next_proto(&selected, out_length, h2_protocol, sizeof h2_protocol, in,
                            in_length) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = selected;
  return SSL_TLSEXT_ERR_OK;
}

static void describe_failure(const char *what, char *error, size_t capacity) {
  unsigned long code = ERR_peek_last_error();
  const char *reason = code == 0 ? NULL : ERR_reason_error_string(code);
  snprintf(error, capacity, "%s: %s", what, reason == NULL ? "failed" : reason);
  ERR_clear_error();
}

static bool load_files(SSL_CTX *context, bool server, const char *chain_path,
                       const char *key_path, const char *ca_path, char *error,
                       size_t capacity) {
  if (SSL_CTX_use_certificate_chain_file(context, chain_path) != 1) {
    describe_failure("certificate chain", error, capacity);
    return false;
  }
  if (SSL_CTX_use_PrivateKey_file(context, key_path, SSL_FILETYPE_PEM) != 1) {
    describe_failure("private key", error, capacity);
    return false;
  }
  if (SSL_CTX_check_private_key(context) != 1) {
    describe_failure("private key does not belong to the certificate", error, capacity);
    return false;
  }
  if (SSL_CTX_load_verify_file(context, ca_path) != 1) {
    describe_failure("certificate authority", error, capacity);
    return false;
  }
  if (server) {
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(ca_path);
    if (names == NULL) {
      describe_failure("names of the certificate authority", error, capacity);
      return false;
    }
    SSL_CTX_set_client_CA_list(context, names);
  }
  return true;
}

static bool set_rules(SSL_CTX *context, bool server) {
  if (SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1) return false;
  if (SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) != 1) return false;
  // No resumption and no early data: each connection proves its identity anew.
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
  if (SSL_CTX_set_num_tickets(context, 0) != 1) return false;
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  if (SSL_CTX_set_max_early_data(context, 0) != 1) return false;
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_default_read_buffer_len(context, READ_BUFFER_BYTES);
  if (SSL_CTX_set1_groups_list(context, "X25519:P-256") != 1) return false;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  SSL_CTX_set_verify_depth(context, CHAIN_DEPTH_MAX);
  if (server) {
    SSL_CTX_set_alpn_select_cb(context, select_h2, NULL);
  } else if (SSL_CTX_set_alpn_protos(context, h2_protocol, sizeof h2_protocol) != 0) {
    return false;
  }
  return true;
}

ctls_context *ctls_context_new(bool server, const char *chain_path, const char *key_path,
                               const char *ca_path, char *error, size_t error_capacity) {
  ERR_clear_error();
  ctls_context *context = calloc(1, sizeof *context);
  SSL_CTX *ssl_context = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
  if (context == NULL || ssl_context == NULL || socket_method == NULL) {
    describe_failure("TLS context", error, error_capacity);
    free(context);
    SSL_CTX_free(ssl_context);
    return NULL;
  }
  if (!set_rules(ssl_context, server)) {
    describe_failure("TLS rules", error, error_capacity);
    free(context);
    SSL_CTX_free(ssl_context);
    return NULL;
  }
  if (!load_files(ssl_context, server, chain_path, key_path, ca_path, error, error_capacity)) {
    free(context);
    SSL_CTX_free(ssl_context);
    return NULL;
  }
  context->ssl_context = ssl_context;
  context->server = server;
  return context;
}

void ctls_context_free(ctls_context *context) {
  if (context == NULL) return;
  SSL_CTX_free(context->ssl_context);
  free(context);
}

// MARK: - Connection

ctls_connection *ctls_connection_new(ctls_context *context, int fd) {
  ERR_clear_error();
  ctls_connection *connection = calloc(1, sizeof *connection);
  SSL *ssl = SSL_new(context->ssl_context);
  BIO *bio = BIO_new(socket_method);
  if (connection == NULL || ssl == NULL || bio == NULL) {
    free(connection);
    SSL_free(ssl);
    BIO_free(bio);
    return NULL;
  }
  BIO_set_data(bio, (void *)(intptr_t)fd);
  SSL_set_bio(ssl, bio, bio);
  if (context->server) {
    SSL_set_accept_state(ssl);
  } else {
    SSL_set_connect_state(ssl);
  }
  connection->ssl = ssl;
  return connection;
}

void ctls_connection_free(ctls_connection *connection) {
  if (connection == NULL) return;
  SSL_free(connection->ssl);
  free(connection);
}

static ctls_result result_of(ctls_connection *connection, int value, int system_error) {
  switch (SSL_get_error(connection->ssl, value)) {
    case SSL_ERROR_WANT_READ:
      return CTLS_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
      return CTLS_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
      return CTLS_CLOSED;
    case SSL_ERROR_SYSCALL:
      connection->system_error = system_error;
      return CTLS_CLOSED;
    default:
      connection->error = ERR_peek_error();
      ERR_clear_error();
      return ERR_GET_REASON(connection->error) == SSL_R_UNEXPECTED_EOF_WHILE_READING
                 ? CTLS_CLOSED
                 : CTLS_FAILED;
  }
}

ctls_result ctls_handshake(ctls_connection *connection) {
  ERR_clear_error();
  errno = 0;
  int value = SSL_do_handshake(connection->ssl);
  return value == 1 ? CTLS_OK : result_of(connection, value, errno);
}

ctls_result ctls_read(ctls_connection *connection, void *buffer, size_t capacity,
                      size_t *count) {
  ERR_clear_error();
  errno = 0;
  *count = 0;
  int value = SSL_read_ex(connection->ssl, buffer, capacity, count);
  return value == 1 ? CTLS_OK : result_of(connection, value, errno);
}

ctls_result ctls_write(ctls_connection *connection, const void *bytes, size_t length,
                       size_t *count) {
  ERR_clear_error();
  errno = 0;
  *count = 0;
  int value = SSL_write_ex(connection->ssl, bytes, length, count);
  return value == 1 ? CTLS_OK : result_of(connection, value, errno);
}

void ctls_close_notify(ctls_connection *connection) {
  ERR_clear_error();
  if (SSL_is_init_finished(connection->ssl)) SSL_shutdown(connection->ssl);
  ERR_clear_error();
}

bool ctls_has_pending(const ctls_connection *connection) {
  return SSL_has_pending(connection->ssl) == 1;
}

bool ctls_is_h2(const ctls_connection *connection) {
  const unsigned char *name = NULL;
  unsigned int length = 0;
  SSL_get0_alpn_selected(connection->ssl, &name, &length);
  return length == 2 && memcmp(name, "h2", 2) == 0;
}

int ctls_peer_uri(const ctls_connection *connection, char *buffer, size_t capacity,
                  size_t *length) {
  *length = 0;
  X509 *certificate = SSL_get0_peer_certificate(connection->ssl);
  if (certificate == NULL) return -1;
  GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
  if (names == NULL) return 0;
  int found = 0;
  for (int index = 0; index < sk_GENERAL_NAME_num(names); index++) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, index);
    if (name->type != GEN_URI) continue;
    found++;
    size_t size = (size_t)ASN1_STRING_length(name->d.uniformResourceIdentifier);
    if (found > 1 || size > capacity) continue;
    memcpy(buffer, ASN1_STRING_get0_data(name->d.uniformResourceIdentifier), size);
    *length = size;
  }
  GENERAL_NAMES_free(names);
  return found;
}

void ctls_connection_error(const ctls_connection *connection, char *buffer, size_t capacity) {
  long verification = SSL_get_verify_result(connection->ssl);
  if (verification != X509_V_OK) {
    snprintf(buffer, capacity, "certificate refused: %s",
             X509_verify_cert_error_string(verification));
    return;
  }
  const char *reason = connection->error == 0 ? NULL : ERR_reason_error_string(connection->error);
  if (reason != NULL) {
    snprintf(buffer, capacity, "TLS: %s", reason);
  } else if (connection->system_error != 0) {
    snprintf(buffer, capacity, "socket: error %d", connection->system_error);
  } else {
    snprintf(buffer, capacity, "closed by the peer");
  }
}
