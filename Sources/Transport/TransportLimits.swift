/// Every limit of a connection and of what runs on it. Names end in their unit.
package struct TransportLimits: Sendable, Hashable {
  // MARK: Calls

  /// Calls that a peer may have open on one connection; also the handlers that may run for it.
  package var concurrentStreamsMax = 256
  /// Bytes of one message, either way. Methods with lower limits check them when decoding.
  package var messageBytesMax = 8 * 1024 * 1024
  /// Bytes of a header list as HTTP/2 counts it (name, value and 32 a field), either way.
  package var headerListBytesMax = 16 * 1024
  /// Fields in a header list.
  package var headerFieldsMax = 96
  /// Bytes queued on a stream above which its writer waits.
  package var queuedBytesHigh = 64 * 1024
  /// Connections that may drain under a call before anything of it was sent (client).
  package var movesMax = 16
  /// Calls that wait for a connection or a free stream (client).
  package var waitingCallsMax = 1024

  // MARK: Flow control

  /// Bytes that a peer may send on a stream ahead of its reader.
  package var streamWindowBytes = 65_535
  /// Bytes that a peer may send on a connection ahead of the loop.
  package var connectionWindowBytes = 1024 * 1024

  // MARK: Floods

  /// RST_STREAM frames accepted at once, and per second after that.
  package var resetBurst = 500
  package var resetsPerSecond = 100
  /// PING, SETTINGS, PRIORITY and empty DATA frames accepted at once, and per second after that.
  package var controlBurst = 1000
  package var controlsPerSecond = 100

  // MARK: Times

  /// From the accepted or opened socket to the end of the TLS handshake; for a client, to the
  /// server's first SETTINGS.
  package var handshakeMilliseconds = 10_000
  /// Silence of the peer after which it is pinged.
  package var keepaliveMilliseconds = 30_000
  /// From the ping to the end of a connection that does not answer it.
  package var keepaliveTimeoutMilliseconds = 10_000
  /// A connection without calls is drained after this long (server).
  package var idleMilliseconds = 300_000
  /// A connection is drained at this age, give or take a tenth (server).
  package var ageMilliseconds = 1_800_000
  /// From the start of a drain to the cut.
  package var graceMilliseconds = 30_000
  /// How often the times above are looked at.
  package var tickMilliseconds = 500

  // MARK: Connecting (client)

  /// The first pause after a failed connect; each further one is 1.6 times longer.
  package var backoffFirstMilliseconds = 100
  /// The longest pause.
  package var backoffMaxMilliseconds = 20_000

  // MARK: Turns of the loop

  /// Bytes read and bytes written per connection before others get their turn.
  package var turnBytes = 64 * 1024
  /// TLS handshake steps per turn, over all connections of a transport.
  package var turnHandshakeSteps = 4
  /// Sockets accepted per turn (server).
  package var turnAccepts = 16
  /// Open connections (server); more are closed when accepted.
  package var connectionsMax = 4096

  package init() {}
}
