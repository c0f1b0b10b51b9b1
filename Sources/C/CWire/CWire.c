#include "CWire.h"

#include <stdlib.h>

typedef struct WireArenaChunk {
  struct WireArenaChunk *previous;
  size_t size;
} __attribute__((aligned(16))) WireArenaChunk;

enum {
  // Large enough that ordinary messages need one chunk.
  FIRST_CHUNK_SIZE = 16 * 1024,
  LATER_CHUNK_SIZE_MAX = 1024 * 1024,
};

// Each thread keeps one first chunk: the common message costs no malloc for its C form.
static _Thread_local WireArenaChunk *cached_chunk;

static void *allocate(void *data, size_t size) { return wire_arena_allocate(data, size); }

static void release(void *data, void *pointer) {
  (void)data;
  (void)pointer;
}

static void take(WireArena *arena, WireArenaChunk *chunk, size_t size) {
  chunk->previous = arena->chunks;
  chunk->size = size;
  arena->chunks = chunk;
  arena->next = (uint8_t *)(chunk + 1);
  arena->end = (uint8_t *)chunk + size;
}

void wire_arena_init(WireArena *arena, size_t limit) {
  arena->allocator.alloc = allocate;
  arena->allocator.free = release;
  arena->allocator.allocator_data = arena;
  arena->next = NULL;
  arena->end = NULL;
  arena->chunks = NULL;
  arena->remaining = limit;
  arena->chunk_size = FIRST_CHUNK_SIZE;
  arena->exhausted = false;
}

void wire_arena_destroy(WireArena *arena) {
  WireArenaChunk *chunk = arena->chunks;
  arena->chunks = NULL;
  while (chunk != NULL) {
    WireArenaChunk *previous = chunk->previous;
    if (chunk->size == FIRST_CHUNK_SIZE && cached_chunk == NULL) {
      cached_chunk = chunk;
    } else {
      free(chunk);
    }
    chunk = previous;
  }
}

// Makes room for `size` bytes, or fails at the limit.
static bool grow(WireArena *arena, size_t size) {
  if (size > arena->remaining) return false;
  size_t wanted = size + sizeof(WireArenaChunk);
  if (arena->chunks == NULL && wanted <= FIRST_CHUNK_SIZE) {
    WireArenaChunk *chunk = cached_chunk;
    cached_chunk = NULL;
    if (chunk == NULL) chunk = malloc(FIRST_CHUNK_SIZE);
    if (chunk == NULL) return false;
    arena->remaining -=
        arena->remaining < FIRST_CHUNK_SIZE ? arena->remaining : (size_t)FIRST_CHUNK_SIZE;
    take(arena, chunk, FIRST_CHUNK_SIZE);
    return true;
  }
  if (arena->chunk_size < LATER_CHUNK_SIZE_MAX) arena->chunk_size *= 2;
  size_t length = wanted < arena->chunk_size ? arena->chunk_size : wanted;
  size_t most = arena->remaining + sizeof(WireArenaChunk);
  if (length > most) length = most;
  WireArenaChunk *chunk = malloc(length);
  if (chunk == NULL) return false;
  arena->remaining -= length < arena->remaining ? length : arena->remaining;
  take(arena, chunk, length);
  return true;
}

void *wire_arena_allocate(WireArena *arena, size_t size) {
  if (size > SIZE_MAX / 2) {
    arena->exhausted = true;
    return NULL;
  }
  size_t rounded = (size + 15) & ~(size_t)15;
  if ((size_t)(arena->end - arena->next) < rounded && !grow(arena, rounded)) {
    arena->exhausted = true;
    return NULL;
  }
  void *result = arena->next;
  arena->next += rounded;
  return result;
}

void *wire_unpack(const void *descriptor, WireArena *arena, size_t length, const uint8_t *bytes) {
  return protobuf_c_message_unpack(descriptor, &arena->allocator, length, bytes);
}

size_t wire_packed_size(const void *message) { return protobuf_c_message_get_packed_size(message); }

size_t wire_pack(const void *message, uint8_t *bytes) {
  return protobuf_c_message_pack(message, bytes);
}
