//! Must-support (R4 profiling.html#mustsupport): an element that systems must be able to use. It may be absent, so that is
//! no fault; whoever builds a sender wants to know all the same.

use crate::pure::fhir::{Item, Severity};
use crate::pure::validate::walk::{By, Walk};

impl<'a> Walk<'a> {
    /// Tells of an element that is absent although it is one to support. One that must be there is missing, and one that
    /// may not be there is rightly absent.
    pub(in crate::pure::validate) fn must_support(&mut self, holder: Item<'a>, by: By<'a>) {
        let node = by.node;
        if node.min > 0 || node.max == 0 {
            return;
        }
        let text = format!("`{}` is marked must-support, and is absent", node.id);
        let remedy = "send it where you hold it; its absence is no error";
        self.find(Severity::Information, "informational", "must-support-absent", holder, Some(by), text, remedy);
    }
}
