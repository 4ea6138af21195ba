//! Extensions (R4 §2.4.0): known or not, allowed at this place or not, held to their own definition.

use crate::pure::fhir::{Item, Severity};
use crate::pure::fhirpath::Focus;
use crate::pure::profile::node::{Check, Profile};
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
        let Some(url) = item.get("url").and_then(Item::str).filter(|u| !u.is_empty()) else { return };
        let is_part = holder.get("url").is_some() && is_extension(holder);
        if !url.contains(':') {
            if !is_part {
                let text = "the url of an extension should be absolute".to_owned();
                self.error("invalid", "relative-extension-url", item, Some(by), text, "write the whole url");
            }
            return;
        }
        let is_modifier = &*by.node.name == "modifierExtension";
        match self.definitions.profile(url) {
            Some(profile) if &*profile.type_name == "Extension" => {
                self.extension_place(holder, item, profile);
                if !url.contains('|') {
                    self.overlay(item, profile, 0);
                }
            }
            _ if is_modifier => {
                let text =
                    "a modifier extension that is not known here changes the meaning of what holds it".to_owned();
                let remedy = "load the package that defines it, or agree with the receiver to leave it out";
                self.error("extension", "unknown-modifier-extension", item, Some(by), text, remedy);
            }
            _ => {
                let text = "the extension is not known here, so its content was not checked".to_owned();
                let remedy = "load the package that defines it";
                self.find(Severity::Information, "informational", "unknown-extension", item, Some(by), text, remedy);
            }
        }
    }

    /// Whether the extension may stand here.
    fn extension_place(&mut self, holder: Item<'a>, item: Item<'a>, profile: &'a Profile) {
        let allowed = profile.contexts.is_empty()
            || profile.contexts.iter().any(|(kind, expression)| self.is_context(holder, kind, expression));
        if !allowed {
            let places: Vec<&str> = profile.contexts.iter().map(|(_, e)| &**e).collect();
            let text = format!("the extension may not stand here, only on {}", places.join(", "));
            let by = Some(By::new(profile, 0));
            self.error("structure", "extension-not-allowed-here", item, by, text, "move it, or leave it out");
        }
        for rule in &profile.context_invariants {
            if let Check::Expression(expression) = &rule.check
                && let Ok(false) = expression.check(&self.context(), Focus::from(holder))
            {
                let text = "what holds the extension does not meet the condition for it".to_owned();
                let by = Some(By::new(profile, 0));
                self.error("structure", "extension-not-allowed-here", item, by, text, "leave the extension out");
            }
        }
    }

    fn is_context(&self, holder: Item<'a>, kind: &str, expression: &str) -> bool {
        match kind {
            "extension" => is_extension(holder) && holder.str_at(&["url"]) == Some(expression),
            "fhirpath" => true,
            _ => {
                if matches!(expression, "Element" | "*") {
                    return !self.is_resource(holder);
                }
                let (paths, types) = self.names_of(holder);
                let bare = expression.rsplit_once('#').map_or(expression, |(_, path)| path);
                let bare = bare.split(':').next().unwrap_or(bare);
                paths.iter().any(|p| p == bare)
                    || types.iter().any(|t| self.is_type(t, bare))
                    || (bare == "CanonicalResource" && paths.len() == 1)
            }
        }
    }

    fn is_resource(&self, item: Item<'a>) -> bool {
        item.resource_type().is_some()
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

fn is_extension(item: Item<'_>) -> bool {
    let name = item.parent().map(Item::key).unwrap_or_default();
    matches!(name, "extension" | "modifierExtension")
}
