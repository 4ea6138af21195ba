//! `resolve()`: the resource that a reference points to, within the record and beyond (R4 §2.3, §2.36.4.1).

use super::Call;
use crate::pure::fhir::{Item, Kind};
use crate::pure::fhirpath::collection::Collection;
use crate::pure::fhirpath::evaluate::{Error, Outcome};
use crate::pure::fhirpath::navigate::{resource_of, root_of};
use crate::pure::fhirpath::value::Value;

/// The resources that references, or texts that are one, point to; nothing for those that lead nowhere.
pub(super) fn resolved<'a>(call: &Call<'_, '_, 'a>, focus: &Collection<'a>) -> Outcome<'a> {
    let mut found = Collection::Empty;
    for value in focus.iter() {
        let (text, from) = match value {
            Value::Element(item, _) if item.kind() == Kind::Object => (item.str_at(&["reference"]), Some(*item)),
            Value::Element(item, _) => (item.str(), Some(*item)),
            Value::String(text) => (Some(text.as_ref()), call.run.focus.item),
            _ => continue,
        };
        let (Some(text), Some(from)) = (text, from) else { continue };
        let target = match within(call, text, from)? {
            None => call.run.context.world.resolve(text, from),
            within => within,
        };
        if let Some(target) = target {
            found.push(Value::Element(target, None));
        }
    }
    Ok(found)
}

/// Looks in the contained resources, then through the entries of the Bundles around.
fn within<'a>(call: &Call<'_, '_, 'a>, text: &str, from: Item<'a>) -> Result<Option<Item<'a>>, Error> {
    let root = call.run.context.root.unwrap_or_else(|| root_of(resource_of(from)));
    let world = call.run.context.world;
    if let Some(id) = text.strip_prefix('#') {
        if id.is_empty() {
            return Ok(Some(root));
        }
        let indexed = world.within(text, root, from);
        return Ok(indexed.unwrap_or_else(|| root.all("contained").find(|c| c.str_at(&["id"]) == Some(id))));
    }
    let mut base = None;
    let mut at = Some(root);
    while let Some(item) = at {
        if item.resource_type() == Some("Bundle") {
            let found = match world.within(text, item, from) {
                Some(indexed) => indexed,
                None => among(call, item, text, base)?,
            };
            if found.is_some() {
                return Ok(found);
            }
        } else if let Some(full) = item.str_at(&["fullUrl"]) {
            base = server(full, item);
        }
        at = item.parent();
    }
    Ok(None)
}

/// The server's part of an entry's `fullUrl`, where that ends with the type and id of its resource.
fn server<'a>(full: &'a str, entry: Item<'a>) -> Option<&'a str> {
    let resource = entry.get("resource")?;
    let rest = full.strip_suffix(resource.str_at(&["id"])?)?.strip_suffix('/')?;
    rest.strip_suffix(resource.resource_type()?)?.strip_suffix('/')
}

/// The entry that a reference means: by its `fullUrl`, on the same server for a relative one, else by type and id.
fn among<'a>(
    call: &Call<'_, '_, 'a>,
    bundle: Item<'a>,
    text: &str,
    base: Option<&str>,
) -> Result<Option<Item<'a>>, Error> {
    let (plain, version) =
        text.split_once("/_history/").map_or((text, None), |(plain, version)| (plain, Some(version)));
    let named = plain.split_once('/');
    let mut namesake = None;
    for entry in bundle.all("entry") {
        call.run.tick(1)?;
        let Some(resource) = entry.get("resource") else { continue };
        if version.is_some_and(|version| resource.str_at(&["meta", "versionId"]) != Some(version)) {
            continue;
        }
        let full = entry.str_at(&["fullUrl"]);
        let on_server = |full: &str| {
            let rest = base.and_then(|base| full.strip_prefix(base)).and_then(|rest| rest.strip_prefix('/'));
            rest == Some(plain)
        };
        if full.is_some_and(|full| full == plain || on_server(full)) {
            return Ok(Some(resource));
        }
        let same =
            |(name, id): (&str, &str)| resource.str_at(&["id"]) == Some(id) && resource.resource_type() == Some(name);
        if namesake.is_none() && named.is_some_and(same) {
            namesake = Some(resource);
        }
    }
    Ok(namesake)
}
