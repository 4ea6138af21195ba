//! A newer version of a plan is held to the one that is stored: a part does not replace the whole, and labels stay on.

use super::{Refusal, Walked, plan_name, unavailable};
use crate::config::Party;
use crate::edge::listen::Inbound;
use crate::edge::store::{Person, StoreError};
use crate::gateway::Gateway;
use crate::gateway::watch::Room;
use crate::pure::fhir::{Issue, Limits, Report, Tree, json};
use crate::pure::map::Draft;
use crate::pure::redact::replace;
use crate::pure::validate;
use hyper::StatusCode;
use std::sync::Arc;

/// What was walked, with the labels that the sender's last version of the plan has and this one has not. Refuses a part
/// where anybody's last version of the plan is whole: a recipient that sends back what it got would overwrite it.
pub(super) async fn held_to_what_is_stored(
    gateway: &Gateway,
    party: &Party,
    inbound: &Inbound,
    person: &Person,
    walked: Walked,
) -> Result<Walked, Refusal> {
    let root = walked.record.bundle().root();
    let stored = match plan_name(&walked.record) {
        Some(name) => gateway.store.versions(person, name).await.map_err(unavailable)?,
        None => Vec::new(),
    };
    let mut versions: Vec<(bool, Tree)> = Vec::new();
    for version in stored.iter().filter(|v| replace::concerns(root, &v.bundle)) {
        let tree = json::read(version.bundle.as_bytes(), &Limits::default());
        let tree = tree.map_err(|_| unavailable(StoreError::Damaged("a record cannot be read".to_owned())))?;
        versions.push((version.sender == party.identity.id, tree));
    }
    let all: Vec<_> = versions.iter().map(|(_, tree)| tree.root()).collect();
    replace::may_replace(root, &all).map_err(|issue| refused((*issue).into()))?;
    let Some((_, own)) = versions.iter().find(|(own, _)| *own) else { return Ok(walked) };
    let Some((tree, count)) = replace::with_labels_kept(walked.record.bundle(), own.root()) else { return Ok(walked) };
    let mapping = matches!(inbound.door, crate::edge::listen::Door::Local { .. })
        .then(|| super::format_of(&inbound.door).to_owned());
    let draft = Draft { tree, loss: Vec::new(), report: Report::default(), mapping };
    let record = gateway.room(&inbound.request_id, Room::Validate, || validate::validate(draft, &gateway.definitions));
    let text = format!("{count} resources keep the security labels that the version held before has");
    let kept = Issue::information("informational", "labels-kept", text).rule("sharing-choices §4 write");
    let record = record.map_err(refused)?;
    let mut kept = Report::from(kept);
    // what the mapping had to say of it is still so
    let said = walked.record.report().issues.iter().filter(|issue| !record.report().issues.contains(issue));
    said.cloned().for_each(|issue| kept.push(issue));
    Ok(Walked { record: Arc::new(record), kept, loss: walked.loss })
}

fn refused(report: Report) -> Refusal {
    Refusal { status: StatusCode::UNPROCESSABLE_ENTITY, report }
}
