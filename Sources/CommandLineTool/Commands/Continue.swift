import ArgumentParser
import Wire

/// Goes on with a payment whose payer has come back.
struct Continue: Command {
  static let configuration = CommandConfiguration(
    abstract: "Go on with a payment whose payer has authenticated (3DS): tender continue pi_…")

  @OptionGroup var common: CommonOptions
  @Argument(help: "The payment: pi_…") var id: String
  @Option(help: "The address that the payer came back to, with its query.") var returned: String?
  @Option(help: "Only what it carries, decoded: the parameter that tender show names.")
  var result: String?
  @Option(help: "The idempotency key; a fresh one is made and printed without it.")
  var key: String?

  func perform(_ output: Output) async throws -> ExitStatus {
    guard id.hasPrefix("pi_") else {
      throw Failure("\(id) is no payment", next: "give a pi_… id", status: .usage)
    }
    let key = try CallKeys.choose(key, prefix: "continue")
    let start = MonotonicClock.milliseconds
    let reply = try await ServiceSession.with(try Checkout.find()) { session in
      let known = try await PaymentCall.get(id, session)
      let request = IntentsV1.CompletePaymentActionRequest(
        paymentIntentID: id,
        redirectResult: Array(
          try Self.result(result, returned, of: known.nextAction?.resultParameter ?? "").utf8))
      return try await output.whileWaiting("waiting for the gateway") {
        do {
          return try await PaymentCall.completeAction(request, key: key, session)
        } catch let error as CallFailure where error.isWorthRepeating {
          throw error.repeatable(key, "what the payer brought back is handed over once")
        }
      }
    }
    let milliseconds = MonotonicClock.milliseconds - start
    let answer = try Pay.Answer(reply, key: key, milliseconds: milliseconds)
    try output.result(answer) { answer.lines }
    return ExitStatus(reply.message.status)
  }

  /// What is to be handed over; empty where the gateway needs nothing.
  static func result(
    _ given: String?, _ address: String?, of parameter: String
  ) throws(Failure) -> String {
    if let given { return given }
    guard !parameter.isEmpty else { return "" }
    guard let address else {
      throw Failure(
        "the gateway needs what the payer brought back",
        next: "give --returned 'the whole address they came back to', or --result with its "
          + "parameter \(parameter), decoded", status: .usage)
    }
    guard let value = QueryParameter.value(of: parameter, in: address) else {
      throw Failure(
        "the address carries no \(parameter)",
        next: "quote it for the shell, with everything behind the question mark", status: .usage)
    }
    return value
  }
}

/// One parameter of an address, decoded.
enum QueryParameter {
  static func value(of name: String, in address: String) -> String? {
    let text = address.utf8.prefix { $0 != UInt8(ascii: "#") }
    guard let mark = text.firstIndex(of: UInt8(ascii: "?")) else { return nil }
    for pair in text[text.index(after: mark)...].split(separator: UInt8(ascii: "&")) {
      let parts = pair.split(
        separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, String(Substring(parts[0])) == name else { continue }
      return decoded(parts[1])
    }
    return nil
  }

  private static func isHexadecimal(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x46, 0x61...0x66: true
    default: false
    }
  }

  private static func decoded(_ bytes: Substring.UTF8View) -> String? {
    var result: [UInt8] = []
    var rest = Array(bytes)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        result.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
        continue
      }
      let digits = rest.prefix(2)
      guard digits.count == 2, digits.allSatisfy(isHexadecimal),
        let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
      else { return nil }
      result.append(value)
      rest = rest.dropFirst(2)
    }
    return String(validating: result, as: UTF8.self)
  }
}
