import InboundHTTP
import Seal

/// What a receiver checks before it believes a request: Standard Webhooks, symmetric.
struct WebhookVerifier: Sendable {
  enum Verdict: Sendable, Equatable {
    case valid
    case invalid(String)
  }

  static let toleranceSeconds: Int64 = 300
  static let prefix = "whsec_"

  let key: SecretBytes

  /// - Parameter secret: `whsec_` and base 64.
  init?(secret: String) {
    guard secret.hasPrefix(Self.prefix),
      let bytes = Base64.decode(String(secret.dropFirst(Self.prefix.count))), !bytes.isEmpty
    else { return nil }
    key = SecretBytes(bytes)
  }

  /// One of the header's signatures must be ours, over `id.timestamp.body`, and not be old.
  func verify(_ request: Request, nowSeconds: Int64) -> Verdict {
    guard let id = request.header("webhook-id"),
      let stamp = request.header("webhook-timestamp"), let seconds = Int64(stamp),
      let signatures = request.header("webhook-signature")
    else { return .invalid("headers are missing") }
    guard abs(nowSeconds - seconds) <= Self.toleranceSeconds else {
      return .invalid("its time is \(abs(nowSeconds - seconds)) s away")
    }
    let expected = HMACSHA256.code(Array("\(id).\(stamp).".utf8) + request.body, key: key)
    let matches = signatures.split(separator: " ").contains { signature in
      guard signature.hasPrefix("v1,"), let code = Base64.decode(String(signature.dropFirst(3)))
      else { return false }
      return ConstantTime.equals(code, expected)
    }
    return matches ? .valid : .invalid("no signature matches")
  }
}
