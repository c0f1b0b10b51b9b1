/// What the chain that a command is in asks of it.
package enum PostingLink: Hashable, Sendable {
  case none
  /// It stands or falls with its neighbours.
  case chained
  /// It is linked to a command that the request does not have.
  case open
}

/// Transactions that are posted all or none: each but the last is linked to the next one.
package enum PostingChain {
  /// One link for each command of a request, in order.
  ///
  /// - Parameter linked: whether each is linked to the next one.
  package static func links(_ linked: [Bool]) -> [PostingLink] {
    linked.indices.map { index in
      if linked[index] {
        return index == linked.count - 1 ? .open : .chained
      }
      return index > 0 && linked[index - 1] ? .chained : .none
    }
  }

  /// The chains: the positions of each that has two commands or more.
  package static func ranges(_ linked: [Bool]) -> [ClosedRange<Int>] {
    var ranges: [ClosedRange<Int>] = []
    var start = 0
    for index in linked.indices {
      if linked[index], index < linked.count - 1 { continue }
      if index > start { ranges.append(start...index) }
      start = index + 1
    }
    return ranges
  }
}
