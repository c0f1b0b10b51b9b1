import InboundHTTP

extension Response {
  static func json(_ status: Int, _ body: (inout JSONWriter) -> Void) -> Response {
    Response(status: status, body: JSONWriter.document(body))
  }
}
