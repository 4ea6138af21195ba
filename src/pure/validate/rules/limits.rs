//! minValue, maxValue and maxLength (R4 §2.4 ElementDefinition).

use crate::pure::fhir::{Item, Kind, When};
use crate::pure::fhirpath::converted;
use crate::pure::profile::element::{Constant, Demands};
use crate::pure::validate::walk::{By, Walk};
use std::cmp::Ordering;

impl<'a> Walk<'a> {
    /// Holds a value to the least, the most and the longest.
    pub(in crate::pure::validate) fn limits(&mut self, item: Item<'a>, by: By<'a>) {
        let node = by.node;
        if let Some(least) = &node.min_value
            && compare(item, least) == Some(Ordering::Less)
        {
            let text = format!("`{}` should not be less than the least that is allowed", node.id);
            self.error("value", "below-minimum", item, Some(by), text, "send a value within the limits");
        }
        if let Some(most) = &node.max_value
            && compare(item, most) == Some(Ordering::Greater)
        {
            let text = format!("`{}` should not be more than the most that is allowed", node.id);
            self.error("value", "above-maximum", item, Some(by), text, "send a value within the limits");
        }
        if let Some(longest) = node.max_length
            && item.text().chars().count() > longest as usize
        {
            let text = format!("`{}` should have {longest} characters at most", node.id);
            self.error("too-long", "too-long", item, Some(by), text, "shorten it");
        }
    }
}

impl<'a> Walk<'a> {
    /// What a profile asks of a value by extensions: that it be there, or something in its place, and its shortest form.
    pub(in crate::pure::validate) fn demands(&mut self, item: Item<'a>, demands: &Demands, by: By<'a>) {
        // of a primitive that has extensions alone, the object that holds them is found
        let is_absent = item.kind() == Kind::Object && is_beside(item);
        if is_absent && demands.has_value {
            let text = format!("`{}` should have a value, and not only extensions", by.node.id);
            self.error("required", "value-missing", item, Some(by), text, "send the value");
        }
        let is_told = |url: &str| item.all("extension").any(|e| e.str_at(&["url"]) == Some(url));
        if is_absent && !demands.instead.is_empty() && !demands.instead.iter().any(|url| is_told(url)) {
            let text = format!("`{}` has neither a value nor the extension that may stand in its place", by.node.id);
            let remedy = "send the value, or say with that extension why it is absent";
            self.error("required", "value-missing", item, Some(by), text, remedy);
        }
        if let Some(shortest) = demands.min_length
            && item.kind() == Kind::String
            && item.text().chars().count() < shortest as usize
        {
            let text = format!("`{}` should have {shortest} characters at least", by.node.id);
            self.error("value", "too-short", item, Some(by), text, "send the whole text");
        }
    }
}

/// Whether an object stands beside a primitive: `_birthDate`.
fn is_beside(item: Item<'_>) -> bool {
    item.key().starts_with('_') || item.parent().is_some_and(|p| p.kind() == Kind::Array && p.key().starts_with('_'))
}

fn compare(item: Item<'_>, limit: &Constant) -> Option<Ordering> {
    let root = limit.tree.root();
    match &*limit.type_name {
        "Quantity" => {
            let unit = |q: Item<'_>| q.str_at(&["code"]).map(str::to_owned);
            let value = item.get("value")?.text().parse::<f64>().ok()?;
            let most = root.get("value")?.text().parse::<f64>().ok()?;
            if unit(item) == unit(root) {
                return value.partial_cmp(&most);
            }
            converted(value, &unit(item)?, &unit(root)?)?.partial_cmp(&most)
        }
        "Date" | "DateTime" | "Instant" | "date" | "dateTime" | "instant" => {
            let (mine, theirs) = (When::date_time(item.text())?, When::date_time(root.text())?);
            Some(mine.earliest().cmp(&theirs.earliest()))
        }
        "Time" | "time" => Some(item.text().cmp(root.text())),
        _ => item.text().parse::<f64>().ok()?.partial_cmp(&root.text().parse::<f64>().ok()?),
    }
}
