//! AuditEvent trees in the shapes of IHE Basic Audit Log Patterns (BALP 1.1): Create, Query, AuthZ-Consent, Privacy
//! Disclosure (source side), and for what BALP has no pattern, the nearest of DICOM's event types.
//!
//! What is not BALP's: the phase and the intent it completes, the message and the details stand as entities of their own.
//! No entity has a name or a description, which is where others put what a trail must not hold.

use super::event::{Event, Name};
use super::{Kind, Phase};
use crate::pure::fhir::tree::{Id, Tree};

const OURS: &str = "https://sharewell.example/fhir/StructureDefinition/sharewell-auditevent";
const BALP: &str = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/";
const DICOM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const REST: Coding = Coding("http://terminology.hl7.org/CodeSystem/audit-event-type", "rest", "Restful Operation");
const ACT_REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
const ENTITY_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
const OBJECT_ROLE: &str = "http://terminology.hl7.org/CodeSystem/object-role";
const RESOURCE_TYPE: &str = "http://hl7.org/fhir/resource-types";
const SOURCE: Coding = Coding(DICOM, "110153", "Source Role ID");
const DESTINATION: Coding = Coding(DICOM, "110152", "Destination Role ID");
const APPLICATION: Coding = Coding(DICOM, "110150", "Application");

