import BillingService
import ServiceKit

await ServiceHost.run(BillingServer.self)
