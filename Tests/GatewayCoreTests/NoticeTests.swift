import Foundation
import GatewayAdapters
import Money
import Seal
import Testing

@testable import GatewayCore

struct StripeNoticeTests {
  static let secret = SecretBytes(text: "whsec_test")
  static let now = Timestamp(seconds: 1_800_000_000)

  static func event(_ object: String, type: String = "payment_intent.succeeded") -> [UInt8] {
    Array(
      #"{"id":"evt_1","type":"\#(type)","created":1799999999,"livemode":false,"data":{"object":\#(object)}}"#
        .utf8
    )
  }

  static func sign(_ body: [UInt8], _ seconds: Int64, _ secret: SecretBytes = secret) -> String {
    Hex.encode(HMACSHA256.code(Array("\(seconds).".utf8) + body, key: secret))
  }

  static func read(_ body: [UInt8], _ header: String?) -> Result<GatewayNotice, NoticeError> {
    do throws(NoticeError) {
      return .success(
        try StripeNotices.read(
          body: body,
          signature: header,
          secrets: [SecretBytes(text: "old"), secret],
          now: now
        )
      )
    } catch {
      return .failure(error)
    }
  }

  @Test func signatureTable() throws {
    let body = Self.event(AnswerTests.intent("succeeded", #","amount_received":4999"#))
    let t: Int64 = 1_800_000_000
    let good = Self.sign(body, t)
    func error(_ header: String?, _ body: [UInt8]) -> NoticeError? {
      if case .failure(let error) = Self.read(body, header) { error } else { nil }
    }
    #expect(error("t=\(t),v1=\(good)", body) == nil)
    #expect(error("t=\(t),v0=00,v1=00ff,v1=\(good)", body) == nil)
    #expect(error("t=\(t),v1=\(Self.sign(body, t, SecretBytes(text: "old")))", body) == nil)
    for age in [Int64(300), -300] {
      #expect(error("t=\(t - age),v1=\(Self.sign(body, t - age))", body) == nil)
    }
    for age in [Int64(301), -301] {
      #expect(
        error("t=\(t - age),v1=\(Self.sign(body, t - age))", body) == .timestampOutsideTolerance
      )
    }
    #expect(error("t=\(Int64.min),v1=\(good)", body) == .timestampOutsideTolerance)
    #expect(error("t=\(t - 1),v1=\(good)", body) == .signatureWrong)
    #expect(error("t=\(t),v1=\(good)", body + [0x20]) == .signatureWrong)
    #expect(error("t=\(t),v0=\(good)", body) == .signatureMalformed)
    #expect(error("v1=\(good)", body) == .signatureMalformed)
    #expect(error("t=x,v1=\(good)", body) == .signatureMalformed)
    #expect(error("t=\(t),t=\(t),v1=\(good)", body) == .signatureMalformed)
    #expect(error(nil, body) == .signatureMissing)
    #expect(error("", body) == .signatureMissing)
    let junk = Array("{}".utf8)
    #expect(error("t=\(t),v1=\(Self.sign(junk, t))", junk) == .unreadable)
    let huge = [UInt8](repeating: 0x20, count: 300_000)
    #expect(error("t=\(t),v1=\(Self.sign(huge, t))", huge) == .tooLarge)
  }

  @Test func events() throws {
    func notice(_ object: String, type: String) throws -> GatewayNotice {
      let body = Self.event(object, type: type)
      return try Self.read(body, "t=1800000000,v1=\(Self.sign(body, 1_800_000_000))").get()
    }
    let paid = try notice(
      AnswerTests.intent("succeeded", #","amount_received":4999"#),
      type: "payment_intent.succeeded"
    )
    #expect(paid.event == .payment(.captured(Sample.amount)))
    #expect(paid.deduplicationKey == "evt_1" && paid.paymentReference == "pi_1" && !paid.isLive)
    #expect(
      paid.echo.ownReference == "ref1" && paid.occurredAt == Timestamp(seconds: 1_799_999_999)
    )
    let refund = try notice(
      #"{"id":"re_1","object":"refund","amount":100,"currency":"eur","status":"failed","failure_reason":"f","payment_intent":"pi_1"}"#,
      type: "refund.failed"
    )
    #expect(refund.event == .refund(.failed(code: "f")) && refund.paymentReference == "pi_1")
    let dispute = try notice(
      #"{"id":"dp_1","object":"dispute","payment_intent":"pi_1","status":"needs_response"}"#,
      type: "charge.dispute.created"
    )
    #expect(dispute.event == .dispute("needs_response"))
    let other = try notice(#"{"id":"x","object":"comet"}"#, type: "comet.seen")
    #expect(other.event == .unrecognized("comet.seen"))
  }
}

struct AdyenNoticeTests {
  static let key = SecretBytes(
    Hex.decode("44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056") ?? []
  )

  struct Item {
    var code = "AUTHORISATION"
    var success = "true"
    var psp = "7914073381342284"
    var original = ""
    var reference = "TestPayment-1407325143704"
    var signature: String?
    var more = ""

    var signed: String {
      let text = "\(psp):\(original):TestMerchant:\(reference):1130:EUR:\(code):\(success)"
      return Base64.encode(HMACSHA256.code(Array(text.utf8), key: AdyenNoticeTests.key))
    }

    var json: String {
      #"{"NotificationRequestItem":{"amount":{"currency":"EUR","value":1130},"eventCode":"\#(code)","eventDate":"2026-11-22T15:00:09+01:00","merchantAccountCode":"TestMerchant","merchantReference":"\#(reference)","originalReference":"\#(original)","pspReference":"\#(psp)","reason":"r","success":"\#(success)","additionalData":{"hmacSignature":"\#(signature ?? signed)","x":1\#(more)}}}"#
    }
  }

  static func read(_ items: [Item]) throws(NoticeError) -> [GatewayNotice] {
    let body =
      #"{"live":"false","notificationItems":["# + items.map(\.json).joined(separator: ",") + "]}"
    return try AdyenNotices.read(
      body: Array(body.utf8),
      keys: [SecretBytes(text: "old"), key]
    )
  }

  @Test func publishedVector() throws {
    var item = Item()
    #expect(item.signed == "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0=")
    item.signature = "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0="
    let notice = try #require(try Self.read([item]).first)
    #expect(notice.event == .payment(.authorized))
    #expect(notice.echo.amount == Amount(.eur, minor: 1_130))
    #expect(notice.echo.account == "TestMerchant")
    #expect(notice.occurredAt == Timestamp("2026-11-22T14:00:09Z"))
  }

  /// The vendor's helper looks at item 0 only.
  @Test func everyItemIsVerified() {
    let good = Item()
    var forged = Item(success: "false")
    forged.signature = Item().signed
    #expect(throws: NoticeError.signatureWrong) { try Self.read([good, forged]) }
    #expect(throws: NoticeError.signatureWrong) { try Self.read([forged, good]) }
    var odd = Item()
    odd.signature = "?"
    #expect(throws: NoticeError.signatureMalformed) { try Self.read([good, odd]) }
    #expect(throws: NoticeError.unreadable) { try Self.read([]) }
    #expect(throws: NoticeError.tooLarge) {
      try Self.read(Array(repeating: good, count: AdyenNotices.itemsMax + 1))
    }
    let bare =
      #"{"live":"true","notificationItems":[{"NotificationRequestItem":{"eventCode":"CAPTURE"}}]}"#
    #expect(throws: NoticeError.signatureMissing) {
      try AdyenNotices.read(body: Array(bare.utf8), keys: [Self.key])
    }
  }

