/// What became of one command.
package enum PostingOutcome: Hashable, Sendable {
  case created
  case exists
  /// The id is there with another content; the first differing field.
  case differs(String)
  case rejected(reason: String)
}
