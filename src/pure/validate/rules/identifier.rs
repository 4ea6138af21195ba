//! Identifiers of England: an NHS number ends in its check digit (NHS Data Dictionary). A rule of ours, no profile's.

use crate::pure::fhir::{Item, nhs_number};
use crate::pure::profile::primitive::is_absolute;
use crate::pure::validate::walk::Walk;

impl<'a> Walk<'a> {
    /// Holds an Identifier of the NHS number system to modulus 11.
    pub(in crate::pure::validate) fn identifier(&mut self, item: Item<'a>) {
        if let Some(system) = item.get("system")
            && system.str().is_some_and(|s| !s.is_empty() && !is_absolute(s))
        {
            let text = "the system of an Identifier should be an absolute URI".to_owned();
            self.error("invalid", "relative-system", item, None, text, "write the whole URI of the identifier system");
            self.point_at(system);
        }
        if item.str_at(&["system"]) == Some("urn:ietf:rfc:3986")
            && let Some(value) = item.get("value")
            && value.str().is_some_and(|v| !v.is_empty() && !v.contains(':'))
        {
            let text = "with this system the value of an Identifier should be a whole URI".to_owned();
            self.error("invalid", "identifier-not-a-uri", item, None, text, "write `urn:oid:`, `urn:uuid:` or a URL");
            self.point_at(value);
        }
        if self.options.definitions_only || item.str_at(&["system"]) != Some(nhs_number::SYSTEM) {
            return;
        }
        let Some(value) = item.get("value") else { return };
        if value.str().is_some_and(|v| !nhs_number::is_valid(v)) {
            let text = "an NHS number should be ten digits, the last one a right check digit (modulus 11)".to_owned();
            let remedy = "check the number against the record it was copied from; leave it out where it is not known";
            self.error("value", "nhs-number-check-digit", value, None, text, remedy);
            if let Some(issue) = self.report.issues.last_mut() {
                issue.rule = Some("NHS Data Dictionary, NHS NUMBER".to_owned());
            }
        }
    }
}
