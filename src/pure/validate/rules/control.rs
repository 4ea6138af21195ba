//! Rules that a profile puts on an element by extensions of HL7's: the form, decimal places and size of a value, and what a
//! narrative is made of (extensions regex, maxDecimalPlaces, maxSize, narrative-source-control, narrative-language-control).

use super::attachment;
use crate::pure::fhir::{Item, Kind, Severity};
use crate::pure::profile::control::Controls;
use crate::pure::validate::walk::{By, Walk};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use std::collections::HashSet;

impl<'a> Walk<'a> {
    /// Holds a value to what extensions on its definition ask.
    pub(in crate::pure::validate) fn controls(&mut self, item: Item<'a>, controls: &'a Controls, by: By<'a>) {
        // of a primitive without a value, the object beside it stands for it: it has no `div`
        if item.is_container() {
            self.narrative_parts(item, controls, by);
        } else {
            self.value_form(item, controls, by);
        }
    }

    fn value_form(&mut self, item: Item<'a>, controls: &'a Controls, by: By<'a>) {
        let words = item.text();
        let places = words.split_once('.').map_or(0, |(_, rest)| rest.len());
        let mut wrong = |id: &'static str, text: String| {
            self.error("value", id, item, Some(by), text, "send a value of the form the profile asks for");
        };
        if let Some(most) = controls.max_places.filter(|most| item.kind() == Kind::Number && places > *most) {
            wrong("too-precise", format!("`{}` should have {most} decimal places at most", by.node.id));
        }
        if let Some(most) = controls.max_size.filter(|most| attachment::size(words) > *most) {
            wrong("too-long", format!("`{}` should have {most} bytes at most", by.node.id));
        }
        match controls.form.as_ref().map(|f| f.expression.as_ref()) {
            Some(Some(expression)) if !expression.is_match(words) => {
                wrong("wrong-form", format!("`{}` should have the form that its definition asks for", by.node.id));
            }
            Some(None) => self.report.not_checked("the form of a value", "its regular expression cannot be read here"),
            _ => {}
        }
    }

    /// What a narrative is made of: where each part comes from, and sections by language.
    fn narrative_parts(&mut self, item: Item<'a>, controls: &'a Controls, by: By<'a>) {
        if controls.narrative_source.is_none() && controls.narrative_languages.is_empty() {
            return;
        }
        let Some(div) = item.str_at(&["div"]) else { return };
        let parts = parts(div);
        if let (Some(severity), true) = (controls.narrative_source, parts.has_part_without_source) {
            let text =
                "a part of the narrative does not say whether it is generated, boilerplate or original".to_owned();
            let remedy = "give each part of the `div` one of these as its class";
            self.find(severity, "business-rule", "narrative-source", item, Some(by), text, remedy);
        }
        let own = self.resource.str_at(&["language"]);
        for wanted in &controls.narrative_languages {
            let (holds, severity) = match &**wanted {
                "_no" => (parts.languages.is_empty(), Severity::Error),
                "_yes" => (!parts.languages.is_empty(), Severity::Error),
                // without sections, or without a language to look for, nothing is refused
                "_resource" => match own {
                    Some(own) if !parts.languages.is_empty() => (parts.languages.contains(own), Severity::Error),
                    _ => (false, Severity::Warning),
                },
                tag if parts.languages.is_empty() => (tag.is_empty(), Severity::Warning),
                tag => (parts.languages.contains(tag), Severity::Error),
            };
            if !holds {
                let text =
                    "the sections of the narrative are not in the languages that the profile asks for".to_owned();
                let remedy = "give the `div` a section, with `xml:lang`, for each language asked for, and for no other";
                self.find(severity, "business-rule", "narrative-language", item, Some(by), text, remedy);
            }
        }
    }
}

#[derive(Default)]
struct Parts {
    languages: HashSet<String>,
    has_part_without_source: bool,
}

/// The parts of a narrative: what stands right below its `div`.
fn parts(html: &str) -> Parts {
    let mut parts = Parts::default();
    let mut reader = Reader::from_str(html.trim());
    let mut depth = 0usize;
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag)) => {
                if depth == 1 {
                    part(&tag, &mut parts);
                }
                depth += 1;
            }
            Ok(Event::End(_)) => depth = depth.saturating_sub(1),
            Ok(Event::Text(words)) if depth == 1 && !words.trim().is_empty() => parts.has_part_without_source = true,
            // what is wrong with the form of a narrative is told elsewhere
            Ok(Event::Eof) | Err(_) => return parts,
            Ok(_) => {}
        }
    }
}

fn part(tag: &BytesStart<'_>, parts: &mut Parts) {
    let mut has_source = false;
    for attribute in tag.attributes().flatten() {
        match attribute.key.as_ref() {
            "class" => {
                let mut classes = attribute.value.split_whitespace();
                has_source |= classes.any(|class| matches!(class, "generated" | "boilerplate" | "original"));
            }
            "xml:lang" if tag.name().as_ref() == "div" => {
                parts.languages.insert(attribute.value.to_string());
            }
            _ => {}
        }
    }
    parts.has_part_without_source |= !has_source;
}

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn the_parts_of_a_narrative_are_what_stands_right_below_its_div() {
        let two =
            parts("<div><div xml:lang=\"en\" class=\"generated\">a<p>b</p></div> <div xml:lang=\"cy\">c</div></div>");
        assert!(two.languages.contains("en") && two.languages.contains("cy") && two.has_part_without_source);
        assert!(parts("<div>words</div>").has_part_without_source);
        assert!(!parts("<div><p class=\"x original\">words</p></div>").has_part_without_source);
    }
}
