internal import CWire

extension MessageReader {
  /// Checks the length of a list and reads its elements in order; an error names the index.
  private func list<Element>(
    _ count: Int, _ field: StaticString, _ required: Bool, _ countMax: Int,
    _ element: (Int) throws(WireError) -> Element
  ) throws(WireError) -> [Element] {
    if strict {
      if required, count == 0 { throw WireError(.missing).inside(field) }
      if count > countMax { throw WireError(.tooMany).inside(field) }
    }
    var elements: [Element] = []
    elements.reserveCapacity(count)
    for index in 0..<count {
      do {
        elements.append(try element(index))
      } catch {
        throw error.inside(field, index: index)
      }
    }
    return elements
  }

  /// Takes the name that the checks of one element put in front of the path off again.
  private func unnamed<Value>(_ body: () throws(WireError) -> Value) throws(WireError) -> Value {
    do { return try body() } catch { throw WireError(error.reason) }
  }

  func messages<M: WireMessage, C>(
    _ count: Int, _ items: UnsafeMutablePointer<UnsafeMutablePointer<C>?>?, _ field: StaticString,
    required: Bool = false, countMax: Int = elementsDefault
  ) throws(WireError) -> [M] {
    let items = UnsafeBufferPointer(start: items, count: count)
    return try list(count, field, required, countMax) { index throws(WireError) in
      guard let item = items[index] else { throw WireError(.malformed) }
      return try M(reading: UnsafeRawPointer(item), self)
    }
  }

  func strings(
    _ count: Int, _ items: UnsafeMutablePointer<ProtobufCBinaryData>?, _ field: StaticString,
    required: Bool = false, countMax: Int = elementsDefault, lengthMax: Int = stringBytesDefault,
    idPrefix: StaticString? = nil
  ) throws(WireError) -> [String] {
    let items = UnsafeBufferPointer(start: items, count: count)
    return try list(count, field, required, countMax) { index throws(WireError) in
      try unnamed { () throws(WireError) in
        try string(items[index], field, lengthMax: lengthMax, idPrefix: idPrefix)
      }
    }
  }

  func blobs(
    _ count: Int, _ items: UnsafeMutablePointer<ProtobufCBinaryData>?, _ field: StaticString,
    required: Bool = false, countMax: Int = elementsDefault, lengthMax: Int = .max,
    cardDataExempt: Bool = false
  ) throws(WireError) -> [[UInt8]] {
    let items = UnsafeBufferPointer(start: items, count: count)
    return try list(count, field, required, countMax) { index throws(WireError) in
      try unnamed { () throws(WireError) in
        try bytes(items[index], field, lengthMax: lengthMax, cardDataExempt: cardDataExempt)
      }
    }
  }

  func numbers<N>(
    _ count: Int, _ items: UnsafeMutablePointer<N>?, _ field: StaticString,
    required: Bool = false, countMax: Int = elementsDefault
  ) throws(WireError) -> [N] {
    let items = UnsafeBufferPointer(start: items, count: count)
    return try list(count, field, required, countMax) { index in items[index] }
  }

  func numbers<N: FixedWidthInteger>(
    _ count: Int, _ items: UnsafeMutablePointer<N>?, _ field: StaticString,
    required: Bool = false, countMax: Int = elementsDefault, range: ClosedRange<Int64>
  ) throws(WireError) -> [N] {
    let items = UnsafeBufferPointer(start: items, count: count)
    return try list(count, field, required, countMax) { index throws(WireError) in
      try unnamed { () throws(WireError) in try number(items[index], field, range: range) }
    }
  }

  func bools(
    _ count: Int, _ items: UnsafeMutablePointer<Int32>?, _ field: StaticString,
    required: Bool = false, countMax: Int = elementsDefault
  ) throws(WireError) -> [Bool] {
    let items = UnsafeBufferPointer(start: items, count: count)
    return try list(count, field, required, countMax) { index in items[index] != 0 }
  }

  func enumerations<E: WireEnum, C: RawRepresentable<UInt32>>(
    _ count: Int, _ items: UnsafeMutablePointer<C>?, _ field: StaticString,
    required: Bool = false, countMax: Int = elementsDefault
  ) throws(WireError) -> [E] {
    let items = UnsafeBufferPointer(start: items, count: count)
    return try list(count, field, required, countMax) { index throws(WireError) in
      try unnamed { () throws(WireError) in try enumeration(items[index].rawValue, field) }
    }
  }
}
