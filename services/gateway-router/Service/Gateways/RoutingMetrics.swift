import GatewayCore
import ServiceKit

extension GatewayPorts {
  /// Breakers, overrides, limits and the version, read when somebody asks.
  func families() -> [MetricFamily] {
    let retries = limits.retries
    return [
      MetricFamily(
        "tender_gateway_breaker_state", .gauge,
        "1 for the state of an account's breaker: closed, open, half_open.", breakerSeries()),
      MetricFamily(
        "tender_gateway_override", .gauge,
        "1 for an account that a person has forced: open, closed; for test or live payments.",
        overrideSeries()),
      MetricFamily(
        "tender_gateway_calls_in_flight", .gauge,
        "Requests to an account that wait for its answer, of this process.",
        routing.accounts.map { account in
          MetricSeries(
            Self.labels(account), .number(Double(limits.usage(of: account).inFlight)))
        }),
      MetricFamily(
        "tender_gateway_retries_left", .gauge,
        "Times that live calls may still ask again, of this process.", Double(retries.left)),
      MetricFamily(
        "tender_gateway_retries_refused_total", .counter,
        "Times that a live call could not ask again, because the retry budget was used up.",
        Double(retries.refused)),
      MetricFamily(
        "tender_routing_version", .gauge,
        "The version of the rules that this process routes by; 0: the settings' order.",
        Double(routing.table.version)),
      MetricFamily(
        "tender_routing_view_age_seconds", .gauge,
        "Since this process has read the version, overrides and breakers.",
        Double(routing.ageMilliseconds ?? 0) / 1_000),
    ]
  }

  private static func labels(_ account: GatewayAccount) -> [MetricLabel] {
    [MetricLabel("account", account.account), MetricLabel("gateway", account.gateway.rawValue)]
  }

  private func breakerSeries() -> [MetricSeries] {
    breakers.snapshot().sorted { $0.key.description < $1.key.description }.flatMap { key, value in
      Breaker.State.names.map { name in
        MetricSeries(
          Self.labels(key.account) + [
            MetricLabel("call", key.operation.rawValue), MetricLabel("state", name),
          ], .number(name == value.breaker.state.name ? 1 : 0))
      }
    }
  }

  private func overrideSeries() -> [MetricSeries] {
    routing.accounts.flatMap { account in
      [false, true].flatMap { live in
        let action = routing.override(of: account, livemode: live)
        return [GatewayOverride.Action.forceOpen, .forceClosed].map { kind in
          MetricSeries(
            Self.labels(account) + [
              MetricLabel("forced", kind == .forceOpen ? "open" : "closed"),
              MetricLabel("mode", live ? "live" : "test"),
            ], .number(action == kind ? 1 : 0))
        }
      }
    }
  }
}
