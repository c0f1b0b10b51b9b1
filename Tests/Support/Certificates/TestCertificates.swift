import Foundation
import Synchronization

/// A certificate authority of a test's own, and certificates from it, as PEM files in a folder that
/// goes with it. Made with OpenSSL's command line.
package final class TestCertificates: Sendable {
  /// What a certificate is for, and when it is valid.
  package enum Validity: Sendable {
    case current
    case expired
    case notYet

    /// Seconds from now.
    fileprivate var bounds: (from: TimeInterval, to: TimeInterval) {
      switch self {
      case .current: (-3600, 86_400)
      case .expired: (-86_400, -3600)
      case .notYet: (3600, 86_400)
      }
    }
  }

  /// Paths of PEM files.
  package struct Files: Sendable, Hashable {
    package var chain: String
    package var key: String
    package var authority: String
  }

  package enum Failure: Error {
    /// OpenSSL's exit code and what it said.
    case openssl(Int32, String)
  }

  package let directory: String
  /// `openssl ca` keeps an index that only one may write at a time.
  private let issuing = Mutex(())
  private var root: URL { URL(fileURLWithPath: directory) }
  package var authorityPath: String { "\(directory)/ca.pem" }

  /// Makes the authority.
  package init() throws {
    let root = FileManager.default.temporaryDirectory
      .appendingPathComponent("tender-certificates-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
    directory = root.path
    Leftovers.register(root.path)
    try write("", to: "index.txt")
    try write(
      """
      [ca]
      default_ca = authority
      [authority]
      database = \(root.path)/index.txt
      new_certs_dir = \(root.path)
      certificate = \(root.path)/ca.pem
      private_key = \(root.path)/ca.key
      default_md = sha256
      rand_serial = yes
      unique_subject = no
      policy = names
      [names]
      commonName = supplied
      """, to: "ca.conf")
    try openssl([
      "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
      "-keyout", "\(directory)/ca.key", "-out", "\(directory)/ca.pem", "-subj", "/CN=test CA",
      "-days", "2", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
    ])
  }

  deinit {
    do {
      try FileManager.default.removeItem(at: root)
    } catch {
      FileHandle.standardError.write(Data("certificates were left behind: \(error)\n".utf8))
    }
  }

  /// Issues a certificate with these URI names, and `localhost` for clients that check host names;
  /// for both sides of a connection.
  /// - Parameter name: of the files; issuing under a used one replaces them.
  package func issue(
    _ uris: [String], name: String, validity: Validity = .current
  ) throws -> Files {
    let files = Files(
      chain: "\(directory)/\(name).pem", key: "\(directory)/\(name).key",
      authority: authorityPath)
    let names = (uris.map { "URI:\($0)" } + ["DNS:localhost"]).joined(separator: ",")
    try write(
      """
      basicConstraints=critical,CA:FALSE
      keyUsage=critical,digitalSignature
      extendedKeyUsage=serverAuth,clientAuth
      subjectAltName=\(names)

      """, to: "\(name).ext")
    try openssl([
      "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
      "-keyout", files.key, "-out", "\(directory)/\(name).csr", "-subj", "/CN=\(name)",
    ])
    let bounds = validity.bounds
    let arguments = [
      "ca", "-batch", "-notext", "-config", "\(directory)/ca.conf",
      "-in", "\(directory)/\(name).csr", "-out", files.chain,
      "-extfile", "\(directory)/\(name).ext",
      "-startdate", Self.date(bounds.from), "-enddate", Self.date(bounds.to),
    ]
    try issuing.withLock { _ in try openssl(arguments) }
    return files
  }

  private static func date(_ secondsFromNow: TimeInterval) -> String {
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.timeZone = TimeZone(secondsFromGMT: 0)
    formatter.dateFormat = "yyyyMMddHHmmss'Z'"
    return formatter.string(from: Date(timeIntervalSinceNow: secondsFromNow))
  }

  private func write(_ text: String, to name: String) throws {
    try Data(text.utf8).write(to: root.appendingPathComponent(name))
  }

  private func openssl(_ arguments: [String]) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
    process.arguments = arguments
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let text = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Failure.openssl(
        process.terminationStatus, String(decoding: text, as: UTF8.self))
    }
  }
}

/// An authority that the whole process shares is never released: its folder goes at the exit.
private enum Leftovers {
  private static let directories = Mutex<[String]>([])

  static func register(_ directory: String) {
    let isFirst = directories.withLock { list in
      list.append(directory)
      return list.count == 1
    }
    guard isFirst else { return }
    atexit {
      for directory in Leftovers.directories.withLock({ $0 })
      where FileManager.default.fileExists(atPath: directory) {
        try? FileManager.default.removeItem(atPath: directory)
      }
    }
  }
}
