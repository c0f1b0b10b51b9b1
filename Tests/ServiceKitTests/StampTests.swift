import Money
import ServiceKit
import Testing
import Transport

struct StampTests {
  @Test func aCallStampsItsCallerAndTrace() throws {
    let trace = TraceContext.random()
    let call = CallContext(
      method: "m", peer: .operator("ann"), merchant: nil, trace: trace, key: nil)
    let stamp = CallContext.$current.withValue(call) { Stamp.current(of: .billing) }
    #expect(stamp == Stamp(actor: "operator:ann", traceID: trace.traceIDBytes))
  }

  @Test func outsideACallTheServiceStampsItselfInANewTrace() {
    let stamps = (0..<2).map { _ in Stamp.current(of: .gatewayRouter) }
    #expect(stamps.allSatisfy { $0.actor == "service:gateway-router" })
    #expect(stamps[0].traceID.count == 16 && stamps[0].traceID != stamps[1].traceID)
  }
}