  @Test(arguments: [
    ("CAPTURE", "true", GatewayNotice.Event.payment(.captured(Amount(.eur, minor: 1_130)))),
    ("CAPTURE", "false", .captureFailed(code: "r")),
    ("CAPTURE_FAILED", "true", .captureFailed(code: "r")),
    ("CANCELLATION", "true", .payment(.canceled)),
    ("CANCELLATION", "false", .cancelFailed(code: "r")),
    ("TECHNICAL_CANCEL", "true", .payment(.canceled)), ("EXPIRE", "true", .payment(.canceled)),
    ("CANCEL_OR_REFUND", "true", .payment(.canceled)),
    ("REFUND", "true", .refund(.succeeded)), ("REFUND", "false", .refund(.failed(code: "r"))),
    ("REFUND_FAILED", "true", .refundReversed(code: "r")),
    ("REFUNDED_REVERSED", "true", .refundReversed(code: "r")),
    ("REPORT_AVAILABLE", "true", .reportAvailable(url: "r")),
    ("CHARGEBACK", "true", .dispute("CHARGEBACK")),
    ("PREARBITRATION_WON", "true", .dispute("PREARBITRATION_WON")),
    ("NEXT_YEAR", "true", .unrecognized("NEXT_YEAR")),
  ])
  func eventCodes(code: String, success: String, expected: GatewayNotice.Event) throws {
    let item = Item(code: code, success: success, psp: "M1", original: "P1")
    let notice = try #require(try Self.read([item]).first)
    #expect(notice.event == expected)
    #expect(notice.paymentReference == "P1" && notice.modificationReference == "M1")
    #expect(notice.deduplicationKey == "M1:\(code):\(success)")
  }

  @Test func reversalTellsWhichItWas() throws {
    let item = Item(
      code: "CANCEL_OR_REFUND",
      psp: "M1",
      original: "P1",
      more: #","modification.action":"refund""#
    )
    #expect(try Self.read([item]).first?.event == .refund(.succeeded))
  }

  /// A late capture failure is the bank's final word about that capture.
  @Test func captureFailureIsAnOutcome() throws {
    let capture = GatewayReference.capture(CaptureID(bits: 3), try: 1)
    let item = Item(code: "CAPTURE_FAILED", psp: "M1", original: "P1", reference: capture.text)
    let notice = try #require(try Self.read([item]).first)
    #expect(notice.ownReference == capture)
    guard case .declined(let decline)? = notice.captureFailure else {
      Issue.record("no outcome")
      return
    }
    #expect(decline.origin == .bank)
    // A notice about a modification does not conflict with the payment's reference.
    #expect(notice.answer == nil)
  }
}