struct Coding(&'static str, &'static str, &'static str);

/// What a pattern says of an event: type, subtype, action, and the pattern's own profile.
struct Pattern {
    kind: Coding,
    subtype: Option<Coding>,
    action: &'static str,
    profile: Option<&'static str>,
}

fn pattern(event: &Event) -> Pattern {
    let interaction = |code, display| Some(Coding("http://hl7.org/fhir/restful-interaction", code, display));
    match event.kind {
        Kind::Create | Kind::Choice => Pattern {
            kind: REST,
            subtype: interaction("create", "create"),
            action: "C",
            profile: event.person.is_some().then_some("IHE.BasicAudit.PatientCreate"),
        },
        Kind::ChoiceUpdate => Pattern {
            kind: REST,
            subtype: interaction("update", "update"),
            action: "U",
            profile: event.person.is_some().then_some("IHE.BasicAudit.PatientUpdate"),
        },
        Kind::ChoiceWithdraw => Pattern {
            kind: REST,
            subtype: interaction("delete", "delete"),
            action: "D",
            profile: event.person.is_some().then_some("IHE.BasicAudit.PatientDelete"),
        },
        Kind::Query => Pattern {
            kind: REST,
            subtype: interaction("search", "search"),
            action: "E",
            profile: event.person.is_some().then_some("IHE.BasicAudit.PatientQuery"),
        },
        Kind::Register => Pattern {
            kind: REST,
            subtype: interaction("update", "update"),
            action: "U",
            profile: event.person.is_some().then_some("IHE.BasicAudit.PatientUpdate"),
        },
        Kind::Alert => Pattern {
            kind: Coding(DICOM, "110113", "Security Alert"),
            subtype: Some(Coding(DICOM, "110127", "Emergency Override Started")),
            action: "E",
            profile: None,
        },
        Kind::Notice => {
            Pattern { kind: Coding(DICOM, "110100", "Application Activity"), subtype: None, action: "C", profile: None }
        }
        Kind::Refusal if event.query.is_some() => {
            Pattern { kind: REST, subtype: interaction("search", "search"), action: "E", profile: None }
        }
        Kind::Refusal => Pattern { kind: REST, subtype: interaction("create", "create"), action: "C", profile: None },
        Kind::Decision => Pattern {
            kind: Coding(DICOM, "110113", "Security Alert"),
            subtype: Some(Coding("https://profiles.ihe.net/ITI/BALP/CodeSystem/AuthZsubType", "AuthZ-Consent", "")),
            action: "E",
            // The pattern wants a Consent; a deny for want of one has none to show.
            profile: event.things.iter().any(|t| t.kind == "Consent").then_some("IHE.BasicAudit.AuthZconsent"),
        },
        Kind::Disclosure => Pattern {
            kind: Coding(DICOM, "110106", "Export"),
            subtype: Some(Coding("http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle", "disclose", "")),
            action: "R",
            profile: event.person.is_some().then_some("IHE.BasicAudit.PrivacyDisclosure.Source"),
        },
        Kind::System => {
            Pattern { kind: Coding(DICOM, "110100", "Application Activity"), subtype: None, action: "E", profile: None }
        }
    }
}

/// The AuditEvent of these facts.
pub(super) fn tree(event: &Event) -> Tree {
    let pattern = pattern(event);
    let mut tree = Tree::object();
    let root = tree.root().id();
    tree.push_str(root, "resourceType", "AuditEvent");
    tree.push_str(root, "id", &event.id);
    let meta = tree.push_object(root, "meta");
    let profiles = tree.push_array(meta, "profile");
    tree.push_str(profiles, "", OURS);
    if let Some(profile) = pattern.profile {
        tree.push_str(profiles, "", &format!("{BALP}{profile}"));
    }
    coding(&mut tree, root, "type", &pattern.kind);
    if let Some(subtype) = &pattern.subtype {
        let list = tree.push_array(root, "subtype");
        coding(&mut tree, list, "", subtype);
    }
    tree.push_str(root, "action", pattern.action);
    tree.push_str(root, "recorded", &event.recorded.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string());
    tree.push_str(root, "outcome", event.outcome.code());
    if !event.reason.is_empty() {
        tree.push_str(root, "outcomeDesc", &event.reason);
    }
    if event.kind == Kind::Disclosure {
        purpose(&mut tree, root, "purposeOfEvent", event);
    }
    agents(&mut tree, root, event);
    source(&mut tree, root, event);
    entities(&mut tree, root, event);
    tree
}

fn coding(tree: &mut Tree, parent: Id, key: &str, Coding(system, code, display): &Coding) {
    let coding = tree.push_object(parent, key);
    tree.push_str(coding, "system", system);
    tree.push_str(coding, "code", code);
    if !display.is_empty() {
        tree.push_str(coding, "display", display);
    }
}

fn concept(tree: &mut Tree, parent: Id, key: &str, value: &Coding) {
    let concept = tree.push_object(parent, key);
    let list = tree.push_array(concept, "coding");
    coding(tree, list, "", value);
}

fn purpose(tree: &mut Tree, parent: Id, key: &str, event: &Event) {
    if event.purposes.is_empty() {
        return;
    }
    let list = tree.push_array(parent, key);
    for purpose in &event.purposes {
        let concept = tree.push_object(list, "");
        let codings = tree.push_array(concept, "coding");
        let coding = tree.push_object(codings, "");
        tree.push_str(coding, "system", ACT_REASON);
        tree.push_str(coding, "code", purpose);
    }
}

/// Who took part: the gateway in its role, and the other party in its.
fn agents(tree: &mut Tree, root: Id, event: &Event) {
    let list = tree.push_array(root, "agent");
    // What others ask of the gateway they request; what the gateway sends or does by itself it requests.
    let (ours, theirs, we_request) = match event.kind {
        Kind::Create
        | Kind::Choice
        | Kind::ChoiceUpdate
        | Kind::ChoiceWithdraw
        | Kind::Query
        | Kind::Register
        | Kind::Refusal => (DESTINATION, SOURCE, false),
        Kind::Disclosure => (SOURCE, DESTINATION, true),
        Kind::Decision => {
            let server = Coding("http://terminology.hl7.org/CodeSystem/extra-security-role-type", "authserver", "");
            (server, Coding("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "IRCP", ""), false)
        }
        Kind::Alert | Kind::Notice | Kind::System => (APPLICATION, APPLICATION, true),
    };
    let we_request = we_request || event.other.is_none();
    agent(tree, list, &ours, &event.gateway, we_request);
    if let Some(other) = &event.other {
        let id = agent(tree, list, &theirs, other, !we_request);
        if event.kind != Kind::Disclosure {
            purpose(tree, id, "purposeOfUse", event);
        }
    }
}

fn agent(tree: &mut Tree, list: Id, role: &Coding, name: &Name, requestor: bool) -> Id {
    let agent = tree.push_object(list, "");
    concept(tree, agent, "type", role);
    who(tree, agent, "who", name);
    tree.push_bool(agent, "requestor", requestor);
    if let Some(address) = &name.address {
        let network = tree.push_object(agent, "network");
        tree.push_str(network, "address", address);
        tree.push_str(network, "type", network_type(address));
    }
    agent
}

/// Value set network-type: 1 a machine's name, 2 an IP address, 5 a URI.
fn network_type(address: &str) -> &'static str {
    let numeric = address.chars().all(|c| c.is_ascii_hexdigit() || matches!(c, '.' | ':'));
    match address.contains("://") {
        true => "5",
        false if numeric && address.contains(['.', ':']) => "2",
        false => "1",
    }
}

fn who(tree: &mut Tree, parent: Id, key: &str, name: &Name) {
    let who = tree.push_object(parent, key);
    if let Some((system, value)) = &name.identifier {
        identifier(tree, who, system, value);
    }
    let display = if name.display.is_empty() { "not named" } else { &name.display };
    tree.push_str(who, "display", display);
}

fn identifier(tree: &mut Tree, parent: Id, system: &str, value: &str) {
    let identifier = tree.push_object(parent, "identifier");
    if !system.is_empty() {
        tree.push_str(identifier, "system", system);
    }
    tree.push_str(identifier, "value", value);
}

fn source(tree: &mut Tree, root: Id, event: &Event) {
    let source = tree.push_object(root, "source");
    who(tree, source, "observer", &event.gateway);
    let types = tree.push_array(source, "type");
    let system = "http://terminology.hl7.org/CodeSystem/security-source-type";
    let kind = if matches!(event.kind, Kind::Decision | Kind::Alert) {
        Coding(system, "6", "Security Server")
    } else {
        Coding(system, "4", "Application Server")
    };
    coding(tree, types, "", &kind);
}

fn entities(tree: &mut Tree, root: Id, event: &Event) {
    let list = tree.push_array(root, "entity");
    if let Some((system, value)) = &event.person {
        let entity = entity(tree, list, &Coding(ENTITY_TYPE, "1", "Person"), Some(("1", "Patient")));
        let what = tree.push_object(entity, "what");
        identifier(tree, what, system, value);
    }
    for thing in &event.things {
        let entity = tree.push_object(list, "");
        let what = tree.push_object(entity, "what");
        tree.push_str(what, "reference", &format!("{}/{}", thing.kind, thing.reference));
        let kind = tree.push_object(entity, "type");
        tree.push_str(kind, "system", RESOURCE_TYPE);
        tree.push_str(kind, "code", &thing.kind);
        coding(tree, entity, "role", &Coding(OBJECT_ROLE, "4", "Domain Resource"));
    }
    if let Some(query) = &event.query {
        let entity = entity(tree, list, &Coding(ENTITY_TYPE, "2", "System Object"), Some(("24", "Query")));
        tree.push_str(entity, "query", &openssl::base64::encode_block(query.as_bytes()));
    }
    let request = Coding("https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType", "XrequestId", "");
    named(tree, list, &request, None, &event.request);
    if let Some(message) = &event.message {
        named(tree, list, &Coding(ENTITY_TYPE, "2", "System Object"), Some(("20", "Job")), message);
    }
    details(tree, list, event);
}

fn entity(tree: &mut Tree, list: Id, kind: &Coding, role: Option<(&'static str, &'static str)>) -> Id {
    let entity = tree.push_object(list, "");
    coding(tree, entity, "type", kind);
    if let Some((code, display)) = role {
        coding(tree, entity, "role", &Coding(OBJECT_ROLE, code, display));
    }
    entity
}

fn named(tree: &mut Tree, list: Id, kind: &Coding, role: Option<(&'static str, &'static str)>, value: &str) {
    // An empty value would be no FHIR.
    if value.is_empty() {
        return;
    }
    let entity = entity(tree, list, kind, role);
    let what = tree.push_object(entity, "what");
    identifier(tree, what, "", value);
}

/// The phase, the intent that is completed, and whatever else is to be kept, as details of one entity.
fn details(tree: &mut Tree, list: Id, event: &Event) {
    let entity = entity(tree, list, &Coding(ENTITY_TYPE, "2", "System Object"), Some(("13", "Security Resource")));
    if let (Phase::Completion, Some(intent)) = (event.phase, &event.intent) {
        let what = tree.push_object(entity, "what");
        tree.push_str(what, "reference", &format!("AuditEvent/{intent}"));
    }
    let details = tree.push_array(entity, "detail");
    let detail = tree.push_object(details, "");
    tree.push_str(detail, "type", "phase");
    tree.push_str(detail, "valueString", event.phase.word());
    for (name, value) in event.details.iter().filter(|(_, value)| !value.is_empty()) {
        let detail = tree.push_object(details, "");
        tree.push_str(detail, "type", name);
        tree.push_str(detail, "valueBase64Binary", &openssl::base64::encode_block(value.as_bytes()));
    }
}
