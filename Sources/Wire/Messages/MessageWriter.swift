internal import CWire

/// Builds protobuf-c's form of a message in an arena that lives as long as the encoding.
package struct MessageWriter {
  let arena: UnsafeMutablePointer<WireArena>

  /// The arena of an encoding has no limit but the memory itself.
  private func allocate<T>(_ count: Int, _ type: T.Type) -> UnsafeMutablePointer<T> {
    guard let memory = wire_arena_allocate(arena, count * MemoryLayout<T>.stride) else {
      preconditionFailure("out of memory")
    }
    return memory.bindMemory(to: T.self, capacity: count)
  }

  // MARK: Text and bytes

  func string(_ text: String) -> ProtobufCBinaryData {
    var text = text
    return text.withUTF8(copy)
  }

  func bytes(_ bytes: [UInt8]) -> ProtobufCBinaryData {
    bytes.withUnsafeBufferPointer(copy)
  }

  private func copy(_ bytes: UnsafeBufferPointer<UInt8>) -> ProtobufCBinaryData {
    guard let start = bytes.baseAddress, !bytes.isEmpty else {
      return ProtobufCBinaryData(len: 0, data: nil)
    }
    let memory = allocate(bytes.count, UInt8.self)
    memory.initialize(from: start, count: bytes.count)
    return ProtobufCBinaryData(len: bytes.count, data: memory)
  }

  // MARK: Messages

  func root<M: WireMessage>(_ message: M) -> UnsafeRawPointer {
    let layout = M.layout.assumingMemoryBound(to: ProtobufCMessageDescriptor.self)
    guard let memory = wire_arena_allocate(arena, layout.pointee.sizeof_message) else {
      preconditionFailure("out of memory")
    }
    message.write(to: memory, self)
    return UnsafeRawPointer(memory)
  }

  func message<M: WireMessage, C>(_ message: M?) -> UnsafeMutablePointer<C>? {
    guard let message else { return nil }
    let memory = allocate(1, C.self)
    message.write(to: memory, self)
    return memory
  }

  // MARK: Lists

  private func list<Element, C>(
    _ elements: [Element], _ convert: (Element) -> C
  ) -> UnsafeMutablePointer<C>? {
    guard !elements.isEmpty else { return nil }
    let memory = allocate(elements.count, C.self)
    for (index, element) in elements.enumerated() {
      (memory + index).initialize(to: convert(element))
    }
    return memory
  }

  func messages<M: WireMessage, C>(
    _ messages: [M]
  ) -> UnsafeMutablePointer<UnsafeMutablePointer<C>?>? {
    list(messages) { message($0) }
  }

  func strings(_ texts: [String]) -> UnsafeMutablePointer<ProtobufCBinaryData>? {
    list(texts, string)
  }

  func blobs(_ blobs: [[UInt8]]) -> UnsafeMutablePointer<ProtobufCBinaryData>? {
    list(blobs, bytes)
  }

  func numbers<N>(_ numbers: [N]) -> UnsafeMutablePointer<N>? {
    list(numbers) { $0 }
  }

  func bools(_ flags: [Bool]) -> UnsafeMutablePointer<Int32>? {
    list(flags) { $0 ? 1 : 0 }
  }

  func enumerations<E: WireEnum, C: RawRepresentable<UInt32>>(
    _ values: [E]
  ) -> UnsafeMutablePointer<C>? {
    guard !values.isEmpty else { return nil }
    // A C enum of protobuf-c has the size of its raw value, which is all that is written here.
    let memory = allocate(values.count, C.self)
    let raw = UnsafeMutableRawPointer(memory)
    for (index, value) in values.enumerated() {
      raw.storeBytes(
        of: value.rawValue, toByteOffset: index * MemoryLayout<Int32>.stride, as: Int32.self)
    }
    return memory
  }
}
