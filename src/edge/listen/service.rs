//! From one HTTP request to its answer: who, where, how large, what it is; then the walk, watched.

use super::answer::{Answer, FHIR_JSON};
use super::inbound::{Inbound, Media};
use super::metrics::{Metrics, Open};
use super::negotiate::{self, Wanted};
use super::respond::{Turn, finish, method_name, readiness};
use super::routes::{self, Access, Door, Match};
use super::walk::{Pending, Walk};
use super::{body, capability, headers, parameters, refuse};
use crate::config::{Config, Limits};
use crate::edge::authenticate::{Caller, Register, Stranger};
use crate::edge::clock::Clock;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_TYPE, EXPECT};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::task::{spawn, spawn_blocking};
use tokio::time::timeout;
use tracing::Instrument;

/// Memory is given in pieces of this many bytes.
const KIB: usize = 1024;
/// A body of more bytes than this walks on a thread of its own, so that those that serve sockets stay free.
const HEAVY: usize = 256 << 10;
/// How long work that is late may take to notice.
const LATE: Duration = Duration::from_millis(100);
/// How long an answer to `/readyz` stands, so that strangers who ask often make no work.
const READY: Duration = Duration::from_secs(1);

/// What every connection shares.
pub(super) struct House {
    pub(super) limits: Limits,
    pub(super) register: Register,
    pub(super) metrics: Arc<Metrics>,
    walk: Arc<dyn Walk>,
    clock: Arc<dyn Clock>,
    formats: Vec<String>,
    capability: Bytes,
    work: Arc<Semaphore>,
    /// What each party may have of it, by id, so that none can take it all.
    shares: HashMap<String, Arc<Semaphore>>,
    memory: Arc<Semaphore>,
    ready: Mutex<Option<(Instant, Answer)>>,
}

/// A place in the house, and room for a body; given back when dropped.
struct Place {
    _share: OwnedSemaphorePermit,
    _work: OwnedSemaphorePermit,
    _memory: OwnedSemaphorePermit,
}

impl House {
    pub(super) fn new(config: &Config, walk: Arc<dyn Walk>, clock: Arc<dyn Clock>, metrics: Arc<Metrics>) -> House {
        let share = config.listen.limits.requests_per_party;
        let ids = config.parties.iter().map(|p| p.identity.id.clone());
        House {
            shares: ids.map(|id| (id, Arc::new(Semaphore::new(share)))).collect(),
            limits: config.listen.limits.clone(),
            register: Register::new(config),
            metrics,
            formats: walk.formats(),
            capability: capability::statement(&config.gateway, clock.now()).root().to_json().into(),
            work: Arc::new(Semaphore::new(config.listen.limits.requests)),
            memory: Arc::new(Semaphore::new(config.listen.limits.memory / KIB)),
            ready: Mutex::new(None),
            walk,
            clock,
        }
    }

    /// A place for a request of a party whose body needs this many bytes.
    fn place(&self, caller: &Caller, bytes: usize) -> Result<Place, Answer> {
        let kib = u32::try_from(bytes.div_ceil(KIB)).unwrap_or(u32::MAX);
        let share = self.shares.get(&caller.party().identity.id).cloned().ok_or_else(refuse::busy)?;
        let share = share.try_acquire_owned().map_err(|_| refuse::busy())?;
        let work = self.work.clone().try_acquire_owned().map_err(|_| refuse::busy())?;
        let memory = self.memory.clone().try_acquire_many_owned(kib).map_err(|_| refuse::busy())?;
        Ok(Place { _share: share, _work: work, _memory: memory })
    }

    /// How many bytes a body may come to need: what it says of itself, or else the most that is read.
    fn room_for(&self, body: &Incoming, packed: bool) -> usize {
        let said = body.size_hint().exact().and_then(|bytes| usize::try_from(bytes).ok());
        let sent = said.unwrap_or(self.limits.body).min(self.limits.body);
        if packed { sent + body::most_unpacked(sent, &self.limits) } else { sent }
    }
}

/// Who is at the other end of a connection, and how many requests came by it.
pub(super) struct Peer {
    pub(super) caller: Result<Caller, Stranger>,
    served: AtomicUsize,
}

impl Peer {
    pub(super) fn new(caller: Result<Caller, Stranger>) -> Peer {
        Peer { caller, served: AtomicUsize::new(0) }
    }
}

