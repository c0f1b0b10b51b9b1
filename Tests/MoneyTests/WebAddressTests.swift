import Money
import Testing

struct WebAddressTests {
  @Test(arguments: [
    ("https://shop.example", "s"), ("https://shop.example/a?b=c", "s"),
    ("https://shop.example#f", "sf"), ("https://10.0.0.1:65535/", "s"),
    ("https://[2001:db8::1]:443/", "s"), ("http://shop.example/", ""),
    ("http://localhost", "l"), ("http://localhost:3000/x", "l"), ("http://127.0.0.1/", "l"),
    ("http://[::1]:8080/?a", "l"), ("https://localhost/", "sl"), ("http://localhost.example/", ""),
  ])
  func good(text: String, expected: String) throws {
    let address = try #require(WebAddress(text), "\(text)")
    let found =
      (address.isSecure ? "s" : "") + (address.isLoopback ? "l" : "")
      + (address.hasFragment ? "f" : "")
    #expect(found == expected, "\(text)")
  }

  @Test(arguments: [
    "", "https://", "https:///a", "https://?a", "HTTPS://shop.example", "ftp://shop.example",
    "//shop.example", "shop.example", "https:/shop.example", "https://shop .example",
    "https://shop.example/a b", "https://shop.example/\u{e9}", "https://sh\u{f6}p.example/",
    "https://u@shop.example/", "https://u:p@shop.example/", "https://shop.example:/",
    "https://shop.example:0/", "https://shop.example:65536/", "https://shop.example:8a/",
    "https://shop.example:123456/", "https://[::1/", "https://[::1]x/", "https://sh_op.example/",
    "https://shop.example/\n", "https://shop.example/\u{0}", "javascript://shop.example",
    "https://@/", "https://:443/", "https://shop.example\\@evil.example/",
  ])
  func bad(text: String) {
    #expect(WebAddress(text) == nil, "\(text)")
  }
}
