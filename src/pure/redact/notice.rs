//! A notice to a party that has a copy it would not get today: hand it on to nobody.
//!
//! Comes in: the message that the copy came by, and who is told. Goes out: a [`Releasable`] of one MessageHeader (R4 §2.4):
//! it names that message, which the party knows, and nothing of the person. A copy that went cannot be called back.

use super::Releasable;
use crate::pure::fhir::Tree;
use jiff::Timestamp;

/// The system of the events that a notice tells.
pub const EVENT: &str = "https://sharewell.example/fhir/CodeSystem/notice";
/// The system of our messages' ids, as `Idempotency-Key` gave them.
pub const MESSAGE: &str = "https://sharewell.example/Id/message";

/// What is told to whom, and by whom.
pub struct Notice<'n> {
    /// Id of this message, a UUID.
    pub id: &'n str,
    /// Id of the message that the copy came by, a UUID.
    pub about: &'n str,
    /// Id of the party that is told.
    pub recipient: &'n str,
    /// Base address of this gateway.
    pub base: &'n str,
    /// The person's choices epoch it rests on.
    pub epoch: u64,
    /// Fingerprint of the decision that denies.
    pub fingerprint: [u8; 32],
    /// Now.
    pub now: Timestamp,
}

/// Tells a party to hand on to nobody what it got by a message.
#[must_use]
pub fn stop_onward(notice: &Notice<'_>) -> Releasable {
    let mut tree = Tree::object();
    let root = tree.root().id();
    tree.push_str(root, "resourceType", "Bundle");
    tree.push_str(root, "type", "message");
    tree.push_str(root, "timestamp", &notice.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    let entries = tree.push_array(root, "entry");
    let entry = tree.push_object(entries, "");
    tree.push_str(entry, "fullUrl", &format!("urn:uuid:{}", notice.id));
    let header = tree.push_object(entry, "resource");
    tree.push_str(header, "resourceType", "MessageHeader");
    tree.push_str(header, "id", notice.id);
    let event = tree.push_object(header, "eventCoding");
    tree.push_str(event, "system", EVENT);
    tree.push_str(event, "code", "stop-onward");
    tree.push_str(event, "display", "Hand on to nobody what came by this message");
    let source = tree.push_object(header, "source");
    tree.push_str(source, "endpoint", notice.base);
    let focus = tree.push_array(header, "focus");
    let about = tree.push_object(focus, "");
    let identifier = tree.push_object(about, "identifier");
    tree.push_str(identifier, "system", MESSAGE);
    tree.push_str(identifier, "value", notice.about);
    Releasable {
        tree,
        fingerprint: notice.fingerprint,
        recipient: notice.recipient.to_owned(),
        epoch: notice.epoch,
        manifest: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::profile::Definitions;
    use crate::pure::validate::check;

    #[test]
    fn it_is_a_message_by_r4_and_names_nothing_but_the_message_it_is_about() {
        let notice = Notice {
            id: "7f0f8a52-5b4c-4b0a-9d8e-0123456789ab",
            about: "1c9d1f0e-2222-4b0a-9d8e-0123456789ab",
            recipient: "st-orrins-hospice",
            base: "https://gateway.northmere.example",
            epoch: 3,
            fingerprint: [0; 32],
            now: "2026-11-22T10:00:00Z".parse().unwrap(),
        };
        let told = stop_onward(&notice);
        let report = check(told.bundle(), &[], &Definitions::base().unwrap());
        assert!(report.is_valid(), "{:#?}", report.issues);
        let json = told.bundle().root().to_json();
        assert!(json.contains(notice.about) && !json.contains("hospice"));
    }
}
