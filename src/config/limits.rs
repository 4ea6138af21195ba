//! The limits of the front door, and what they are where nothing is said.

use std::time::Duration;

/// What a caller may cost us. Each is refused before anything is parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request body, as sent.
    pub body: usize,
    /// Bytes of a gzip body when unpacked.
    pub unpacked: usize,
    /// How many times larger than sent an unpacked body may be.
    pub ratio: usize,
    /// Bytes of the request line and all headers.
    pub headers: usize,
    /// How many headers.
    pub header_count: usize,
    /// Bytes of the path and query.
    pub uri: usize,
    /// Time to finish the TLS handshake.
    pub handshake_time: Duration,
    /// Time to send the headers, counted from the handshake or the last answer; so also how long a connection may idle.
    pub header_time: Duration,
    /// Time to send the body.
    pub body_time: Duration,
    /// Time to answer a request, once its body is here.
    pub answer_time: Duration,
    /// Time a connection may live.
    pub connection_time: Duration,
    /// Time that requests in flight have to finish when we stop.
    pub drain_time: Duration,
    /// Connections in all.
    pub connections: usize,
    /// Connections from one address.
    pub connections_per_address: usize,
    /// Requests on one connection before it is closed.
    pub requests_per_connection: usize,
    /// Requests in work at once, over all connections.
    pub requests: usize,
    /// Requests in work at once of one party.
    pub requests_per_party: usize,
    /// Bytes of all bodies in work at once, unpacked.
    pub memory: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        let seconds = Duration::from_secs;
        Limits {
            body: 8 << 20,
            unpacked: 32 << 20,
            ratio: 100,
            headers: 16 << 10,
            header_count: 64,
            uri: 4 << 10,
            handshake_time: seconds(10),
            header_time: seconds(20),
            body_time: seconds(30),
            answer_time: seconds(30),
            connection_time: seconds(600),
            drain_time: seconds(20),
            connections: 1024,
            connections_per_address: 256,
            requests_per_connection: 10_000,
            requests: 128,
            requests_per_party: 64,
            memory: 256 << 20,
        }
    }
}