/// Answers one request, whatever it is.
pub(super) async fn serve(house: Arc<House>, peer: Arc<Peer>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let mut turn = Turn {
        id: headers::uuid(request.headers(), "x-request-id").unwrap_or_else(|| house.clock.id()),
        started: Instant::now(),
        door: "none",
        method: method_name(request.method()),
        wanted: Wanted::default(),
        read: 0,
        unread: !request.body().is_end_stream(),
        close: peer.served.fetch_add(1, Ordering::Relaxed) + 1 >= house.limits.requests_per_connection,
    };
    let answer = handle(&house, &peer, request, &mut turn).await.unwrap_or_else(|refusal| refusal);
    // A body that was not read to its end stands before the next request; the connection cannot go on.
    turn.close |= turn.unread;
    finish(&house, &peer, &turn, answer)
}

async fn handle(house: &House, peer: &Peer, request: Request<Incoming>, turn: &mut Turn) -> Result<Answer, Answer> {
    let (head, incoming) = request.into_parts();
    if head.uri.path_and_query().map_or(0, |p| p.as_str().len()) > house.limits.uri {
        return Err(refuse::uri_too_long());
    }
    let found = routes::find(&head.method, head.uri.path());
    if let Match::Route(door, Access::Public) = found {
        turn.door = door.name();
        return public(house, door).await;
    }
    let caller = peer.caller.as_ref().map_err(|_| refuse::unknown_caller())?;
    let (door, access) = match found {
        Match::Route(door, access) => (door, access),
        Match::Methods(allow) if head.method == Method::OPTIONS => {
            return Ok(Answer::bytes(StatusCode::NO_CONTENT, "", Bytes::new()).header("allow", allow));
        }
        Match::Methods(allow) => return Err(refuse::wrong_method(&allow)),
        Match::Nowhere => return Err(refuse::no_route()),
    };
    turn.door = door.name();
    allowed(house, caller, &door, access)?;
    headers::refuse_odd(&head, &door)?;
    let (inbound, place) = read(house, caller, door, head, incoming, turn).await?;
    walk(house, caller.clone(), inbound, place).await
}

/// Reads what is said about the body, gives it a place in the house, and only then reads it.
async fn read(
    house: &House,
    caller: &Caller,
    door: Door,
    head: Parts,
    incoming: Incoming,
    turn: &mut Turn,
) -> Result<(Inbound, Place), Answer> {
    let mut parameters = parameters::read(head.uri.query().unwrap_or_default()).map_err(refuse::malformed)?;
    let taken = door.takes(&head.method);
    if taken.is_empty() && !incoming.is_end_stream() {
        return Err(refuse::malformed("this route takes no body"));
    }
    let is_bare = taken.is_empty() || (door.may_have_no_body() && is_empty(&head, &incoming));
    let media = if is_bare { None } else { Some(negotiate::media(&head.headers, taken)?) };
    let packed = media.is_some() && headers::is_packed(&head.headers)?;
    let kept = headers::kept(&head.headers)?;
    let place = house.place(caller, if media.is_some() { house.room_for(&incoming, packed) } else { 0 })?;
    let received_at = house.clock.now();
    let expects = head.headers.contains_key(EXPECT);
    let mut body = body::read(incoming, &house.limits, expects).await?;
    turn.read = body.len();
    turn.unread = false;
    if packed {
        body = body::gunzip(body, &house.limits).await?;
    }
    if media == Some(Media::Form) {
        let form = std::str::from_utf8(&body).map_err(|_| refuse::malformed("the form is not UTF-8"))?;
        parameters.extend(parameters::read(form).map_err(refuse::malformed)?);
        body = Bytes::new();
    }
    if door.speaks_fhir() {
        let format = format(&mut parameters)?;
        turn.wanted = negotiate::wanted(&head.headers, format.as_deref(), door.speaks_xml(), media)?;
    }
    let (request_id, wanted) = (turn.id.clone(), turn.wanted);
    Ok((Inbound { request_id, door, parameters, headers: kept, media, wanted, body, received_at }, place))
}

/// Whether there is no body, and no word about one.
fn is_empty(head: &Parts, incoming: &Incoming) -> bool {
    incoming.is_end_stream() && !head.headers.contains_key(CONTENT_TYPE)
}

