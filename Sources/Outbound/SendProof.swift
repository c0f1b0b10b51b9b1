import CCurl

extension TransferReport {
  /// From facts to proof; pure. `notSent` needs all of: no request was begun, no request byte
  /// was written over the whole transfer, and the failure is one of resolving, connecting or TLS.
  /// A CURLcode alone proves nothing: after a silent resend, COULDNT_CONNECT describes the second
  /// try.
  package var sendProof: SendProof {
    let isUnsent = requestBytes == 0 && requestsBegun == 0
    if let localFailure {
      return isUnsent ? .notSent(stage(of: localFailure)) : .maybeSent(reason(of: localFailure))
    }
    if isUnsent, let stage = unsentStage { return .notSent(stage) }
    if curlCode == 0, let status, !isTruncated { return .answered(status: status) }
    return .maybeSent(maybeReason)
  }

  private func stage(of failure: LocalFailure) -> NotSentStage {
    switch failure {
    case .invalidRequest, .clientStopped, .queueFull, .deadlinePassed: .local
    case .resolve: .resolve
    case .addressDenied: .addressDenied
    case .cancelled: .cancelled
    }
  }

  private func reason(of failure: LocalFailure) -> MaybeSentReason {
    switch failure {
    case .deadlinePassed: .timedOut
    default: .cancelled
    }
  }

  /// The stage at which a transfer without a request failed; nil if the code allows for others.
  private var unsentStage: NotSentStage? {
    switch CURLcode(UInt32(bitPattern: curlCode)) {
    case CURLE_UNSUPPORTED_PROTOCOL, CURLE_URL_MALFORMAT, CURLE_FAILED_INIT: .local
    case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: .resolve
    case CURLE_COULDNT_CONNECT: .connect
    case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM,
      CURLE_SSL_CIPHER, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR,
      CURLE_SSL_PINNEDPUBKEYNOTMATCH, CURLE_SSL_INVALIDCERTSTATUS:
      .tls
    case CURLE_OPERATION_TIMEDOUT: timings.connectedMicroseconds > 0 ? .tls : .connect
    default: nil
    }
  }

  private var maybeReason: MaybeSentReason {
    if isTruncated { return .answerTooLong }
    switch CURLcode(UInt32(bitPattern: curlCode)) {
    case CURLE_SEND_FAIL_REWIND: return .resendPrevented
    case CURLE_ABORTED_BY_CALLBACK where requestsBegun > 1: return .resendPrevented
    case CURLE_OPERATION_TIMEDOUT: return status == nil ? .timedOut : .answerIncomplete
    default: return status == nil ? .failed(curlCode: curlCode) : .answerIncomplete
    }
  }
}
