//! The resources of a mapping: what each is made from, what names it, what it refers to.

use super::super::loss::{Cover, Fate};
use super::super::mapping::{Block, Condition, Key, LocalLoop, Must, Ref, RefHow, ResourceKind};
use super::super::path::{self, Select, Step};
use super::super::put::literal_kind;
use super::super::raw::{Ordered, RawKind, Spot};
use super::{Bound, Compiler, plain_text, strings, tables};
use serde_json::Value;
use serde_saphyr::Spanned;

/// Where our own profiles live.
const PROFILES: &str = "https://sharewell.example/fhir/StructureDefinition/sharewell-";

impl Compiler<'_> {
    pub(super) fn kind(&mut self, name: &Spanned<String>, raw: &RawKind) {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.value == "bundle" || name.value.len() > 30 || !name.value.chars().all(plain) {
            let remedy = "use lower case letters, digits and `-`, at most 30, and not `bundle`";
            self.wrong(name, "resource-name", format!("`{}` cannot be the name of a resource", name.value), remedy);
        }
        let (each, bound) = self.each(raw);
        let key = self.kind_key(name, raw, &each, &bound);
        let conditions = self.conditions(&raw.conditions, &bound);
        let mut cover = Cover::default();
        for key in ["resourceType", "id", "meta", "text", "implicitRules", "language"] {
            let step = Step { name: key.to_owned(), select: Select::One, tests: Vec::new() };
            cover.add(&[step], &Fate::Read);
        }
        let fixed = self.fixed(&raw.fixed, &mut cover);
        let is = self.is(&raw.is, &mut cover);
        let profile = raw.profile.as_ref().map(|p| match p.contains(':') {
            true => self.expand(p),
            false => format!("{PROFILES}{p}"),
        });
        let kind = ResourceKind {
            name: name.value.clone(),
            resource: raw.resource.value.clone(),
            profile,
            line: Spot::from(name).line,
            each,
            key,
            conditions,
            is,
            fixed,
            refs: Vec::new(),
            when_out: self.expression(raw.when_out.as_ref()),
            when_in: self.expression(raw.when_in.as_ref()),
            way: self.way(raw.only.as_ref()),
            required: raw.required,
            block: Block::default(),
        };
        self.kinds.push(kind);
        self.bound.push(bound);
        self.fhir_cover.push(cover);
    }

    fn each(&mut self, raw: &RawKind) -> (Vec<LocalLoop>, Vec<Bound>) {
        let Some(each) = &raw.each else { return (Vec::new(), Vec::new()) };
        let Some(path) = self.path(each, &each.value) else { return (Vec::new(), Vec::new()) };
        if path.last().is_none_or(|s| s.select != Select::Each) {
            self.wrong(
                each,
                "not-a-list",
                format!("`{}` is not a loop", each.value),
                "end it with `[]`, and a filter if need be",
            );
            return (Vec::new(), Vec::new());
        }
        let bound = tables::bound_of(&path);
        (self.loops(&path), bound)
    }

    /// The loops of a path that starts at the record.
    fn loops(&mut self, path: &[Step]) -> Vec<LocalLoop> {
        let mut loops = Vec::new();
        let mut from = 0;
        for (index, step) in path.iter().enumerate() {
            if step.select == Select::Each {
                let list = self.list(&path::general(&path[..=index]));
                let steps = path[from..=index].to_vec();
                loops.push(LocalLoop { level: loops.len(), steps, tests: step.tests.clone(), list });
                from = index + 1;
            }
        }
        loops
    }

    fn kind_key(&mut self, name: &Spanned<String>, raw: &RawKind, each: &[LocalLoop], bound: &[Bound]) -> Vec<Key> {
        let names = raw.key.as_ref().and_then(strings);
        if raw.key.is_some() && names.is_none() {
            self.wrong(name, "bad-key", "a key is a field or a list of fields", "write `key: id`");
        }
        match (each.last(), names) {
            (Some(innermost), names) => {
                if let (Some(names), Some(last)) = (names, bound.last()) {
                    if !self.lists[innermost.list].key.is_empty() {
                        return self.own_key(name, &names, bound);
                    }
                    self.list_key(Spot::from(name), &last.general.clone(), &names);
                }
                for each in each {
                    if self.lists[each.list].key.is_empty() {
                        let list = self.lists[each.list].path.clone();
                        let text = format!("nothing names an item of `{list}`");
                        self.wrong(
                            name,
                            "loop-without-key",
                            text,
                            "add `key:` to the resource, or the list to `keys:`",
                        );
                    }
                }
                Vec::new()
            }
            (None, Some(names)) => {
                let mut key = Vec::new();
                for part in names {
                    let (part, optional) = part.strip_suffix('?').map_or((part.as_str(), false), |n| (n, true));
                    if let Some(from) = self.record_path(Spot::from(name), part) {
                        key.push(Key { from, optional });
                    }
                }
                key
            }
            (None, None) => Vec::new(),
        }
    }

    /// A key that differs from the one the list already has: several kinds may be made from one list.
    fn own_key(&mut self, name: &Spanned<String>, names: &[String], bound: &[Bound]) -> Vec<Key> {
        let mut key = Vec::new();
        for part in names {
            let (part, optional) = part.strip_suffix('?').map_or((part.as_str(), false), |n| (n, true));
            if let Some(from) = self.inner_path(Spot::from(name), part, bound) {
                self.read(&from.text.clone(), &Fate::Read);
                key.push(Key { from, optional });
            }
        }
        key
    }

    /// A path from the record, whether or not it says so with `/`.
    fn record_path(&mut self, spot: Spot, text: &str) -> Option<super::LocalPath> {
        let text = text.strip_prefix('/').unwrap_or(text);
        let found = self.local_path(spot, text, &[])?;
        self.read(&found.text.clone(), &Fate::Read);
        Some(found)
    }

    pub(super) fn conditions(&mut self, raw: &Ordered<Value>, bound: &[Bound]) -> Vec<Condition> {
        let mut conditions = Vec::new();
        for (name, must) in &raw.0 {
            let Some(from) = self.inner_path(Spot::from(name), &name.value, bound) else { continue };
            self.read(&from.text.clone(), &Fate::Read);
            let must = match (must.as_str(), must.as_array()) {
                (Some("present"), _) => Must::BePresent,
                (Some("absent"), _) => Must::BeAbsent,
                (_, Some(many)) => Must::Be(many.iter().filter_map(plain_text).collect()),
                _ => Must::Be(plain_text(must).into_iter().collect()),
            };
            if matches!(&must, Must::Be(values) if values.is_empty()) {
                self.wrong(
                    name,
                    "bad-condition",
                    "a condition is a value, a list of values, `present` or `absent`",
                    "write one of them",
                );
            }
            conditions.push(Condition { from, must });
        }
        conditions
    }

    fn fixed(&mut self, raw: &Ordered<Value>, cover: &mut Cover) -> Vec<(Vec<Step>, Value)> {
        let mut fixed = Vec::new();
        for (path, value) in &raw.0 {
            if let Some(steps) = self.path(path, &path.value) {
                cover.add(&steps, &Fate::Read);
                fixed.push((steps, self.expand_value(value)));
            }
        }
        fixed
    }

    fn is(&mut self, raw: &Ordered<Value>, cover: &mut Cover) -> Vec<(Vec<Step>, String, crate::pure::fhir::Kind)> {
        let mut is = Vec::new();
        for (path, value) in &raw.0 {
            let Some(steps) = self.path(path, &path.value) else { continue };
            let Some(text) = plain_text(value) else {
                self.wrong(
                    path,
                    "bad-is",
                    "what a resource `is` by is a plain value",
                    "write the path down to the code",
                );
                continue;
            };
            let text = self.expand(&text);
            cover.add(&steps, &Fate::Read);
            // The rest of the coding goes with the code that names it.
            if let Some((_, above)) = steps.split_last().filter(|(last, _)| last.name == "code") {
                cover.add(above, &Fate::Read);
            }
            is.push((steps.clone(), text.clone(), literal_kind(&steps, &text)));
        }
        is
    }

    pub(super) fn refs(&mut self, name: &Spanned<String>, raw: &RawKind) {
        let Some(own) = self.kind_names.iter().position(|k| *k == name.value) else { return };
        for (path, value) in &raw.refs.0 {
            let Some(steps) = self.path(path, &path.value) else { continue };
            self.fhir_cover[own].add(&steps, &Fate::Read);
            let spot = Spot::from(path);
            let (to, by) = match value {
                Value::Object(members) => {
                    if let Some(unknown) = members.keys().find(|k| !matches!(k.as_str(), "to" | "by")) {
                        self.wrong(
                            path,
                            "unknown-key",
                            format!("unknown key `{unknown}`"),
                            "a reference has `to` and `by`",
                        );
                    }
                    (members.get("to").and_then(strings), members.get("by").and_then(Value::as_str))
                }
                other => (strings(other), None),
            };
            let Some(to) = to else {
                self.wrong(path, "bad-reference", "a reference names a resource", "write `subject: patient`");
                continue;
            };
            let to: Vec<usize> = to.iter().filter_map(|t| self.kind_index(path, t)).collect();
            let Some(how) = self.ref_how(own, spot, by) else { continue };
            self.check_ref(own, path, &steps, &to, &how);
            self.kinds[own].refs.push(Ref { path: steps, to, how, line: spot.line });
        }
    }

    fn ref_how(&mut self, own: usize, spot: Spot, by: Option<&str>) -> Option<RefHow> {
        let Some(by) = by else { return Some(RefHow::Made) };
        let bound = self.bound[own].clone();
        let mut from = self.inner_path(spot, by, &bound)?;
        self.read(&from.text.clone(), &Fate::Read);
        let loops = from.steps.iter().filter(|s| s.select == Select::Each).count();
        if loops == 0 {
            return Some(RefHow::By { from, list: None });
        }
        if loops > 1 || from.steps.last().is_none_or(|s| s.select != Select::Each) {
            self.wrong(
                spot,
                "bad-reference",
                "`by` takes a field, or a list of plain values ending in `[]`",
                "write `by: \"need_ids[]\"`",
            );
            return None;
        }
        let list = std::mem::take(&mut from.steps);
        Some(RefHow::By { from, list: Some(list) })
    }

    fn check_ref(&mut self, own: usize, path: &Spanned<String>, steps: &[Step], to: &[usize], how: &RefHow) {
        let loops = steps.iter().any(|s| s.select == Select::Each);
        for target in to {
            let many = match how {
                RefHow::Made => self.bound[*target].iter().any(|b| !self.bound[own].contains(b)),
                RefHow::By { list, .. } => list.is_some(),
            };
            if many && !loops {
                let text = format!("there may be several `{}` to refer to", self.kind_names[*target]);
                self.wrong(path, "reference-not-a-list", text, "end the path with `[]`, or say which by `by:`");
            }
        }
    }
}