/// What strangers may ask: whether we live, and whether we can work.
async fn public(house: &House, door: Door) -> Result<Answer, Answer> {
    if door == Door::Health {
        return Ok(Answer::bytes(StatusCode::OK, "application/json", "{\"status\":\"ok\"}"));
    }
    let mut last = house.ready.lock().await;
    if let Some((at, answer)) = &*last
        && at.elapsed() < READY
    {
        return Ok(answer.clone());
    }
    let walk = house.walk.clone();
    let testing = async move { walk.ready().await };
    let checks = watched(None, false, Duration::from_secs(5), tracing::Span::none(), testing).await?;
    let answer = readiness(&checks);
    *last = Some((Instant::now(), answer.clone()));
    Ok(answer)
}

fn allowed(house: &House, caller: &Caller, door: &Door, access: Access) -> Result<(), Answer> {
    if let Access::With(right) = access
        && !caller.may(right)
    {
        return Err(refuse::not_allowed());
    }
    let format = match door {
        Door::Local { format } if !house.formats.contains(format) => return Err(refuse::no_format()),
        Door::Local { format } => format,
        // A choice by itself is no record: the right to choose is enough.
        Door::Create { kind } if kind == "Consent" => return Ok(()),
        Door::Bundle | Door::Create { .. } => "fhir",
        _ => return Ok(()),
    };
    if caller.sends(format) { Ok(()) } else { Err(refuse::format_not_allowed()) }
}

/// Goes through the rooms, in a task of its own: a panic there, or a caller who hangs up, harms nobody else.
async fn walk(house: &House, caller: Caller, inbound: Inbound, place: Place) -> Result<Answer, Answer> {
    let span = tracing::info_span!("request", request_id = %inbound.request_id, door = inbound.door.name());
    let heavy = inbound.body.len() > HEAVY;
    let walk = house.walk.clone();
    let pending: Pending<Answer> = match inbound.door {
        Door::Local { .. }
        | Door::Bundle
        | Door::Create { .. }
        | Door::Update { .. }
        | Door::Withdraw { .. }
        | Door::Confirm { .. } => Box::pin(async move { walk.receive(caller, inbound).await }),
        Door::Search { .. }
        | Door::Read { .. }
        | Door::History { .. }
        | Door::Version { .. }
        | Door::Explain
        | Door::Preview => Box::pin(async move { walk.ask(caller, inbound).await }),
        Door::Validate { .. } => Box::pin(async move { walk.validate(caller, inbound).await }),
        Door::Register { .. } => Box::pin(async move { walk.register(caller, inbound).await }),
        Door::Metadata => return Ok(Answer::bytes(StatusCode::OK, FHIR_JSON, house.capability.clone())),
        Door::Metrics => {
            let media = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            return Ok(Answer::bytes(StatusCode::OK, media, house.metrics.text()));
        }
        Door::Health | Door::Ready => return Err(refuse::no_route()),
    };
    let held = (place, house.metrics.request());
    watched(Some(held), heavy, house.limits.answer_time, span, pending).await
}

/// Runs something in a task of its own, for so long. What it holds is given back when it ends, not when the caller goes.
async fn watched<T: Send + 'static>(
    held: Option<(Place, Open)>,
    heavy: bool,
    longest: Duration,
    span: tracing::Span,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, Answer> {
    let work = async move {
        let _held = held;
        timeout(longest, work).await
    };
    let task = work.instrument(span.clone());
    let running = if heavy {
        let runtime = Handle::current();
        spawn_blocking(move || runtime.block_on(task))
    } else {
        spawn(task)
    };
    // The time inside stops work that waits; the one out here answers for work that does not.
    match timeout(longest + LATE, running).await {
        Ok(Ok(Ok(done))) => Ok(done),
        Ok(Err(error)) if error.is_panic() => {
            tracing::error!(parent: &span, "a room panicked");
            Err(refuse::broken())
        }
        _ => Err(refuse::late()),
    }
}

/// Takes `_format` out of the parameters.
fn format(parameters: &mut Vec<(String, String)>) -> Result<Option<String>, Answer> {
    let mut found = parameters.extract_if(.., |(name, _)| name == "_format").map(|(_, value)| value);
    let first = found.next();
    if found.next().is_some() { Err(refuse::not_acceptable()) } else { Ok(first) }
}
