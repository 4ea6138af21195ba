//! Extensions (R4 §2.4.0): known or not, allowed at this place or not, held to their own definition.

use crate::pure::fhir::{Item, Severity};
use crate::pure::fhirpath::{Expression, Focus, Value};
use crate::pure::profile::node::{Check, NodeIndex, Profile};
use crate::pure::profile::primitive::is_absolute;
use crate::pure::validate::walk::{By, Walk};

impl<'a> Walk<'a> {
    /// One extension, standing in `holder` (the element it extends).
    pub(in crate::pure::validate) fn extension(&mut self, holder: Item<'a>, item: Item<'a>, by: By<'a>) {
        let has_value = item.children().any(|c| c.key().trim_start_matches('_').starts_with("value"));
        let has_parts = item.get("extension").is_some();
        if has_value == has_parts {
            let text = "an extension should have a value or extensions, and not both (ext-1)".to_owned();
            self.error("invariant", "extension-value-and-parts", item, Some(by), text, "keep one of the two");
        }
        let Some(url) = item.get("url").and_then(Item::str) else { return };
        if url.is_empty() {
            let text = "an extension without a url has no meaning".to_owned();
            self.error("invalid", "extension-without-url", item, Some(by), text, "name the extension's definition");
            return;
        }
        let is_part = holder.get("url").is_some() && is_extension(holder);
        if !is_absolute(url) {
            if is_part {
                self.extension_part(holder, item, url);
            } else {
                let text = "the url of an extension should be absolute".to_owned();
                self.error("invalid", "relative-extension-url", item, Some(by), text, "write the whole url");
            }
            return;
        }
        let is_modifier = &*by.node.name == "modifierExtension";
        match self.definitions.profile(url) {
            Some(profile) if &*profile.type_name == "Extension" => {
                self.extension_place(holder, profile);
                if !url.contains('|') {
                    self.overlay(item, profile, 0);
                } else if let Some(url) = item.get("url") {
                    let text = "the url of an extension is that of its definition, without a version".to_owned();
                    self.error(
                        "value",
                        "versioned-extension-url",
                        url,
                        Some(by),
                        text,
                        "leave `|` and the version out",
                    );
                }
            }
            _ if is_modifier => {
                let text =
                    "a modifier extension that is not known here changes the meaning of what holds it".to_owned();
                let remedy = "load the package that defines it, or agree with the receiver to leave it out";
                let severity = match self.options.refuse_unknown_modifiers {
                    true => Severity::Error,
                    false => self.unknown(url, Severity::Warning),
                };
                self.find(severity, "extension", "unknown-modifier-extension", item, Some(by), text, remedy);
            }
            _ => {
                let text = "the extension is not known here, so its content was not checked".to_owned();
                let remedy = "load the package that defines it";
                self.find(
                    self.unknown(url, Severity::Information),
                    "extension",
                    "unknown-extension",
                    item,
                    Some(by),
                    text,
                    remedy,
                );
            }
        }
    }

    /// How bad an extension is that nobody here knows. Never refused are those of domains that may be extended from, of
    /// example domains (where they are wanted), of DICOM, of HL7's package of extensions and of its other versions: those
    /// exist, and are only not loaded. What an implementation guide defines comes with its package.
    fn unknown(&self, url: &str, usual: Severity) -> Severity {
        let is_example = !self.options.refuse_examples && (url.contains("example.org") || url.contains("acme.com"));
        let is_of_hl7 = url.strip_prefix("http://hl7.org/fhir/").is_some_and(|rest| {
            let space = rest.split('/').next().unwrap_or_default();
            matches!(space, "StructureDefinition" | "tools") || space.starts_with(|c: char| c.is_ascii_digit())
        });
        let is_agreed = self.options.extension_domains.iter().any(|domain| url.starts_with(domain.as_str()));
        let is_free = is_example || is_of_hl7 || is_agreed || url.contains("nema.org");
        if self.options.refuse_unknown_extensions && !is_free { Severity::Error } else { usual }
    }

    /// A part of an extension, named by a relative url, is one that the extension's definition has.
    fn extension_part(&mut self, holder: Item<'a>, item: Item<'a>, url: &str) {
        let Some(profile) = holder.str_at(&["url"]).and_then(|u| self.definitions.profile(u)) else { return };
        let Some(kids) = &profile.nodes[0].kids else { return };
        let parts = kids.nodes.iter().map(|k| &profile.nodes[*k as usize]).find(|n| &*n.name == "extension");
        let Some((_, slices)) = parts.and_then(|p| p.slicing.as_ref()) else { return };
        let urls: Vec<Option<&str>> = slices.iter().map(|(_, slice)| fixed_url(profile, *slice)).collect();
        if urls.iter().all(Option::is_some) && !urls.contains(&Some(url)) {
            let text = "the extension has no part of this url".to_owned();
            let by = Some(By::new(profile, 0));
            self.error("invalid", "unknown-extension-part", item, by, text, "use one of its parts");
        }
    }

    /// Whether the extension may stand here.
    fn extension_place(&mut self, holder: Item<'a>, profile: &'a Profile) {
        let allowed = profile.contexts.is_empty()
            || profile.contexts.iter().any(|(kind, expression)| self.is_context(holder, kind, expression))
            || self.is_known_place(holder, profile);
        if !allowed {
            let places: Vec<&str> = profile.contexts.iter().map(|(_, e)| &**e).collect();
            let text = format!("the extension `{}` may not stand here, only on {}", profile.url, places.join(", "));
            let by = Some(By::new(profile, 0));
            self.error("structure", "extension-not-allowed-here", holder, by, text, "move it, or leave it out");
        }
        for rule in &profile.context_invariants {
            if let Check::Expression(expression) = &rule.check
                && let Ok(false) = expression.check(&self.context(), Focus::from(holder))
            {
                let text = format!("what holds the extension `{}` does not meet the condition for it", profile.url);
                let by = Some(By::new(profile, 0));
                self.error("structure", "extension-not-allowed-here", holder, by, text, "leave the extension out");
            }
        }
    }

