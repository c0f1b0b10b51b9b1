import IntentsCore
import Testing

/// What a capture may take: authorised, already captured, asked for (nil: all) → taken or refused.
struct IntentAmountsTests {
  @Test(arguments: [
    (100, 0, nil, Optional(100)), (100, 0, 60, 60), (100, 0, 100, 100), (100, 0, 101, nil),
    (100, 60, 40, 40), (100, 60, 41, nil), (100, 60, nil, 40), (100, 100, nil, nil),
    (100, 0, 0, nil), (100, 0, -1, nil), (0, 0, nil, nil),
  ] as [(Int64, Int64, Int64?, Int64?)])
  func capture(authorized: Int64, captured: Int64, asked: Int64?, taken: Int64?) {
    let amounts = IntentAmounts(
      intendedMinor: 100, authorizedMinor: authorized, capturedMinor: captured)
    #expect((try? amounts.capture(requestedMinor: asked, in: .requiresCapture).get()) == taken)
  }

  @Test func nothingIsCapturableElsewhere() {
    let amounts = IntentAmounts(intendedMinor: 100, authorizedMinor: 100, capturedMinor: 0)
    for state in [IntentState.created, .succeeded, .canceled, .requiresAction] {
      #expect(amounts.capturableMinor(in: state) == 0)
    }
  }
}
