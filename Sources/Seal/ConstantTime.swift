import COpenSSL

/// Comparison that takes the same time wherever the difference is. Lengths are no secret.
package enum ConstantTime {
  package static func equals(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    left.count == right.count && seal_equal(left, right, left.count) == 1
  }

  package static func equals(_ left: SecretBytes, _ right: SecretBytes) -> Bool {
    left.withBytes { left in
      right.withBytes { right in
        left.count == right.count
          && seal_equal(
            left.baseAddress?.assumingMemoryBound(to: UInt8.self),
            right.baseAddress?.assumingMemoryBound(to: UInt8.self),
            left.count
          ) == 1
      }
    }
  }
}

/// Unpredictable bytes.
package enum RandomBytes {
  /// - Throws: `unavailable`.
  package static func make(count: Int) throws(SealError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    guard seal_random(&bytes, count) == 1 else { throw .unavailable }
    return bytes
  }
}
