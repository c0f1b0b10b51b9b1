// What the module Seal needs of libcrypto, as plain functions. Each returns 1 for success and 0 for
// failure unless it says otherwise; buffers have the stated sizes; no function keeps a pointer.
#pragma once
#include <stddef.h>
#include <stdint.h>

#define SEAL_SHA256_SIZE 32
#define SEAL_GCM_KEY_SIZE 32
#define SEAL_GCM_NONCE_SIZE 12
#define SEAL_GCM_TAG_SIZE 16
#define SEAL_ED25519_KEY_SIZE 32
#define SEAL_ED25519_SIGNATURE_SIZE 64

int seal_sha256(const uint8_t *data, size_t size, uint8_t digest[SEAL_SHA256_SIZE]);

// Incremental SHA-256. `seal_sha256_new` returns NULL without memory; `finish` frees the state too.
typedef struct seal_sha256_state seal_sha256_state;
seal_sha256_state *seal_sha256_new(void);
int seal_sha256_update(seal_sha256_state *state, const uint8_t *data, size_t size);
int seal_sha256_finish(seal_sha256_state *state, uint8_t digest[SEAL_SHA256_SIZE]);
void seal_sha256_free(seal_sha256_state *state);

int seal_hmac_sha256(const uint8_t *key, size_t key_size, const uint8_t *data, size_t size,
                     uint8_t code[SEAL_SHA256_SIZE]);

// `sealed` has size + 16 bytes: the ciphertext, then the tag.
int seal_gcm_seal(const uint8_t key[SEAL_GCM_KEY_SIZE], const uint8_t nonce[SEAL_GCM_NONCE_SIZE],
                  const uint8_t *aad, size_t aad_size, const uint8_t *plain, size_t size,
                  uint8_t *sealed);
// `plain` has sealed_size - 16 bytes; zeroed when the tag is wrong.
int seal_gcm_open(const uint8_t key[SEAL_GCM_KEY_SIZE], const uint8_t nonce[SEAL_GCM_NONCE_SIZE],
                  const uint8_t *aad, size_t aad_size, const uint8_t *sealed, size_t sealed_size,
                  uint8_t *plain);

int seal_ed25519_public(const uint8_t seed[SEAL_ED25519_KEY_SIZE],
                        uint8_t public_key[SEAL_ED25519_KEY_SIZE]);
int seal_ed25519_sign(const uint8_t seed[SEAL_ED25519_KEY_SIZE], const uint8_t *data, size_t size,
                      uint8_t signature[SEAL_ED25519_SIGNATURE_SIZE]);
int seal_ed25519_verify(const uint8_t public_key[SEAL_ED25519_KEY_SIZE], const uint8_t *data,
                        size_t size, const uint8_t signature[SEAL_ED25519_SIGNATURE_SIZE]);

int seal_random(uint8_t *data, size_t size);
// 1 if both hold the same bytes; the time depends on `size` only.
int seal_equal(const uint8_t *left, const uint8_t *right, size_t size);
// Overwrites with zeros in a way the compiler does not remove.
void seal_cleanse(void *data, size_t size);
