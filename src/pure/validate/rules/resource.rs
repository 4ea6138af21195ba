//! What is asked of whole resources: Bundles as containers, narratives as HTML.

use crate::pure::fhir::Item;
use crate::pure::validate::walk::{By, Walk};

impl<'a> Walk<'a> {
    /// Rules of one resource type that no profile can say.
    pub(in crate::pure::validate) fn resource_rules(&mut self, item: Item<'a>, name: &str) {
        if name == "Bundle" {
            self.bundle(item);
        }
    }

    /// A narrative: a `div` of plain HTML (R4 §2.4.5).
    pub(in crate::pure::validate) fn narrative(&mut self, item: Item<'a>, by: By<'a>) {
        let text = item.text().trim_start();
        if !text.starts_with("<div") {
            let text = "a narrative should be one `<div>` of XHTML".to_owned();
            self.error(
                "invalid",
                "narrative-form",
                item,
                Some(by),
                text,
                "put it in `<div xmlns=\"http://www.w3.org/1999/xhtml\">`",
            );
        }
    }
}
