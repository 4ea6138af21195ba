//! Logs to standard error: JSON a line each, or lines for a person. No personal data: rooms log ids, counts and reasons.

use crate::config::Log;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// What libraries say below a warning could quote what passes through them; it is not asked for, whatever the filter says.
const QUIET: [&str; 5] = ["hyper=warn", "hyper_util=warn", "reqwest=warn", "rusqlite=warn", "mio=warn"];

/// Starts logging. Called once, early; a second call changes nothing.
pub fn start(log: &Log) {
    let mut filter = EnvFilter::try_new(&log.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    for quiet in QUIET {
        // These are constants that parse.
        filter = quiet.parse().map_or(filter.clone(), |directive| filter.add_directive(directive));
    }
    let registry = tracing_subscriber::registry().with(filter);
    let layer = fmt::layer().with_writer(std::io::stderr);
    let _ = if log.json {
        registry.with(layer.json().flatten_event(true).with_span_list(false)).try_init()
    } else {
        registry.with(layer.compact().with_target(false)).try_init()
    };
    hush_panics();
}

/// Panics say where they happened and not what was in hand: their text could quote a record.
pub fn hush_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, ToString::to_string);
        tracing::error!(place, "a panic");
    }));
}
