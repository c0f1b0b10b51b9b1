/// What a command's exit code says, the same for every command.
package enum ExitStatus: Int32, Sendable {
  case succeeded = 0
  /// The books that a command compared do not agree.
  case differs = 1
  case declined = 2
  case processing = 3
  case usage = 64
  case unavailable = 69
}

/// Ends a command: one line that says which thing is wrong, and the next step.
struct Failure: Error, CustomStringConvertible {
  let message: String
  let nextStep: String
  let status: ExitStatus

  init(_ message: String, next nextStep: String, status: ExitStatus = .unavailable) {
    self.message = message
    self.nextStep = nextStep
    self.status = status
  }

  var description: String { nextStep.isEmpty ? message : "\(message): \(nextStep)" }
}
