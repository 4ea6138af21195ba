//! Reads a body within its limits, and unpacks gzip within its own. Nothing it says about its own length is trusted.

use super::answer::Answer;
use super::refuse;
use crate::config::Limits;
use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use std::io::Read;
use tokio::time::{Instant, timeout, timeout_at};

/// What is unpacked to no more than this is not a bomb, however small it was packed.
const SMALL: usize = 1 << 20;

/// The whole body. A sender who `expects` to be told to go on is not told so when it says itself that it sends too much.
///
/// # Errors
/// The answer that refuses it; the connection has to be closed after it.
pub async fn read(mut body: Incoming, limits: &Limits, expects: bool) -> Result<Bytes, Answer> {
    let declared = body.size_hint().lower();
    if declared > limits.body as u64 {
        if !expects {
            drain(body, limits).await;
        }
        return Err(refuse::too_large(limits.body));
    }
    let until = Instant::now() + limits.body_time;
    let mut whole = BytesMut::new();
    loop {
        match timeout_at(until, body.frame()).await {
            Err(_) => return Err(refuse::too_slow()),
            Ok(None) => return Ok(whole.freeze()),
            Ok(Some(Err(_))) => return Err(refuse::malformed("the body ends early or its chunks are not well formed")),
            Ok(Some(Ok(frame))) => {
                let Ok(data) = frame.into_data() else { continue };
                if whole.len() + data.len() > limits.body {
                    drain(body, limits).await;
                    return Err(refuse::too_large(limits.body));
                }
                whole.extend_from_slice(&data);
            }
        }
    }
}

/// Throws a little of the rest away, so that a sender who reads only after writing gets to read the refusal.
async fn drain(mut body: Incoming, limits: &Limits) {
    let mut left = limits.body;
    let draining = async {
        while let Some(Ok(frame)) = body.frame().await {
            let size = frame.data_ref().map_or(0, Bytes::len);
            let Some(rest) = left.checked_sub(size) else { return };
            left = rest;
        }
    };
    let _ = timeout(std::time::Duration::from_secs(2), draining).await;
}

/// What a body of so many bytes may come to when unpacked.
#[must_use]
pub fn most_unpacked(packed: usize, limits: &Limits) -> usize {
    limits.unpacked.min(packed.saturating_mul(limits.ratio).max(SMALL))
}

/// Unpacks gzip, off the threads that serve sockets.
///
/// # Errors
/// The answer that refuses it.
pub async fn gunzip(packed: Bytes, limits: &Limits) -> Result<Bytes, Answer> {
    let most = most_unpacked(packed.len(), limits);
    let unpacking = tokio::task::spawn_blocking(move || unpack(&packed, most));
    unpacking.await.unwrap_or_else(|_| Err(refuse::broken_gzip()))
}

fn unpack(packed: &[u8], most: usize) -> Result<Bytes, Answer> {
    let mut whole = Vec::new();
    let read = MultiGzDecoder::new(packed).take(most as u64 + 1).read_to_end(&mut whole);
    if whole.len() > most {
        return Err(refuse::bomb());
    }
    read.map(|_| Bytes::from(whole)).map_err(|_| refuse::broken_gzip())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn pack(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn what_was_packed_comes_out_whole() {
        assert_eq!(unpack(&pack(b"{}"), 10).unwrap(), "{}");
        let twice = [pack(b"{"), pack(b"}")].concat();
        assert_eq!(unpack(&twice, 10).unwrap(), "{}");
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let refused = unpack(&pack(&vec![0; 10 << 20]), 1 << 20).unwrap_err();
        assert_eq!(refused.status, 413);
        assert_eq!(unpack(&pack(&[0; 11]), 10).unwrap_err().status, 413);
    }

    #[test]
    fn what_is_no_gzip_is_malformed() {
        assert_eq!(unpack(b"{}", 10).unwrap_err().status, 400);
        let mut short = pack(b"{\"a\":1}");
        short.truncate(short.len() - 3);
        assert_eq!(unpack(&short, 100).unwrap_err().status, 400);
    }
}
