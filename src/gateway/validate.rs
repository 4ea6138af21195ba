//! `$validate` (R4 operation-resource-validate): the rooms up to `validate`, and nothing kept.
//!
//! Comes in: a resource, or a FHIR Parameters with `resource`, `mode` and `profile`, in JSON or XML. Goes out: 200 with the
//! outcome of the check, whatever it found. Refuses, with 4xx, what cannot be read, and questions that cannot be put.
//!
//! No mode: the content alone. `create`: what the front door would say to it, without doing it. `update` and `delete`
//! need the address of a resource (R4), and are told to be impossible here: a new version is posted, a record is not
//! deleted. `profile` asks for a profile. What is stored is never checked by its address: that would tell of a record
//! without a decision.

use super::Gateway;
use super::choices;
use super::receive::{of_kind, person};
use super::watch::Room;
use crate::config::Right;
use crate::edge::authenticate::Caller;
use crate::edge::listen::{Answer, Door, Inbound};
use crate::pure::fhir::{Issue, Item, Report, Tree, xml};
use crate::pure::parse::{self, Syntax};
use crate::pure::validate::{self, Validated};
use hyper::StatusCode;

/// Codes of value set resource-validation-mode.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Create,
    Update,
    Delete,
    Profile,
}

/// What is asked.
#[derive(Default)]
struct Question {
    resource: Option<Tree>,
    mode: Option<Mode>,
    profile: Option<String>,
}

/// Why the question cannot be put.
type Refusal = (StatusCode, Report);

pub(super) fn validate(gateway: &Gateway, caller: &Caller, inbound: &Inbound) -> Answer {
    let (status, report) = match ask(gateway, caller, inbound) {
        Ok(report) => (StatusCode::OK, report),
        Err((status, report)) => (status, report),
    };
    Answer::outcome(status, &report)
}

fn ask(gateway: &Gateway, caller: &Caller, inbound: &Inbound) -> Result<Report, Refusal> {
    let Door::Validate { kind, id } = &inbound.door else { return Ok(Report::default()) };
    let mut question = read(gateway, inbound)?;
    for (name, value) in inbound.parameters.iter().filter(|(name, _)| !name.starts_with('_')) {
        question.take(name, value)?;
    }
    question.can_be_put(gateway, kind.as_deref(), id.as_deref())?;
    let Question { resource, mode, profile } = question;
    let mut report = Report::default();
    if let Some(tree) = resource.filter(|_| mode != Some(Mode::Delete)) {
        addressed(tree.root(), kind.as_deref(), id.as_deref(), &mut report);
        let profiles: Vec<&str> = profile.as_deref().into_iter().collect();
        let checked = gateway.room(&inbound.request_id, Room::Validate, || match mode {
            Some(Mode::Create) => as_create(tree, &profiles, gateway, caller),
            _ => validate::check(&tree, &profiles, &gateway.definitions),
        });
        report.extend(checked);
    }
    report.issues.extend(impossible(mode));
    Ok(report)
}

/// The body, in its syntax: a resource, or Parameters that hold one.
fn read(gateway: &Gateway, inbound: &Inbound) -> Result<Question, Refusal> {
    let limits = gateway.limits();
    let tree = gateway.room(&inbound.request_id, Room::Parse, || match inbound.media {
        Some(media) if media.is_xml() => xml::read(&inbound.body, &limits.json, &*gateway.definitions),
        _ if inbound.body.is_empty() => Ok(Tree::object()),
        _ => parse::parse("fhir", &Syntax::FhirJson, &inbound.body, &limits).map(parse::Record::into_tree),
    });
    let tree = tree.map_err(|report| (StatusCode::BAD_REQUEST, report))?;
    let root = tree.root();
    let is_asked_about = matches!(&inbound.door, Door::Validate { kind: Some(kind), .. } if kind == "Parameters");
    let named = |name: &str| root.all("parameter").any(|p| p.str_at(&["name"]) == Some(name));
    let holds = ["resource", "mode", "profile"].into_iter().any(named);
    if root.resource_type() != Some("Parameters") || (is_asked_about && !holds) {
        let resource =
            (root.kind() != crate::pure::fhir::Kind::Object || root.children().next().is_some()).then_some(tree);
        return Ok(Question { resource, ..Question::default() });
    }
    let mut question = Question::default();
    for parameter in root.all("parameter") {
        question.parameter(parameter).map_err(|(status, report)| (status, placed(report, parameter)))?;
    }
    Ok(question)
}

impl Question {
    /// One entry of a Parameters resource.
    fn parameter(&mut self, parameter: Item<'_>) -> Result<(), Refusal> {
        let name = parameter.str_at(&["name"]).unwrap_or_default();
        if name == "resource" {
            let resource = parameter.get("resource");
            let Some(resource) = resource.filter(|_| self.resource.is_none()) else {
                let text = "the parameter `resource` should hold one resource".to_owned();
                return Err(wrong("parameter-form", text, "put the resource under `resource`, once"));
            };
            self.resource = Some(Tree::taken_from(resource));
            return Ok(());
        }
        let value = parameter.children().find(|c| c.key().starts_with("value")).and_then(Item::str);
        self.take(name, value.unwrap_or_default())
    }

