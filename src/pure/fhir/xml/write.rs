//! Tree → FHIR XML (R4 §2.6.1): elements in the order of their definitions, values as attributes, narrative as it stands.
//!
//! Refuses, with path and remedy, what [`super::read`] would not read back as the same: names the types do not know,
//! brackets where the types have none, values of another kind, characters that XML has no way to write.

use super::form::{Form, is_resource};
use super::{FHIR, R4, elements};
use crate::pure::fhir::Limits;
use crate::pure::fhir::issue::{Issue, Report};
use crate::pure::fhir::json;
use crate::pure::fhir::tree::{Item, Kind};
use crate::pure::fhirpath::{Element, Model, Type};

type Written = Result<(), Report>;

/// Writes a resource, without declaration and without blanks between its elements.
///
/// # Errors
/// A report of one issue, at the first thing that has no place in XML.
pub fn write(item: Item<'_>, model: &dyn Model) -> Result<String, Report> {
    let mut writer = Writer { model, out: String::with_capacity(item.tree().len() * 24) };
    writer.resource(item, true)?;
    Ok(writer.out)
}

struct Writer<'m> {
    model: &'m dyn Model,
    out: String,
}

/// What stands under one name of an object: the value, and `_name` beside it.
struct Member<'t> {
    name: &'t str,
    element: Element,
    value: Option<Item<'t>>,
    beside: Option<Item<'t>>,
}

fn refuse<T>(item: Item<'_>, id: &'static str, text: impl Into<String>, remedy: &'static str) -> Result<T, Report> {
    let issue = Issue::error("structure", id, text.into()).on(item).remedy(remedy);
    Err(issue.rule(R4).into())
}

