//! Values of primitive datatypes, and the objects that stand beside them for their ids and extensions (R4 §2.6.2.1.2).

use crate::pure::fhir::{Item, Kind, Severity};
use crate::pure::profile::node::TypeRef;
use crate::pure::profile::primitive::{Primitive, doubt};
use crate::pure::validate::walk::{By, Walk};

impl<'a> Walk<'a> {
    /// A value beside its datatype. False where there is nothing further to check.
    pub(in crate::pure::validate) fn primitive(&mut self, item: Item<'a>, by: By<'a>, primitive: Primitive) -> bool {
        let kind = item.kind();
        if kind == Kind::Null {
            let text = "`null` stands where a value should".to_owned();
            let remedy = "leave it out, or say in its extensions why it is absent";
            self.error("structure", "null-value", item, Some(by), text, remedy);
            return false;
        }
        if kind != primitive.kind() {
            let should = match primitive.kind() {
                Kind::Bool => "`true` or `false` without quotes",
                Kind::Number => "a number without quotes",
                _ => "a string in quotes",
            };
            let text = format!("`{}` should be {should}", by.node.id);
            self.error("structure", "wrong-json-type", item, Some(by), text, "write it so");
            return false;
        }
        if let Some(wrong) = primitive.fault(item) {
            let text = format!("the value of `{}` should {}", by.node.id, wrong.should);
            self.error("value", wrong.id, item, Some(by), text, wrong.remedy);
            return false;
        }
        match primitive {
            Primitive::Xhtml => self.narrative(item, by),
            Primitive::String | Primitive::Markdown => {
                self.markup(item, by, primitive);
                if let Some(doubt) = doubt(item.text()) {
                    let text = format!("the value of `{}` should {}", by.node.id, doubt.should);
                    self.find(Severity::Warning, "value", doubt.id, item, Some(by), text, doubt.remedy);
                }
            }
            Primitive::Uri | Primitive::Url | Primitive::Canonical | Primitive::Oid if self.options.refuse_examples => {
                self.example(item, by);
            }
            _ if self.options.security_checks => self.markup(item, by, primitive),
            _ => {}
        }
        true
    }

    /// `_birthDate`: an object, or an array of objects and nulls. How many values it stands for that have none.
    pub(in crate::pure::validate) fn shadow(
        &mut self,
        holder: Item<'a>,
        shadow: Item<'a>,
        by: By<'a>,
        of: &'a TypeRef,
    ) -> u32 {
        if of.primitive.is_none() {
            let text = format!("`{}` is not a primitive, so nothing stands beside it", by.node.id);
            self.error("structure", "unknown-element", shadow, Some(by), text, "leave it out");
            return 0;
        }
        let value = holder.get(&shadow.key()[1..]);
        let is_list = shadow.kind() == Kind::Array;
        if by.node.is_list != is_list {
            let text =
                format!("what stands beside `{}` should {}be an array", by.node.id, if is_list { "not " } else { "" });
            self.error(
                "structure",
                "should-be-array",
                shadow,
                Some(by),
                text,
                "write it like the values it belongs to",
            );
        }
        let Some(profile) = self.definitions.type_profile(&of.code) else { return 0 };
        let element = self.definitions.type_profile("Element");
        let mut alone = 0;
        let mut values = value.map(Item::each);
        for one in shadow.each() {
            let value = values.as_mut().and_then(Iterator::next);
            let beside = value.is_some_and(|v| v.kind() != Kind::Null);
            match one.kind() {
                Kind::Null if is_list && beside => {}
                Kind::Null => {
                    let text = "`null` stands where neither a value nor an extension is".to_owned();
                    self.error("structure", "null-value", one, Some(by), text, "leave it out");
                }
                Kind::Object => {
                    alone += u32::from(value.is_none());
                    if let Some(element) = element {
                        self.element(one, element, 0);
                    }
                    let _ = profile;
                }
                _ => {
                    let text = "beside a value only an object may stand, with its id and extensions".to_owned();
                    self.error("structure", "should-be-object", one, Some(by), text, "write an object");
                }
            }
        }
        alone
    }
}

/// Of each place in the array beside `name`, whether a `null` there has extensions.
pub(in crate::pure::validate) fn shadows(holder: Item<'_>, name: &str) -> Vec<bool> {
    let shadow = holder.children().find(|c| c.key().strip_prefix('_') == Some(name));
    shadow.into_iter().flat_map(Item::children).map(|s| s.kind() == Kind::Object).collect()
}
