import Money
import Postgres
import VaultCore

/// Recomputes the audit's chains from the tables alone, a page of links at a time.
struct AccessVerifier: Sendable {
  /// Links of one page, each of at most `AccessSeal.rowsMax` rows.
  static let sealsMax: Int64 = 20
  /// Findings of one page.
  static let findingsMax = 100

  struct Place: Sendable, Hashable {
    var merchant: MerchantID
    var seal: Int64
  }

  struct Page: Sendable {
    var findings: [AccessFinding] = []
    var seals = 0
    var rows = 0
    /// Rows that wait for a link; counted on the last page.
    var waiting: Int64 = 0
    /// Where the next page starts; nil after the last.
    var next: Place?
  }

  let database: PostgresClient

  /// - Parameters:
  ///   - only: the one merchant to look at; nil for all.
  ///   - place: the last link of the page before.
  func page(only: MerchantID?, after place: Place?) async throws -> Page {
    var page = Page()
    var last = place
    var previous: (number: Int64, hash: [UInt8])?
    if let place {
      let rows = try await database.query(AccessSealStore.hash(of: place.merchant, place.seal))
      if let row = rows.first { previous = (place.seal, try row[0, as: [UInt8].self]) }
    }
    let start = place ?? Place(merchant: only ?? MerchantID(bits: 0), seal: 0)
    let links = try await database.query(
      AccessSealStore.seals(
        after: start.merchant, start.seal, only: only != nil, limit: Self.sealsMax))
    for link in links {
      let seal = try AccessSeal(row: link)
      if seal.merchant != last?.merchant { previous = nil }
      let rows = try await database.query(AccessSealStore.rows(of: seal.merchant, seal.ids))
      page.findings += seal.findings(
        after: previous, rows: try rows.map { try AccessRecord(row: $0) })
      page.seals += 1
      page.rows += seal.ids.count
      previous = (seal.number, seal.hash)
      last = Place(merchant: seal.merchant, seal: seal.number)
    }
    if links.count == Int(Self.sealsMax) {
      page.next = last
    } else {
      try await finish(&page, only: only)
    }
    page.findings = Array(page.findings.prefix(Self.findingsMax))
    return page
  }

  /// What no link tells.
  private func finish(_ page: inout Page, only: MerchantID?) async throws {
    let unsealed = try await database.query(
      AccessSealStore.unsealed(only: only, limit: Int64(Self.findingsMax)))
    for row in unsealed {
      let (merchant, id) = try row.decode((MerchantID, AccessID).self)
      page.findings.append(AccessFinding(.rowUnsealed, merchant, seal: 0, access: id))
    }
    let waiting = try await database.query(AccessSealStore.waitingCount(only: only))
    page.waiting = try waiting.single()[0, as: Int64.self]
  }
}
