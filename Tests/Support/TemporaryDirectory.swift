import Foundation

/// A directory with a short path (socket paths end at 107 bytes) that is gone afterwards.
package func withTemporaryDirectory<R>(
  _ body: (String) async throws -> R
) async throws -> R {
  let path = try makeTemporaryDirectory()
  do {
    let result = try await body(path)
    try FileManager.default.removeItem(atPath: path)
    return result
  } catch {
    try FileManager.default.removeItem(atPath: path)
    throw error
  }
}

package func makeTemporaryDirectory() throws -> String {
  let path = "/tmp/t-" + String(UInt64.random(in: 0...UInt64.max), radix: 36)
  try FileManager.default.createDirectory(
    atPath: path,
    withIntermediateDirectories: false,
    attributes: [.posixPermissions: 0o755]
  )
  return path
}