    /// `mode` or `profile`, from the address or from a Parameters resource.
    fn take(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        let is_new = match name {
            "mode" => self.mode.replace(mode(value)?).is_none(),
            "profile" => self.profile.replace(value.to_owned()).is_none(),
            _ => {
                let text = "`$validate` takes the parameters `resource`, `mode` and `profile`".to_owned();
                return Err(wrong("unknown-parameter", text, "leave the others out"));
            }
        };
        if is_new {
            return Ok(());
        }
        let text = format!("the parameter `{name}` is there twice");
        Err(wrong("parameter-form", text, "say it once, in the address or in the body"))
    }

    /// Whether there is enough to answer it, and nothing that contradicts itself.
    fn can_be_put(&self, gateway: &Gateway, kind: Option<&str>, id: Option<&str>) -> Result<(), Refusal> {
        if kind.is_some_and(|name| gateway.definitions.type_profile(name).is_none_or(|p| !p.is_resource)) {
            let issue =
                Issue::error("not-found", "unknown-resource-type", "R4 has no resource of this type".to_owned());
            return Err((StatusCode::NOT_FOUND, issue.into()));
        }
        if let Some(url) = &self.profile
            && gateway.definitions.profile(url).is_none()
        {
            let text = "the profile that is asked for is not loaded here".to_owned();
            let issue = Issue::error("not-found", "unknown-profile", text)
                .remedy("ask the operator of this gateway to load the package that holds it");
            return Err((StatusCode::UNPROCESSABLE_ENTITY, issue.into()));
        }
        if matches!(self.mode, Some(Mode::Update | Mode::Delete)) && id.is_none() {
            let text = "this mode is about one resource that exists".to_owned();
            return Err(wrong("mode-needs-address", text, "post to `/fhir/[type]/[id]/$validate`"));
        }
        if self.mode == Some(Mode::Profile) && self.profile.is_none() {
            let text = "mode `profile` asks for a profile".to_owned();
            return Err(wrong("profile-missing", text, "add the parameter `profile`"));
        }
        if self.resource.is_none() && self.mode != Some(Mode::Delete) {
            let text = "there is no resource to check; what is stored is not checked by its address".to_owned();
            return Err(wrong("resource-missing", text, "send the resource, alone or in a Parameters resource"));
        }
        Ok(())
    }
}

/// The same, said at the entry of a Parameters resource that is to blame.
fn placed(report: Report, parameter: Item<'_>) -> Report {
    let issues = report.issues.into_iter().map(|issue| issue.on(parameter)).collect();
    Report { issues, ..report }
}

fn wrong(id: &'static str, text: String, remedy: &'static str) -> Refusal {
    let issue = Issue::error("invalid", id, text).rule("R4 operation-resource-validate").remedy(remedy);
    (StatusCode::BAD_REQUEST, issue.into())
}

fn mode(code: &str) -> Result<Mode, Refusal> {
    Ok(match code {
        "create" => Mode::Create,
        "update" => Mode::Update,
        "delete" => Mode::Delete,
        "profile" => Mode::Profile,
        _ => {
            let text = "there is no such mode".to_owned();
            return Err(wrong("unknown-mode", text, "use `create`, `update`, `delete`, `profile`, or none"));
        }
    })
}

/// Whether the resource is what its address says.
fn addressed(root: Item<'_>, kind: Option<&str>, id: Option<&str>, report: &mut Report) {
    if let Some(Err(refusal)) = kind.map(|kind| of_kind(root, kind)) {
        report.extend(refusal.report);
    }
    if let (Some(wanted), Some(given)) = (id, root.get("id"))
        && given.str() != Some(wanted)
    {
        let text = "the resource has another id than its address".to_owned();
        let issue = Issue::error("invalid", "id-and-address-differ", text).on(given);
        report.push(issue.rule("R4 http.html#update").remedy("post it to the address of its own id"));
    }
}

/// What posting it would come to.
fn as_create(tree: Tree, profiles: &[&str], gateway: &Gateway, caller: &Caller) -> Report {
    let mut report = Report::default();
    let alone = tree.root().resource_type() == Some("Consent") && caller.may(Right::Choose);
    if !alone && (!caller.may(Right::Send) || !caller.sends("fhir")) {
        let text = "you may not send `fhir`".to_owned();
        report.push(Issue::error("forbidden", "format-not-yours", text).remedy("ask the operator of this gateway"));
    }
    match Validated::new(tree, profiles, &gateway.definitions) {
        Err(found) => report.extend(found),
        Ok(record) => {
            report.extend(record.report().clone());
            let sender = &caller.party().identity.id;
            // a choice by itself says whose it is by an NHS number, with no Patient beside it
            let whose = choices::whose(&record).unwrap_or_else(|| person(&record, sender));
            let refused = [whose.err(), choices::readable(&record).err()];
            refused.into_iter().flatten().for_each(|refusal| report.extend(refusal.report));
        }
    }
    report
}

/// What cannot be done here, however good the content.
fn impossible(mode: Option<Mode>) -> Option<Issue> {
    let (id, text, remedy) = match mode? {
        Mode::Update => ("no-updates", "nothing is updated here", "post the new version as a record of its own"),
        Mode::Delete => ("no-deletes", "nothing is deleted here", "ask the operator of the system of record"),
        Mode::Create | Mode::Profile => return None,
    };
    Some(Issue::error("not-supported", id, text.to_owned()).rule("R4 operation-resource-validate, mode").remedy(remedy))
}
