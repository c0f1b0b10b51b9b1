/// PostgreSQL's number of a data type.
package struct TypeOID: RawRepresentable, Hashable, Sendable {
  package let rawValue: UInt32

  package init(rawValue: UInt32) {
    self.rawValue = rawValue
  }

  private init(_ rawValue: UInt32) {
    self.rawValue = rawValue
  }

  package static let bool = TypeOID(16)
  package static let bytea = TypeOID(17)
  package static let name = TypeOID(19)
  package static let int8 = TypeOID(20)
  package static let int2 = TypeOID(21)
  package static let int4 = TypeOID(23)
  package static let text = TypeOID(25)
  package static let oid = TypeOID(26)
  package static let json = TypeOID(114)
  package static let float4 = TypeOID(700)
  package static let float8 = TypeOID(701)
  package static let unknown = TypeOID(705)
  package static let boolArray = TypeOID(1000)
  package static let byteaArray = TypeOID(1001)
  package static let int2Array = TypeOID(1005)
  package static let int4Array = TypeOID(1007)
  package static let textArray = TypeOID(1009)
  package static let bpcharArray = TypeOID(1014)
  package static let int8Array = TypeOID(1016)
  package static let float8Array = TypeOID(1022)
  package static let bpchar = TypeOID(1042)
  package static let varchar = TypeOID(1043)
  package static let date = TypeOID(1082)
  package static let dateArray = TypeOID(1182)
  package static let timestamptzArray = TypeOID(1185)
  package static let timestamp = TypeOID(1114)
  package static let timestamptz = TypeOID(1184)
  package static let numericArray = TypeOID(1231)
  package static let numeric = TypeOID(1700)
  package static let uuid = TypeOID(2950)
  package static let uuidArray = TypeOID(2951)
  package static let void = TypeOID(2278)
  package static let jsonb = TypeOID(3802)
  package static let jsonbArray = TypeOID(3807)
}
