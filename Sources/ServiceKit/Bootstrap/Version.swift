/// The version all programs of this checkout share.
package enum TenderVersion {
  package static let text = "0.1.0"
}
