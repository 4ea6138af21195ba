//! One field at a time: what FHIR says, compared with what the base says in other words.

use super::super::convert::Fault;
use super::super::data::Data;
use super::super::mapping::{Block, From, LocalPath, RefHow, Row};
use super::super::out::condition_holds;
use super::super::path::{all_hold, read, split_loop};
use super::{Run, Spot, list_of, references};
use crate::pure::fhir::{Issue, Item, Kind};
use crate::pure::parse::Syntax;

/// A local field on its way: the row that reads it, and what it found.
struct Target<'m> {
    row: &'m Row,
    path: &'m LocalPath,
    value: Option<(String, Kind)>,
    required: bool,
    broken: bool,
}

impl<'m, 't> Run<'m, 't> {
    /// Writes the fields and loops of a block. `from` is the FHIR element; none where it is gone.
    pub(super) fn block(&mut self, block: &'m Block, from: Option<Item<'t>>, resource: Item<'t>, stack: &[Spot<'t>]) {
        let mut targets: Vec<Target<'m>> = Vec::new();
        for row in block.rows.iter().filter(|r| r.way.comes_in()) {
            let From::Local(path) = &row.from else { continue };
            if from.is_some() && !self.row_reads(row, resource) {
                continue;
            }
            self.gather(row, path, from, &mut targets);
        }
        for target in targets {
            if target.value.is_none() && target.required && !target.broken && from.is_some() {
                self.missing(&target, from.unwrap_or(resource));
            }
            if !target.broken {
                self.assign(&target, from.is_some(), stack);
            }
        }
        for one in &block.loops {
            if super::lists::comes_in(&one.block) {
                self.list(one, from, resource, stack);
            }
        }
    }

    /// The first row of a field that finds something has it; a fallback only where no other did.
    fn gather(&mut self, row: &'m Row, path: &'m LocalPath, from: Option<Item<'t>>, targets: &mut Vec<Target<'m>>) {
        let known = targets.iter().position(|t| t.path.text == path.text && t.path.level == path.level);
        if known.is_some_and(|k| targets[k].value.is_some()) {
            return;
        }
        let (mut value, mut broken) = (None, false);
        match from.map_or(Ok(None), |f| read_row(row, f)) {
            Ok(found) => value = found,
            Err((fault, item)) => {
                broken = true;
                self.untranslatable(row, item, fault);
            }
        }
        match known {
            Some(known) if value.is_some() => {
                let required = targets[known].required || row.required_in;
                targets[known] = Target { row, path, value, required, broken: false };
            }
            Some(known) => {
                targets[known].required |= row.required_in;
                targets[known].broken |= broken;
            }
            None => targets.push(Target { row, path, value, required: row.required_in, broken }),
        }
    }

    fn assign(&mut self, target: &Target<'m>, present: bool, stack: &[Spot<'t>]) {
        let Target { row, path, value, .. } = target;
        let Some(spot) = stack.get(path.level) else { return };
        let tables = matches!(self.mapping.syntax, Syntax::CsvZip(_));
        if !present && self.filled.contains(&path.text) {
            return;
        }
        if value.is_some() {
            self.filled.insert(path.text.clone());
        }
        let was = spot.base.is_some() && {
            let items: Vec<Item<'_>> = stack.iter().filter_map(|s| s.base).collect();
            items.len() == stack.len() && row.conditions.iter().all(|c| condition_holds(c, &items))
        };
        let partial = self.partial;
        let node = self.doc.at(&spot.address);
        if let Some((separator, list)) = &row.join {
            join(node, list, separator, value.as_ref().map(|(text, _)| text.as_str()), was && !partial);
            return;
        }
        let now = node.look(&path.steps).and_then(Data::text).map(|(text, kind)| (text.to_owned(), kind));
        let means = now.as_ref().and_then(|(text, kind)| canonical(row, text, *kind));
        match value {
            Some((text, _)) if means.as_ref() == Some(text) => {}
            Some((text, fhir)) => {
                let usual = if tables { Kind::String } else { row.convert.local_kind(*fhir) };
                let before = now.map(|(_, kind)| kind).filter(|_| row.local_kind.is_none());
                let kind = fitting(row.local_kind.or(before).unwrap_or(usual), text);
                *node.follow(&path.steps) = Data::Plain(kind, text.clone());
            }
            None if means.is_some() && was && !partial => *node.follow(&path.steps) = Data::Nothing,
            None => {}
        }
    }

    /// Fields that hold the key of another item.
    pub(super) fn refs_by(&mut self, kind: usize, item: Item<'t>, stack: &[Spot<'t>]) {
        let mapping = self.mapping;
        for reference in &mapping.kinds[kind].refs {
            let RefHow::By { from, list } = &reference.how else { continue };
            let Some(spot) = stack.get(from.level) else { continue };
            let texts = references(item, &reference.path);
            let mut keys: Vec<String> = Vec::new();
            for text in &texts {
                let found = self.resolve(text).filter(|(target, _)| reference.to.contains(target));
                match found.and_then(|(target, at)| self.found[target][at].key.last().cloned()) {
                    Some(key) => keys.push(key),
                    None => {
                        let at = read(item, &reference.path).unwrap_or(item);
                        self.loss.lose(
                            at,
                            "it refers to nothing that the local record holds",
                            Some(mapping.rule(reference.line)),
                            false,
                        );
                    }
                }
            }
            let partial = self.partial || keys.len() < texts.len();
            let node = self.doc.at(&spot.address);
            match list {
                Some(list) => {
                    let plain = |key: String| Data::Plain(Kind::String, key);
                    let at = node.follow(list);
                    let had = if let Data::List(items) = &*at {
                        items.iter().filter_map(Data::text).map(|(t, _)| t.to_owned()).collect()
                    } else {
                        Vec::new()
                    };
                    if had != keys && !(partial && keys.is_empty()) {
                        *at = if keys.is_empty() {
                            Data::Nothing
                        } else {
                            Data::List(keys.into_iter().map(plain).collect())
                        };
                    }
                }
                None => {
                    let now = node.look(&from.steps).and_then(Data::text).map(|(text, _)| text.trim().to_owned());
                    match keys.first() {
                        Some(key) if now.as_ref() != Some(key) => {
                            *node.follow(&from.steps) = Data::Plain(Kind::String, key.clone())
                        }
                        None if now.is_some() && !partial => *node.follow(&from.steps) = Data::Nothing,
                        _ => {}
                    }
                }
            }
        }
    }

    fn missing(&mut self, target: &Target<'_>, near: Item<'_>) {
        let element = super::super::path::general(&target.row.fhir);
        let text = format!("`{element}` is missing, and the local format cannot do without it");
        let issue = Issue::error("required", "element-missing", text).on(near);
        self.report.push(issue.rule(self.mapping.rule(target.row.spot.line)).remedy("send it"));
    }

    fn untranslatable(&mut self, row: &Row, item: Item<'_>, fault: Fault) {
        let name = named(item);
        let text = format!("`{name}` {}", fault.text);
        let rule = self.mapping.rule(row.spot.line);
        let issue = match row.required_in {
            true => Issue::error(fault.code, fault.id, text.clone()),
            false => Issue::warning(fault.code, fault.id, text.clone()),
        };
        self.report.push(issue.on(item).rule(rule.clone()).remedy(fault.remedy));
        self.loss.lose(item, &format!("it {}", fault.text), Some(rule), false);
    }
}

