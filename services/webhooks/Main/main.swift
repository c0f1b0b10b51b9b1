import ServiceKit
import WebhooksService

await ServiceHost.run(WebhooksServer.self)
