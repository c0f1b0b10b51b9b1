import Synchronization

/// An object that is made when it is first needed and then kept. Reading it is one load: the
/// library's `AtomicLazyReference` is generic code that is not specialised, and costs ten times that.
struct OnceReference<Object: AnyObject & Sendable>: ~Copyable, Sendable {
  private let bits = Atomic<UInt>(0)

  /// Two who need it at once may both make it; one is kept.
  func get(orMake make: () -> Object) -> Object {
    if let known = Self.object(bits.load(ordering: .acquiring)) { return known }
    let made = make()
    let pointer = Unmanaged.passRetained(made)
    let (isKept, earlier) = bits.compareExchange(
      expected: 0, desired: UInt(bitPattern: pointer.toOpaque()), ordering: .acquiringAndReleasing)
    if isKept { return made }
    pointer.release()
    return Self.object(earlier) ?? made
  }

  private static func object(_ bits: UInt) -> Object? {
    UnsafeRawPointer(bitPattern: bits).map {
      Unmanaged<Object>.fromOpaque($0).takeUnretainedValue()
    }
  }

  deinit {
    if let pointer = UnsafeRawPointer(bitPattern: bits.load(ordering: .acquiring)) {
      Unmanaged<Object>.fromOpaque(pointer).release()
    }
  }
}
