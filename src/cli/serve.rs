//! `sharewell serve`: the gateway, until it is told to stop.
//!
//! SIGTERM or Ctrl-C closes the door, lets what is in work and on its way finish for `listen.limits.drain_time`, and ends.

use super::{Exit, Output, config as checking};
use crate::config::{self, Config};
use crate::edge::clock::{Clock, System};
use crate::edge::listen::{Drained, FrontDoor, Metrics};
use crate::edge::log;
use crate::gateway::Gateway;
use crate::gateway::watch::Watches;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::{interval, timeout};

/// How often the queue is counted for the metrics.
const COUNTING: Duration = Duration::from_secs(5);

/// Runs the gateway
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sharewell serve --config deploy/gateway.toml")]
pub struct Arguments {
    /// The configuration; `sharewell config check` tells its mistakes
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// For whom the log is written, where it is not as `[log]` of the configuration says
    #[arg(long, value_enum)]
    output: Option<Output>,
}

/// Runs the command.
pub fn run(arguments: Arguments) -> Exit {
    let text = match std::fs::read_to_string(&arguments.config) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("{} cannot be opened: {error}", arguments.config.display());
            return Exit::CouldNotRun;
        }
    };
    let config = match config::load(&text, &arguments.config, true, System.now()) {
        Ok(config) => config,
        Err(report) => {
            eprint!("{}", checking::human(&text, &report));
            return Exit::BadInput;
        }
    };
    let json = arguments.output.map_or(config.log.json, |output| output == Output::Json);
    log::start(&config::Log { json, ..config.log.clone() });
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return cannot(&error.to_string()),
    };
    let drain = config.listen.limits.drain_time;
    let ended = runtime.block_on(serve(config));
    // What is still running had its time.
    runtime.shutdown_timeout(Duration::from_millis(200));
    match ended {
        Ok(Drained::All) => Exit::Ok,
        Ok(Drained::TimeUp) => {
            tracing::warn!(seconds = drain.as_secs(), "stopped with requests still in work");
            Exit::Ok
        }
        Err(why) => cannot(&why),
    }
}

fn cannot(why: &str) -> Exit {
    tracing::error!(why, "cannot serve");
    Exit::CouldNotRun
}

async fn serve(config: Config) -> Result<Drained, String> {
    if let Some(folder) = config.store.path.parent() {
        std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    let clock: Arc<dyn Clock> = Arc::new(System);
    let metrics = Arc::new(Metrics::default());
    let watches = Watches::new(vec![metrics.clone()]);
    let gateway = Gateway::open(config, clock.clone(), watches).map_err(|why| why.to_string())?;
    let config = gateway.config().clone();
    let (stop, stopped) = watch::channel(false);
    let signals = signals().map_err(|e| format!("signals cannot be heard: {e}"))?;
    let door = FrontDoor::bind(&config, gateway.clone(), clock.clone(), metrics.clone()).await?;
    let address = door.address().map_err(|e| e.to_string())?;
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "ready");
    let dispatching = tokio::spawn(gateway.clone().dispatch(until(stopped.clone())));
    tokio::spawn(count(gateway, metrics, clock, stopped.clone()));
    tokio::spawn(async move {
        signals.await;
        tracing::info!("told to stop");
        stop.send_replace(true);
    });
    let drained = door.run(until(stopped)).await;
    let sent = timeout(config.listen.limits.drain_time, dispatching).await;
    tracing::info!("stopped");
    Ok(if sent.is_ok() { drained } else { Drained::TimeUp })
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // A sender that is gone has stopped too.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Counts the queue for the metrics, now and then.
async fn count(gateway: Arc<Gateway>, metrics: Arc<Metrics>, clock: Arc<dyn Clock>, stopped: watch::Receiver<bool>) {
    let counting = async {
        let mut ticks = interval(COUNTING);
        loop {
            ticks.tick().await;
            if let Ok(counts) = gateway.store().counts().await {
                let age = counts.oldest.map(|oldest| clock.now().duration_since(oldest));
                let age = age.and_then(|age| Duration::try_from(age).ok()).unwrap_or_default();
                metrics.stored(&counts.messages, age, counts.unresolved);
            }
        }
    };
    tokio::select! {
        () = counting => {}
        () = until(stopped) => {}
    }
}

/// The first SIGTERM or Ctrl-C. Listening begins here and not at the first wait, so that none is missed.
#[cfg(unix)]
fn signals() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// The first Ctrl-C.
#[cfg(not(unix))]
fn signals() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
