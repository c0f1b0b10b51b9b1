import ServiceKit
import VaultService

await ServiceHost.run(VaultServer.self)
