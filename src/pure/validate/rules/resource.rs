//! What is asked of whole resources: their id, the ids of what they contain, Bundles.

use crate::pure::fhir::Item;
use crate::pure::profile::node::Profile;
use crate::pure::profile::primitive::Primitive;
use crate::pure::validate::walk::{By, Walk};

impl<'a> Walk<'a> {
    /// Rules of one resource type that no profile can say.
    pub(in crate::pure::validate) fn resource_rules(&mut self, item: Item<'a>, name: &str, profile: &'a Profile) {
        if let Some(id) = item.get("id")
            && id.str().is_some_and(|t| !t.is_empty())
            && let Some(wrong) = Primitive::Id.fault(id)
        {
            let by = Some(By::new(profile, 0));
            let text = format!("the id of a resource should {}", wrong.should);
            self.error("value", wrong.id, id, by, text, wrong.remedy);
        }
        self.contained_ids(item);
        match name {
            "Bundle" => self.bundle(item),
            "Questionnaire" => self.conditions(item),
            "QuestionnaireResponse" => self.response(item),
            _ => {}
        }
    }

    /// Contained resources have ids, each its own: else nothing can refer to them.
    fn contained_ids(&mut self, item: Item<'a>) {
        let mut seen = std::collections::HashSet::new();
        for contained in item.all("contained") {
            match contained.str_at(&["id"]) {
                None => {
                    let text = "a contained resource should have an id".to_owned();
                    self.error("required", "contained-without-id", contained, None, text, "give it one");
                }
                Some(id) if !seen.insert(id) => {
                    let text = "two contained resources have the same id".to_owned();
                    self.error("invalid", "contained-id-repeated", contained, None, text, "give each its own");
                }
                Some(_) => {}
            }
        }
    }
}
