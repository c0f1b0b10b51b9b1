import LedgerCore
import Wire

@testable import LedgerService

/// What people book, and when books are compared.
extension ReconCalls {
  func resolve(
    _ id: String,
    _ template: LedgerV1.BookingTemplate,
    merchant: String = "",
    key: String
  ) async throws -> LedgerV1.ResolveBreakResponse {
    let request = LedgerV1.ResolveBreakRequest(
      breakID: id,
      template: template,
      merchantID: merchant
    )
    return try await call("ResolveBreak", key: key) {
      try await settlements.resolveBreak(request: request, context: $0)
    }
  }

  func propose(
    _ id: String,
    merchant: String = "",
    key: String
  ) async throws -> LedgerV1.WriteOff? {
    let request = LedgerV1.ProposeWriteOffRequest(
      breakID: id,
      words: "too small to ask",
      merchantID: merchant
    )
    return try await call("ProposeWriteOff", key: key) {
      try await settlements.proposeWriteOff(request: request, context: $0)
    }.writeOff
  }

  func approve(_ id: String, key: String) async throws -> LedgerV1.WriteOff? {
    let request = LedgerV1.ApproveWriteOffRequest(writeOffID: id)
    return try await call("ApproveWriteOff", key: key) {
      try await settlements.approveWriteOff(request: request, context: $0)
    }.writeOff
  }

  func writeOffs(all: Bool = false) async throws -> [LedgerV1.WriteOff] {
    let request = LedgerV1.ListWriteOffsRequest(all: all)
    return try await call("ListWriteOffs", key: nil) {
      try await settlements.listWriteOffs(request: request, context: $0)
    }.writeOffs
  }

  func schedules() async throws -> [LedgerV1.ReconSchedule] {
    try await call("ListSchedules", key: nil) {
      try await handler.listSchedules(request: LedgerV1.ListSchedulesRequest(), context: $0)
    }.schedules
  }
}
