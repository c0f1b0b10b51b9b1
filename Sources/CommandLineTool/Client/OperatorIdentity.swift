import ArgumentParser

/// As which person a command that needs two speaks: each has a certificate under `.tender/certs`.
struct OperatorIdentity: ExpressibleByArgument, Sendable {
  /// Whoever runs the command.
  static let `operator` = OperatorIdentity(name: "operator", caller: .operator)
  static let approver = OperatorIdentity(name: "approver", caller: .approver)

  static let help: ArgumentHelp =
    "Which operator: operator (whoever runs the command), approver, or another one's name."

  let name: String
  let caller: Caller

  private init(name: String, caller: Caller) {
    self.name = name
    self.caller = caller
  }

  init?(argument: String) {
    guard argument != Self.operator.name else {
      self = .operator
      return
    }
    do throws(Failure) {
      self.init(name: argument, caller: try .operator(argument))
    } catch {
      // The parser says that the value is not usable.
      return nil
    }
  }

  var defaultValueDescription: String { name }
}