impl Writer<'_> {
    fn resource(&mut self, item: Item<'_>, is_root: bool) -> Written {
        let named = item.resource_type().and_then(|name| Some((name, self.model.find(name)?)));
        let Some((name, kind)) = named.filter(|(_, kind)| is_resource(self.model, *kind)) else {
            let text = "`resourceType` is not a resource of R4";
            return refuse(item, "unknown-resource-type", text, "write one of R4's resource types");
        };
        self.out.push('<');
        self.out.push_str(name);
        if is_root {
            self.out.push_str(" xmlns=\"");
            self.out.push_str(FHIR);
            self.out.push('"');
        }
        self.content(item, kind, name)
    }

    /// The rest of a start tag, the elements of an object in their order, and the end tag.
    fn content(&mut self, item: Item<'_>, kind: Type, name: &str) -> Written {
        let attributes: &[&str] = match self.model.name(kind) {
            _ if is_resource(self.model, kind) => &[],
            "Extension" => &["id", "url"],
            _ => &["id"],
        };
        for key in attributes {
            if let Some(value) = item.get(key) {
                self.attribute(key, value, Form::Text)?;
            }
        }
        let members = self.members(item, kind, attributes)?;
        if members.is_empty() {
            self.out.push_str("/>");
            return Ok(());
        }
        self.out.push('>');
        for member in &members {
            self.member(member)?;
        }
        self.end(name);
        Ok(())
    }

    fn end(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    fn members<'t>(&self, item: Item<'t>, kind: Type, attributes: &[&str]) -> Result<Vec<Member<'t>>, Report> {
        let mut members: Vec<Member<'t>> = Vec::new();
        let is_whole = is_resource(self.model, kind);
        for child in item.children() {
            let key = child.key();
            if attributes.contains(&key) || (key == "resourceType" && is_whole) {
                continue;
            }
            let (name, is_beside) = key.strip_prefix('_').map_or((key, false), |name| (name, true));
            let element = self.model.element(kind, name).filter(|_| !attributes.contains(&name));
            let Some(element) = element else {
                let text = "the types do not know this element, so it has no place in XML";
                return refuse(child, "unknown-element", text, "correct its name, or leave it out");
            };
            let at = members.iter().position(|m| m.name == name).unwrap_or_else(|| {
                members.push(Member { name, element, value: None, beside: None });
                members.len() - 1
            });
            let side = if is_beside { &mut members[at].beside } else { &mut members[at].value };
            if side.replace(child).is_some() {
                return refuse(child, "name-twice", "this name stands twice in one object", "keep one of the two");
            }
        }
        members.sort_by_key(|m| m.element.position);
        Ok(members)
    }

    fn member(&mut self, member: &Member<'_>) -> Written {
        let form = Form::of(self.model, member.element.is);
        if form.is_primitive() {
            return self.primitives(member, form);
        }
        if let Some(beside) = member.beside {
            let text = "only primitive values have extensions under a name with `_`";
            return refuse(beside, "not-a-primitive", text, "put its extensions into the element itself");
        }
        for value in member.value.into_iter().flat_map(Item::each) {
            self.bracketed(member)?;
            match form {
                Form::Narrative => self.narrative(value)?,
                _ if value.kind() != Kind::Object => {
                    let remedy = "write it as an object with its elements";
                    return refuse(value, "should-be-object", "this should be an object", remedy);
                }
                Form::Resource => {
                    self.start(member.name);
                    self.out.push('>');
                    self.resource(value, false)?;
                    self.end(member.name);
                }
                _ => {
                    self.start(member.name);
                    self.content(value, member.element.is, member.name)?;
                }
            }
        }
        self.bracketed(member)
    }

    fn start(&mut self, name: &str) {
        self.out.push('<');
        self.out.push_str(name);
    }

    /// Whether arrays stand where the types have them, and hold something.
    fn bracketed(&self, member: &Member<'_>) -> Written {
        for item in [member.value, member.beside].into_iter().flatten() {
            if (item.kind() == Kind::Array) != member.element.array {
                let text = "XML could not tell whether this is an array; the types say the contrary";
                return refuse(item, "should-be-array", text, "mend the brackets");
            }
            if item.kind() == Kind::Array && item.children().next().is_none() {
                return refuse(item, "empty-array", "an array should not be empty", "leave the element out");
            }
        }
        Ok(())
    }

    fn primitives(&mut self, member: &Member<'_>, form: Form) -> Written {
        self.bracketed(member)?;
        if !member.element.array {
            let null = [member.value.filter(|_| member.beside.is_some()), member.beside].into_iter().flatten();
            if let Some(null) = null.into_iter().find(|item| item.kind() == Kind::Null) {
                return refuse(null, "stray-null", "`null` only fills gaps of arrays", "leave the element out");
            }
            return self.primitive(member.name, member.value, member.beside, form);
        }
        let mut values = member.value.into_iter().flat_map(Item::children);
        let mut besides = member.beside.into_iter().flat_map(Item::children);
        loop {
            match (values.next(), besides.next()) {
                (None, None) => return Ok(()),
                (value, beside) => self.primitive(member.name, value, beside, form)?,
            }
        }
    }

    fn primitive(&mut self, name: &str, value: Option<Item<'_>>, beside: Option<Item<'_>>, form: Form) -> Written {
        self.start(name);
        if let Some(value) = value.filter(|v| v.kind() != Kind::Null) {
            self.attribute("value", value, form)?;
        }
        match (beside.filter(|b| b.kind() != Kind::Null), self.model.find("Element")) {
            (Some(beside), Some(element)) if beside.kind() == Kind::Object && beside.children().next().is_some() => {
                self.content(beside, element, name)
            }
            (Some(beside), _) => {
                let text = "what stands beside a value should be an object with something in it";
                refuse(beside, "should-be-object", text, "write it as an object with `id` or `extension`")
            }
            (None, _) => {
                self.out.push_str("/>");
                Ok(())
            }
        }
    }

    /// ` name="value"`. Blanks but the plain one are written as references, since XML would make plain ones of them.
    fn attribute(&mut self, name: &str, value: Item<'_>, form: Form) -> Written {
        let text = value.text();
        let fits = match (form, value.kind()) {
            (Form::Bool, Kind::Bool) => true,
            (Form::Bool, Kind::String) => !matches!(text, "true" | "false"),
            (Form::Number, Kind::Number) => json::is_number(text),
            (Form::Number, Kind::String) => !json::is_number(text),
            (_, kind) => form == Form::Text && kind == Kind::String,
        };
        if !fits {
            let text = "XML would be read as a value of another kind than this";
            return refuse(
                value,
                "wrong-kind",
                text,
                "write strings, numbers and booleans where their types ask for them",
            );
        }
        self.out.push(' ');
        self.out.push_str(name);
        self.out.push_str("=\"");
        for letter in text.chars() {
            match letter {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '"' => self.out.push_str("&quot;"),
                '\t' => self.out.push_str("&#9;"),
                '\n' => self.out.push_str("&#10;"),
                '\r' => self.out.push_str("&#13;"),
                letter if !elements::is_letter(letter) => {
                    let text = "a control character stands here, which XML cannot write";
                    return refuse(value, "xml-character", text, "leave the character out");
                }
                letter => self.out.push(letter),
            }
        }
        self.out.push('"');
        Ok(())
    }

    /// XHTML as it stands; blanks around it are nobody's.
    fn narrative(&mut self, value: Item<'_>) -> Written {
        let text = value.text().trim_matches([' ', '\t', '\r', '\n']);
        let around = format!("<Narrative xmlns=\"{FHIR}\">");
        let whole = format!("{around}{text}</Narrative>");
        let alone = |root: elements::Element| {
            let [div] = root.children.as_slice() else { return false };
            div.name == "div"
                && div.faults.is_empty()
                && div.narrative.as_deref() == Some(text)
                && div.at == around.len()
                && div.end == around.len() + text.len()
        };
        if value.kind() != Kind::String || !elements::parse(&whole, &Limits::default()).is_ok_and(alone) {
            let remedy = "put it in one `<div xmlns=\"http://www.w3.org/1999/xhtml\">`, well formed, without entities";
            return refuse(value, "narrative-form", "a narrative should be one `div` of well-formed XHTML", remedy);
        }
        self.out.push_str(text);
        Ok(())
    }
}
