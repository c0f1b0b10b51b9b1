import LedgerService
import ServiceKit

await ServiceHost.run(LedgerServer.self)
