import IntentsService
import ServiceKit

await ServiceHost.run(IntentsServer.self)