    /// Places that R4's own definitions use although they name others: HL7 mended the contexts of these extensions later.
    /// An ElementDefinition's examples, patterns and fixed values hold extensions of whatever they are examples of.
    fn is_known_place(&self, holder: Item<'a>, profile: &'a Profile) -> bool {
        let Some(name) = profile.url.strip_prefix("http://hl7.org/fhir/StructureDefinition/") else { return false };
        match name {
            "structuredefinition-fhir-type" | "regex" => self.is_context(holder, "element", "ElementDefinition.type"),
            "structuredefinition-normative-version"
            | "capabilitystatement-expectation"
            | "capabilitystatement-prohibited" => true,
            _ => {
                let (paths, _) = self.names_of(holder);
                let of_values =
                    ["ElementDefinition.example.value", "ElementDefinition.pattern", "ElementDefinition.fixed"];
                paths.iter().any(|path| of_values.iter().any(|value| path.starts_with(value)))
            }
        }
    }

    fn is_context(&self, holder: Item<'a>, kind: &str, expression: &str) -> bool {
        match kind {
            // on the extension itself, or on its value
            "extension" => [Some(holder), holder.parent()]
                .into_iter()
                .flatten()
                .any(|item| is_extension(item) && item.str_at(&["url"]) == Some(expression)),
            "fhirpath" => self.is_found(holder, expression),
            _ => {
                if matches!(expression, "Element" | "*") {
                    return true;
                }
                let (paths, types) = self.names_of(holder);
                let bare = expression.rsplit_once('#').map_or(expression, |(_, path)| path);
                let bare = bare.split(':').next().unwrap_or(bare);
                let is_path = |path: &String| {
                    path == bare
                        || match (path.split_once('.'), bare.split_once('.')) {
                            (Some((mine, rest)), Some((theirs, same))) => rest == same && self.is_type(mine, theirs),
                            _ => false,
                        }
                };
                paths.iter().any(is_path)
                    || types.iter().any(|t| self.is_type(t, bare))
                    || (bare == "CanonicalResource" && paths.len() == 1)
            }
        }
    }

    /// Whether an expression, evaluated on the resource, finds the element that holds the extension.
    fn is_found(&self, holder: Item<'a>, expression: &str) -> bool {
        let Ok(expression) = Expression::compile(expression) else { return true };
        match expression.evaluate(&self.context(), Focus::from(self.resource)) {
            Ok(values) => values.iter().any(|v| matches!(v, Value::Element(item, _) if *item == holder)),
            Err(_) => true,
        }
    }

    /// What an element is called: its paths (from its resource and from its datatypes), and its types.
    fn names_of(&self, holder: Item<'a>) -> (Vec<String>, Vec<String>) {
        let mut up = Vec::new();
        let mut at = holder;
        while at.resource_type().is_none() {
            if !at.key().is_empty() {
                up.push(at.key().trim_start_matches('_'));
            }
            match at.parent() {
                Some(parent) => at = parent,
                None => break,
            }
        }
        let resource = at.resource_type().unwrap_or_default();
        let mut paths = vec![resource.to_owned()];
        let mut types = vec![resource.to_owned()];
        let Some(mut profile) = self.definitions.type_profile(resource) else { return (paths, types) };
        let mut node = 0;
        for key in up.iter().rev() {
            let owner = &profile.nodes[node as usize];
            let kids = match (&owner.kids, owner.shared) {
                (Some(kids), _) => kids,
                (None, Some(shared)) => match &profile.nodes[shared as usize].kids {
                    Some(kids) => kids,
                    None => break,
                },
                _ => break,
            };
            let Some((kid, which)) = kids.find(key) else { break };
            node = kids.nodes[usize::from(kid)];
            let found = &profile.nodes[node as usize];
            for path in &mut paths {
                path.push('.');
                path.push_str(&found.name);
                if found.is_choice {
                    path.push_str("[x]");
                }
            }
            if let Some(shared) = found.shared {
                paths = vec![profile.nodes[shared as usize].id.to_string()];
            }
            if found.kids.is_some() || found.shared.is_some() {
                types = found.types.first().map(|t| t.code.to_string()).into_iter().collect();
                continue;
            }
            let Some(of) = found.types.get(usize::from(which)) else { break };
            types = vec![of.code.to_string()];
            paths.push(of.code.to_string());
            match of.structure.and_then(|s| self.definitions.profile_at(s)) {
                Some(inner) => (profile, node) = (inner, 0),
                None => break,
            }
        }
        (paths, types)
    }
}

/// The url that a slice of extensions fixes.
fn fixed_url(profile: &Profile, slice: NodeIndex) -> Option<&str> {
    let node = &profile.nodes[slice as usize];
    let kids = node.kids.as_ref().into_iter().flat_map(|k| &k.nodes);
    let url = kids.map(|k| &profile.nodes[*k as usize]).find(|n| &*n.name == "url");
    match url.and_then(|u| u.fixed.as_ref()) {
        Some(fixed) => Some(fixed.tree.root().text()),
        None => node.types.first().and_then(|t| t.profiles.first()).map(|p| &**p),
    }
}

fn is_extension(item: Item<'_>) -> bool {
    let name = item.parent().map(Item::key).unwrap_or_default();
    matches!(name, "extension" | "modifierExtension")
}
