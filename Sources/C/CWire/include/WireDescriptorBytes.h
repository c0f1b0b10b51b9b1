#pragma once

#include <stddef.h>
#include <stdint.h>

// A serialised google.protobuf.FileDescriptorProto that lives as long as the process.
typedef struct {
  const uint8_t *bytes;
  size_t length;
} WireDescriptorBytes;

// `index` is the one in the generated list of contract files.
WireDescriptorBytes wire_descriptor_bytes(size_t index);
