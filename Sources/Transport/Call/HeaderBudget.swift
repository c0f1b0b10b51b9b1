/// Counts a received header list against its limits.
struct HeaderBudget {
  private let bytesMax: Int
  private let fieldsMax: Int
  private var bytes = 0
  private var fields = 0

  init(limits: TransportLimits) {
    bytesMax = limits.headerListBytesMax
    fieldsMax = limits.headerFieldsMax
  }

  /// False once the list is too large; the field must then be dropped.
  mutating func admit(nameLength: Int, valueLength: Int) -> Bool {
    // Lengths come from nghttp2, which bounds a header block far below overflow.
    bytes += nameLength + valueLength + HeaderBlock.fieldOverhead
    fields += 1
    return bytes <= bytesMax && fields <= fieldsMax
  }
}
