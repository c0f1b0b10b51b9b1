/// One step of a schema. Generated code embeds these.
package struct Migration: Sendable, Hashable {
  /// From 1, without gaps.
  package let number: Int
  package let name: String
  /// Runs as the owner, in one transaction with its check.
  package let up: String
  /// Verifies the change: raises an exception where it does not hold. Where it returns rows, each
  /// must end in a column that is true.
  package let check: String
  /// SHA-256 of `up`, 64 lowercase hexadecimal digits.
  package let checksum: String

  package init(number: Int, name: String, up: String, check: String, checksum: String) {
    self.number = number
    self.name = name
    self.up = up
    self.check = check
    self.checksum = checksum
  }
}

/// A migration that the database remembers.
package struct AppliedMigration: Sendable, Hashable {
  package let number: Int
  package let name: String
  package let checksum: String

  package init(number: Int, name: String, checksum: String) {
    self.number = number
    self.name = name
    self.checksum = checksum
  }
}

/// What has to be done to a schema, decided without I/O.
package struct MigrationPlan: Sendable, Hashable {
  package let pending: [Migration]

  /// - Throws: `.migration`, first that applies: the executable's list has a gap, the schema is
  ///   newer than the executable, the database's list has a gap, an applied migration was changed.
  package init(
    schema: String,
    known: [Migration],
    applied: [AppliedMigration]
  ) throws(PostgresError) {
    for (index, migration) in known.enumerated() where migration.number != index + 1 {
      throw Self.refusal("migrations of \(schema) are not numbered from 1 without gaps")
    }
    let applied = applied.sorted { $0.number < $1.number }
    if let newest = applied.last, newest.number > known.count {
      throw Self.refusal(
        "schema \(schema) is at migration \(newest.number) (\(newest.name)), newer than this "
          + "executable, which knows \(known.count): deploy the newer release"
      )
    }
    for (index, old) in applied.enumerated() {
      guard old.number == index + 1 else {
        throw Self.refusal("schema \(schema) lacks migration \(index + 1)")
      }
      guard old.checksum == known[index].checksum else {
        throw Self.refusal(
          "migration \(old.number) (\(old.name)) of \(schema) was changed after it was applied"
        )
      }
    }
    pending = Array(known.dropFirst(applied.count))
  }

  private static func refusal(_ message: String) -> PostgresError {
    PostgresError(.migration, message)
  }
}
