//! What is counted, for Prometheus. Labels name routes, rooms, outcomes and configured recipients, never a person.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use std::fmt;
use std::time::Duration;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answered {
    door: &'static str,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct At {
    door: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct In {
    room: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Why {
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Decided {
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Delivered {
    recipient: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Alerted {
    party: String,
    rule: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Queued {
    recipient: String,
    state: String,
}

/// All counters of the process.
pub struct Metrics {
    registry: Registry,
    answered: Family<Answered, Counter>,
    seconds: Family<At, Histogram, fn() -> Histogram>,
    rooms: Family<In, Histogram, fn() -> Histogram>,
    dropped: Family<Why, Counter>,
    connections: Gauge,
    requests: Gauge,
    decisions: Family<Decided, Counter>,
    alerts: Family<Alerted, Counter>,
    deliveries: Family<Delivered, Counter>,
    messages: Family<Queued, Gauge>,
    oldest: Gauge,
    unresolved: Gauge,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

fn buckets() -> Histogram {
    Histogram::new(exponential_buckets(0.000_05, 2.5, 16))
}

impl Default for Metrics {
    fn default() -> Metrics {
        let mut metrics = Metrics {
            registry: Registry::with_prefix("sharewell"),
            answered: Family::default(),
            seconds: Family::new_with_constructor(buckets),
            rooms: Family::new_with_constructor(buckets),
            dropped: Family::default(),
            connections: Gauge::default(),
            requests: Gauge::default(),
            decisions: Family::default(),
            alerts: Family::default(),
            deliveries: Family::default(),
            messages: Family::default(),
            oldest: Gauge::default(),
            unresolved: Gauge::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("requests", "Requests answered, by route and status", self.answered.clone());
        r.register("request_seconds", "Time from headers to answer, by route", self.seconds.clone());
        r.register("room_seconds", "Time in each room of the walk", self.rooms.clone());
        r.register("connections_dropped", "Connections ended by us, by reason", self.dropped.clone());
        r.register("connections_open", "Connections open now", self.connections.clone());
        r.register("requests_open", "Requests in work now", self.requests.clone());
        r.register("decisions", "Decisions taken, by outcome", self.decisions.clone());
        r.register("alerts", "Alerts to the privacy officer, by party and rule", self.alerts.clone());
        r.register("deliveries", "Delivery attempts, by recipient and outcome", self.deliveries.clone());
        r.register("outbox_messages", "Messages in the outbox, by recipient and state", self.messages.clone());
        r.register("outbox_oldest_seconds", "Age of the oldest message that is not finished", self.oldest.clone());
        r.register("audit_unresolved", "Intents in the trail without a completion", self.unresolved.clone());
    }

    /// A request was answered.
    pub fn answered(&self, door: &'static str, status: u16, took: Duration) {
        self.answered.get_or_create(&Answered { door, status }).inc();
        self.seconds.get_or_create(&At { door }).observe(took.as_secs_f64());
    }

    /// The privacy officer has to look at what this party did.
    pub fn alerted(&self, party: &str, rule: &'static str) {
        self.alerts.get_or_create(&Alerted { party: party.to_owned(), rule }).inc();
    }

    /// A room of the walk took this long.
    pub fn room(&self, room: &'static str, took: Duration) {
        self.rooms.get_or_create(&In { room }).observe(took.as_secs_f64());
    }

    /// A connection was ended by us: `handshake`, `too-many`, `too-many-from-one`, `too-old`, `protocol`.
    pub fn dropped(&self, reason: &'static str) {
        self.dropped.get_or_create(&Why { reason }).inc();
    }

    /// A connection was opened; it is counted until the guard is dropped.
    #[must_use]
    pub fn connection(&self) -> Open {
        Open::new(&self.connections)
    }

    /// A request is in work; it is counted until the guard is dropped.
    #[must_use]
    pub fn request(&self) -> Open {
        Open::new(&self.requests)
    }

    /// A decision was taken: `permit`, `redact`, `deny`.
    pub fn decided(&self, outcome: &'static str) {
        self.decisions.get_or_create(&Decided { outcome }).inc();
    }

    /// A delivery was tried: `delivered`, `retry`, `held`, `withdrawn`, `superseded`.
    pub fn delivered(&self, recipient: &str, outcome: &'static str) {
        self.deliveries.get_or_create(&Delivered { recipient: recipient.to_owned(), outcome }).inc();
    }

    /// What the store holds: messages by recipient and state, the age of the oldest that is not finished, and intents of
    /// the trail without a completion.
    pub fn stored(&self, messages: &[(String, String, u64)], oldest: Duration, unresolved: u64) {
        let gauge = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        // A state that nothing is in any more has no row, so the old ones go first.
        self.messages.clear();
        for (recipient, state, count) in messages {
            let labels = Queued { recipient: recipient.clone(), state: state.clone() };
            self.messages.get_or_create(&labels).set(gauge(*count));
        }
        self.oldest.set(gauge(oldest.as_secs()));
        self.unresolved.set(gauge(unresolved));
    }

    /// All of it, as Prometheus reads it (OpenMetrics text).
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail; a half written page would be one that Prometheus refuses.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// Counts something as open until it is dropped.
#[derive(Debug)]
pub struct Open(Gauge);

impl Open {
    fn new(gauge: &Gauge) -> Open {
        gauge.inc();
        Open(gauge.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_can_be_read() {
        let metrics = Metrics::default();
        metrics.answered("bundle", 201, Duration::from_millis(3));
        metrics.delivered("hospice", "delivered");
        metrics.stored(&[("hospice".to_owned(), "held".to_owned(), 2)], Duration::from_secs(90), 1);
        let open = metrics.connection();
        let text = metrics.text();
        assert!(text.contains("sharewell_requests_total{door=\"bundle\",status=\"201\"} 1"), "{text}");
        assert!(text.contains("sharewell_deliveries_total{recipient=\"hospice\",outcome=\"delivered\"} 1"));
        assert!(text.contains("sharewell_connections_open 1"));
        assert!(text.contains("sharewell_outbox_messages{recipient=\"hospice\",state=\"held\"} 2"), "{text}");
        assert!(text.contains("sharewell_outbox_oldest_seconds 90"));
        drop(open);
        assert!(metrics.text().contains("sharewell_connections_open 0"));
        assert!(text.ends_with("# EOF\n"));
    }
}
