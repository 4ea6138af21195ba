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
        self.labels(item);
        self.implicit_rules(item, profile);
        match name {
            "Bundle" => self.bundle(item),
            "Observation" => self.vital_signs(item),
            "Questionnaire" => self.conditions(item),
            "StructureDefinition" => self.structure_definition(item),
            "QuestionnaireResponse" => self.response(item),
            "ValueSet" => self.included_systems(item),
            "CodeSystem" => self.code_system(item),
            "ConceptMap" => self.mapped_codes(item),
            _ => {}
        }
    }

    /// The id of an element is unique within its resource (R4 §2.28.1 Element.id). In a StructureDefinition it is unique
    /// within the snapshot and within the differential, which hold the same elements.
    pub(in crate::pure::validate) fn element_id(&mut self, item: Item<'a>, id: Item<'a>) {
        let is_new = id.str().is_none_or(|text| self.ids.insert(text));
        if !is_new && self.resource.resource_type() != Some("StructureDefinition") {
            let text = "two elements of the resource have the same id".to_owned();
            self.error("business-rule", "element-id-repeated", item, None, text, "give each its own id");
        }
    }

    /// The security labels of a resource are a set (R4 §2.26.3.4 Resource.meta): each is there once.
    fn labels(&mut self, item: Item<'a>) {
        let Some(meta) = item.get("meta").filter(|meta| meta.all("security").nth(1).is_some()) else { return };
        let mut seen = std::collections::HashSet::new();
        for label in meta.all("security") {
            if !seen.insert((label.str_at(&["system"]), label.str_at(&["code"]))) {
                let text = "the same security label is there twice".to_owned();
                self.error("business-rule", "label-repeated", label, None, text, "keep one of them");
            }
        }
    }

    /// Rules that the sender and some receivers agreed on: nothing here knows any, so they are not checked, and who acts on
    /// the record must not (R4 resource.html#implicitRules).
    fn implicit_rules(&mut self, item: Item<'a>, profile: &'a Profile) {
        let Some(rules) = item.get("implicitRules") else { return };
        if !self.options.refuse_unknown_modifiers {
            self.report.not_checked("the rules that `implicitRules` names", "they are not known here");
            return;
        }
        let text = "the record is to be read by rules that are not known here".to_owned();
        let remedy = "leave `implicitRules` out, or agree with the receiver";
        self.error("not-supported", "implicit-rules", rules, Some(By::new(profile, 0)), text, remedy);
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
