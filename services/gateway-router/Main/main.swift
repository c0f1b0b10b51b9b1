import GatewayService
import ServiceKit

await ServiceHost.run(GatewayServer.self)
