#include "SealShims.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <string.h>

// Fetching an algorithm takes locks and a search, so it happens once; the handles live for ever.
static EVP_MD *sha256;
static EVP_MAC *hmac;
static EVP_CIPHER *gcm;
static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;

static void fetch(void) {
  sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
  hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
  gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
}

static int ready(void) {
  pthread_once(&fetch_once, fetch);
  return sha256 != NULL && hmac != NULL && gcm != NULL;
}

int seal_sha256(const uint8_t *data, size_t size, uint8_t digest[SEAL_SHA256_SIZE]) {
  unsigned int written = 0;
  return ready() && EVP_Digest(data, size, digest, &written, sha256, NULL) == 1 &&
         written == SEAL_SHA256_SIZE;
}

seal_sha256_state *seal_sha256_new(void) {
  if (!ready()) return NULL;
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  if (context == NULL) return NULL;
  if (EVP_DigestInit_ex2(context, sha256, NULL) != 1) {
    EVP_MD_CTX_free(context);
    return NULL;
  }
  return (seal_sha256_state *)context;
}

int seal_sha256_update(seal_sha256_state *state, const uint8_t *data, size_t size) {
  return EVP_DigestUpdate((EVP_MD_CTX *)state, data, size) == 1;
}

int seal_sha256_finish(seal_sha256_state *state, uint8_t digest[SEAL_SHA256_SIZE]) {
  int ok = EVP_DigestFinal_ex((EVP_MD_CTX *)state, digest, NULL) == 1;
  seal_sha256_free(state);
  return ok;
}

void seal_sha256_free(seal_sha256_state *state) { EVP_MD_CTX_free((EVP_MD_CTX *)state); }

int seal_hmac_sha256(const uint8_t *key, size_t key_size, const uint8_t *data, size_t size,
                     uint8_t code[SEAL_SHA256_SIZE]) {
  static const uint8_t empty_key[1] = {0};
  if (!ready()) return 0;
  EVP_MAC_CTX *context = EVP_MAC_CTX_new(hmac);
  if (context == NULL) return 0;
  char digest[] = "SHA256";
  OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end(),
  };
  size_t written = 0;
  // A NULL key would mean "keep the former key".
  int ok = EVP_MAC_init(context, key_size == 0 ? empty_key : key, key_size, params) == 1 &&
           EVP_MAC_update(context, data, size) == 1 &&
           EVP_MAC_final(context, code, &written, SEAL_SHA256_SIZE) == 1 &&
           written == SEAL_SHA256_SIZE;
  EVP_MAC_CTX_free(context);
  return ok;
}

int seal_gcm_seal(const uint8_t key[SEAL_GCM_KEY_SIZE], const uint8_t nonce[SEAL_GCM_NONCE_SIZE],
                  const uint8_t *aad, size_t aad_size, const uint8_t *plain, size_t size,
                  uint8_t *sealed) {
  if (!ready() || size > INT_MAX - SEAL_GCM_TAG_SIZE || aad_size > INT_MAX) return 0;
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
  if (context == NULL) return 0;
  int count = 0;
  int ok = EVP_EncryptInit_ex2(context, gcm, key, nonce, NULL) == 1 &&
           (aad_size == 0 || EVP_EncryptUpdate(context, NULL, &count, aad, (int)aad_size) == 1) &&
           (size == 0 || EVP_EncryptUpdate(context, sealed, &count, plain, (int)size) == 1) &&
           EVP_EncryptFinal_ex(context, sealed + size, &count) == 1 &&
           EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, SEAL_GCM_TAG_SIZE, sealed + size);
  EVP_CIPHER_CTX_free(context);
  return ok;
}

int seal_gcm_open(const uint8_t key[SEAL_GCM_KEY_SIZE], const uint8_t nonce[SEAL_GCM_NONCE_SIZE],
                  const uint8_t *aad, size_t aad_size, const uint8_t *sealed, size_t sealed_size,
                  uint8_t *plain) {
  if (!ready() || sealed_size < SEAL_GCM_TAG_SIZE || sealed_size > INT_MAX || aad_size > INT_MAX)
    return 0;
  size_t size = sealed_size - SEAL_GCM_TAG_SIZE;
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
  if (context == NULL) return 0;
  uint8_t tag[SEAL_GCM_TAG_SIZE];
  memcpy(tag, sealed + size, sizeof tag);
  uint8_t rest[16];
  int count = 0;
  int ok = EVP_DecryptInit_ex2(context, gcm, key, nonce, NULL) == 1 &&
           (aad_size == 0 || EVP_DecryptUpdate(context, NULL, &count, aad, (int)aad_size) == 1) &&
           (size == 0 || EVP_DecryptUpdate(context, plain, &count, sealed, (int)size) == 1) &&
           EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, sizeof tag, tag) == 1 &&
           EVP_DecryptFinal_ex(context, rest, &count) == 1;
  EVP_CIPHER_CTX_free(context);
  if (!ok && size > 0) OPENSSL_cleanse(plain, size);
  return ok;
}

int seal_ed25519_public(const uint8_t seed[SEAL_ED25519_KEY_SIZE],
                        uint8_t public_key[SEAL_ED25519_KEY_SIZE]) {
  EVP_PKEY *key =
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, SEAL_ED25519_KEY_SIZE);
  if (key == NULL) return 0;
  size_t size = SEAL_ED25519_KEY_SIZE;
  int ok = EVP_PKEY_get_raw_public_key(key, public_key, &size) == 1 &&
           size == SEAL_ED25519_KEY_SIZE;
  EVP_PKEY_free(key);
  return ok;
}

int seal_ed25519_sign(const uint8_t seed[SEAL_ED25519_KEY_SIZE], const uint8_t *data, size_t size,
                      uint8_t signature[SEAL_ED25519_SIGNATURE_SIZE]) {
  static const uint8_t nothing[1] = {0};
  EVP_PKEY *key =
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, SEAL_ED25519_KEY_SIZE);
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  size_t written = SEAL_ED25519_SIGNATURE_SIZE;
  int ok = key != NULL && context != NULL &&
           EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
           EVP_DigestSign(context, signature, &written, size == 0 ? nothing : data, size) == 1 &&
           written == SEAL_ED25519_SIGNATURE_SIZE;
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(key);
  return ok;
}

int seal_ed25519_verify(const uint8_t public_key[SEAL_ED25519_KEY_SIZE], const uint8_t *data,
                        size_t size, const uint8_t signature[SEAL_ED25519_SIGNATURE_SIZE]) {
  static const uint8_t nothing[1] = {0};
  EVP_PKEY *key =
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, SEAL_ED25519_KEY_SIZE);
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  int ok = key != NULL && context != NULL &&
           EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
           EVP_DigestVerify(context, signature, SEAL_ED25519_SIGNATURE_SIZE,
                            size == 0 ? nothing : data, size) == 1;
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(key);
  return ok;
}

int seal_random(uint8_t *data, size_t size) {
  return size <= INT_MAX && RAND_bytes(data, (int)size) == 1;
}

int seal_equal(const uint8_t *left, const uint8_t *right, size_t size) {
  return size == 0 || CRYPTO_memcmp(left, right, size) == 0;
}

void seal_cleanse(void *data, size_t size) { OPENSSL_cleanse(data, size); }