fn named(item: Item<'_>) -> &str {
    let mut at = item;
    while at.key().is_empty() {
        match at.parent() {
            Some(parent) => at = parent,
            None => break,
        }
    }
    at.key()
}

/// What a row reads from a FHIR element, as canonical local text.
pub(super) fn read_row<'t>(row: &Row, from: Item<'t>) -> Result<Option<(String, Kind)>, (Fault, Item<'t>)> {
    if let Some((separator, list, tests)) = &row.split {
        let items = list_of(from, list).into_iter().flat_map(Item::each).filter(|i| all_hold(tests, *i));
        let mut parts = Vec::new();
        for item in items {
            let Some(found) = read(item, &row.fhir) else { continue };
            parts.extend(row.convert.back(found).map_err(|fault| (fault, found))?);
        }
        return Ok(if parts.is_empty() { None } else { Some((parts.join(separator), Kind::String)) });
    }
    let Some(found) = read(from, &row.fhir) else { return Ok(None) };
    let text = row.convert.back(found).map_err(|fault| (fault, found))?;
    Ok(text.map(|text| (text, found.kind())))
}

/// The canonical form of what stands in the local record.
pub(super) fn canonical(row: &Row, text: &str, kind: Kind) -> Option<String> {
    let Some((separator, ..)) = &row.split else { return row.convert.canonical(text, kind) };
    let parts = text.split(separator.as_str()).map(str::trim).filter(|p| !p.is_empty());
    let parts: Vec<String> = parts.filter_map(|p| row.convert.canonical(p, Kind::String)).collect();
    if parts.is_empty() { None } else { Some(parts.join(separator)) }
}

/// The kind, or text where the words do not fit it.
pub(super) fn fitting(kind: Kind, text: &str) -> Kind {
    match kind {
        Kind::Bool if !matches!(text, "true" | "false") => Kind::String,
        Kind::Number if serde_json::from_str::<serde_json::Number>(text).is_err() => Kind::String,
        kind => kind,
    }
}

fn join(node: &mut Data, list: &[super::super::path::Step], separator: &str, text: Option<&str>, may_go: bool) {
    let Some((to_list, _)) = split_loop(list) else { return };
    let at = node.follow(to_list);
    let had: Vec<&str> = if let Data::List(items) = &*at {
        items.iter().filter_map(Data::text).map(|(t, _)| t).collect()
    } else {
        Vec::new()
    };
    match text {
        Some(text) if had.join(separator) == text => {}
        Some(text) => {
            let parts = text.split(separator).map(|p| Data::Plain(Kind::String, p.to_owned()));
            *at = Data::List(parts.collect());
        }
        None if may_go => *at = Data::Nothing,
        None => {}
    }
}
