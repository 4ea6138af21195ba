//! minValue, maxValue and maxLength (R4 §2.4 ElementDefinition).

use crate::pure::fhir::{Item, When};
use crate::pure::fhirpath::converted;
use crate::pure::profile::element::Constant;
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
