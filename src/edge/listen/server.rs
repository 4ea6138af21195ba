//! Listens, and stops well: accepts within limits, and on the way out lets what is in work finish, for so long.

use super::connection;
use super::metrics::Metrics;
use super::service::House;
use super::tls;
use super::walk::Walk;
use crate::config::Config;
use crate::edge::clock::Clock;
use openssl::ssl::SslAcceptor;
use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

/// A door that is bound to its address and not yet open.
pub struct FrontDoor {
    listener: TcpListener,
    acceptor: SslAcceptor,
    house: Arc<House>,
}

impl fmt::Debug for FrontDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FrontDoor({:?})", self.listener.local_addr())
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Everything in work was finished.
    All,
    /// Time was up before.
    TimeUp,
}

impl FrontDoor {
    /// Binds the address and reads the certificates.
    ///
    /// # Errors
    /// What cannot be used, in words.
    pub async fn bind(
        config: &Config,
        walk: Arc<dyn Walk>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Result<FrontDoor, String> {
        let acceptor = tls::acceptor(&config.listen.tls)?;
        let address = config.listen.address;
        let listener = TcpListener::bind(address).await.map_err(|e| format!("cannot listen on `{address}`: {e}"))?;
        let house = Arc::new(House::new(config, walk, clock, metrics));
        Ok(FrontDoor { listener, acceptor, house })
    }

    /// The address it is bound to; tells the port where the configuration said 0.
    ///
    /// # Errors
    /// What the system says.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` is done, then finishes what is in work, at most for the configured time.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Drained {
        let limits = self.house.limits.clone();
        let (closing, closed) = watch::channel(false);
        let places = Arc::new(Semaphore::new(limits.connections));
        let addresses = Arc::new(Addresses::default());
        let mut stop = std::pin::pin!(stop);
        loop {
            let (stream, address) = tokio::select! {
                () = &mut stop => break,
                accepted = accept(&self.listener) => accepted,
            };
            let Ok(place) = places.clone().try_acquire_owned() else {
                self.house.metrics.dropped("too-many");
                continue;
            };
            let Some(from) = addresses.clone().enter(address.ip(), limits.connections_per_address) else {
                self.house.metrics.dropped("too-many-from-one");
                continue;
            };
            let seat = Seat { _place: place, _from: from };
            let served = connection::serve(self.acceptor.clone(), stream, address, self.house.clone(), closed.clone());
            tokio::spawn(async move {
                served.await;
                drop(seat);
            });
        }
        drop(self.listener);
        closing.send_replace(true);
        let all = u32::try_from(limits.connections).unwrap_or(u32::MAX);
        match timeout(limits.drain_time, places.acquire_many(all)).await {
            Ok(_) => Drained::All,
            Err(_) => Drained::TimeUp,
        }
    }
}

/// The next connection. Out of file handles is no reason to stop, or to spin.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// A connection's place among all, and among those of its address.
struct Seat {
    _place: OwnedSemaphorePermit,
    _from: From,
}

/// How many connections each address has open.
#[derive(Default)]
struct Addresses(Mutex<HashMap<IpAddr, usize>>);

struct From {
    addresses: Arc<Addresses>,
    address: IpAddr,
}

impl Addresses {
    fn enter(self: Arc<Addresses>, address: IpAddr, most: usize) -> Option<From> {
        {
            let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let count = open.entry(address).or_default();
            if *count >= most {
                return None;
            }
            *count += 1;
        }
        Some(From { addresses: self, address })
    }
}

impl Drop for From {
    fn drop(&mut self) {
        let mut open = self.addresses.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}
