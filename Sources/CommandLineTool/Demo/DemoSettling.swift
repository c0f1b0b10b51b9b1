import GRPCCore
import Wire

/// Waits until the dust has settled: no payment under way, nothing unsent between the services.
struct DemoSettling: Sendable {
  static let limitSeconds: Int64 = 60
  static let pause: Duration = .milliseconds(500)
  static let secondsBetweenLines: Int64 = 5

  struct State: Sendable {
    var processing = 0
    var unsent: [String] = []
    var confirmedAgain = 0
    var seconds: Int64 = 0

    var isSettled: Bool { processing == 0 && unsent.isEmpty }

    var line: String {
      "\(processing) processing; unsent: "
        + (unsent.isEmpty ? "nothing" : unsent.joined(separator: ", "))
    }
  }

  let reads: Reads

  func run(_ intents: [String], report: (State) -> Void) async throws -> State {
    let start = MonotonicClock.milliseconds
    var confirmedAgain = 0
    var said = -Self.secondsBetweenLines
    while true {
      var state = try await look(intents, &confirmedAgain)
      state.confirmedAgain = confirmedAgain
      state.seconds = (MonotonicClock.milliseconds - start) / 1000
      if state.isSettled {
        // What was sent last is numbered a moment after it arrived.
        try await Task.sleep(for: Self.pause)
        return state
      }
      guard state.seconds < Self.limitSeconds else { return state }
      if state.seconds >= said + Self.secondsBetweenLines {
        report(state)
        said = state.seconds
      }
      try await Task.sleep(for: Self.pause)
    }
  }

  private func look(_ intents: [String], _ confirmedAgain: inout Int) async throws -> State {
    var state = State()
    for id in intents {
      do {
        let intent = try await reads.intent(id).intent
        switch intent.status {
        case .succeeded, .canceled, .requiresCapture: break
        case .failed where intent.failure?.kind == .terminal: break
        case .failed:
          // Nothing was sent for it before a crash; its merchant asks once more.
          state.processing += 1
          confirmedAgain += 1
          _ = try await PaymentCall.confirm(
            id, key: "again-\(id)-\(intent.version)", reads.session)
        default: state.processing += 1
        }
      } catch let error as CallFailure where error.isWorthRepeating {
        state.processing += 1
      } catch let error as CallFailure where error.code == .failedPrecondition {
        continue
      }
    }
    state.unsent = try await UnsentQueues.lines(reads)
    return state
  }
}
