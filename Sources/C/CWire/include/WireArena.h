#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct WireArenaChunk;

// Memory for one message, given back at once. It never holds more than its limit (and one cached
// first chunk): the cap on what a small hostile message can unfold into.
//
// An arena belongs to one thread from init to destroy.
typedef struct {
  // First, so that protobuf-c's callbacks find the arena by it.
  ProtobufCAllocator allocator;
  uint8_t *next;
  uint8_t *end;
  struct WireArenaChunk *chunks;
  // Bytes that may still be taken from the system.
  size_t remaining;
  size_t chunk_size;
  // An allocation was refused because of the limit.
  bool exhausted;
} WireArena;

void wire_arena_init(WireArena *arena, size_t limit);
void wire_arena_destroy(WireArena *arena);

// 16-byte aligned and uninitialised; NULL when the limit is reached.
void *wire_arena_allocate(WireArena *arena, size_t size);

// protobuf_c_message_unpack into the arena.
void *wire_unpack(const void *descriptor, WireArena *arena, size_t length, const uint8_t *bytes);
// Of a message that was built with `..__init`.
size_t wire_packed_size(const void *message);
size_t wire_pack(const void *message, uint8_t *bytes);
