//! References between the resources that were made.

use super::super::mapping::{LocalPath, Ref, RefHow};
use super::super::path::{Select, Step, full, satisfy, split_loop};
use super::super::put::{self, reach};
use super::{Run, is_nothing, local, read};
use crate::pure::fhir::{Id, Issue, Item};
use std::collections::HashMap;

/// For each kind, the instance of a key: the keys around it and its own, with a separator that no key holds.
type Index = HashMap<(usize, String), usize>;

impl<'m, 'r> Run<'m, 'r> {
    pub(super) fn refer(&mut self) {
        let mapping = self.mapping;
        let index = self.index();
        let mut around: HashMap<(usize, usize, Id), Vec<usize>> = HashMap::new();
        for (kind, of) in mapping.kinds.iter().enumerate() {
            for reference in &of.refs {
                for target in &reference.to {
                    self.around(*target, self.shared(kind, *target), &mut around);
                }
            }
        }
        for (kind, of) in mapping.kinds.iter().enumerate() {
            for instance in 0..self.made[kind].len() {
                let Some(node) = self.made[kind][instance].node else { continue };
                for reference in &of.refs {
                    match &reference.how {
                        RefHow::Made => self.refer_made(kind, instance, node, reference, &around),
                        RefHow::By { from, list } => {
                            self.refer_by(kind, instance, (node, reference), (from, list.as_deref()), &index)
                        }
                    }
                }
            }
        }
    }

    fn index(&self) -> Index {
        let mut index = HashMap::new();
        for (kind, of) in self.made.iter().enumerate() {
            for (position, instance) in of.iter().enumerate() {
                index.insert((kind, instance.key.join("\u{1f}")), position);
            }
        }
        index
    }

    /// How many loops two kinds go along together.
    fn shared(&self, kind: usize, target: usize) -> usize {
        let (a, b) = (&self.mapping.kinds[kind].each, &self.mapping.kinds[target].each);
        a.iter().zip(b).take_while(|(a, b)| a.list == b.list && a.tests == b.tests).count()
    }

    /// The instances of a kind by the item of their `shared`th loop.
    fn around(&self, target: usize, shared: usize, around: &mut HashMap<(usize, usize, Id), Vec<usize>>) {
        let root = self.local.root().id();
        if self.made[target]
            .first()
            .is_some_and(|first| around.contains_key(&(target, shared, first.items[shared].id())))
        {
            return;
        }
        for (position, instance) in self.made[target].iter().enumerate() {
            let item = instance.items.get(shared).map_or(root, |i| i.id());
            around.entry((target, shared, item)).or_default().push(position);
        }
    }

    fn refer_made(
        &mut self,
        kind: usize,
        instance: usize,
        node: Id,
        reference: &Ref,
        around: &HashMap<(usize, usize, Id), Vec<usize>>,
    ) {
        for target in &reference.to {
            let shared = self.shared(kind, *target);
            let item = self.made[kind][instance].items[shared].id();
            let Some(found) = around.get(&(*target, shared, item)) else { continue };
            for position in found {
                let themselves = *target == kind && *position == instance;
                if self.made[*target][*position].node.is_some() && !themselves {
                    self.write_reference(node, &reference.path, *target, *position, None);
                }
            }
        }
    }

    fn refer_by(
        &mut self,
        kind: usize,
        instance: usize,
        of: (Id, &Ref),
        by: (&LocalPath, Option<&[Step]>),
        index: &Index,
    ) {
        let (node, reference) = of;
        let (from, list) = by;
        let items = self.made[kind][instance].items.clone();
        let found: Vec<Item<'r>> = match list {
            None => local(&items, from).into_iter().collect(),
            Some(path) => {
                let found = split_loop(path).and_then(|(to, _)| {
                    let (last, before) = to.split_last()?;
                    read(*items.get(from.level)?, before)?.get(&last.name)
                });
                found.into_iter().flat_map(Item::each).collect()
            }
        };
        for item in found.into_iter().filter(|i| !is_nothing(*i)) {
            self.refer_to_key(kind, instance, node, reference, item, index);
        }
    }

    fn refer_to_key(&mut self, kind: usize, instance: usize, node: Id, reference: &Ref, item: Item<'r>, index: &Index) {
        let own = &self.made[kind][instance];
        for target in &reference.to {
            // A key counts inside the loops that both go along, so the keys around are the same.
            let shared = self.shared(kind, *target).min(self.mapping.kinds[*target].each.len().saturating_sub(1));
            let width: usize =
                self.mapping.kinds[kind].each[..shared].iter().map(|e| self.mapping.lists[e.list].key.len()).sum();
            let mut key: Vec<&str> = own.key[..width.min(own.key.len())].iter().map(String::as_str).collect();
            key.push(item.text().trim());
            let Some(position) = index.get(&(*target, key.join("\u{1f}"))).copied() else { continue };
            if self.made[*target][position].node.is_some() {
                self.write_reference(node, &reference.path, *target, position, item.offset());
            }
            return;
        }
        let names: Vec<String> = reference.to.iter().map(|t| format!("`{}`", self.mapping.kinds[*t].name)).collect();
        let mut named = item;
        while named.key().is_empty() && named.parent().is_some() {
            named = named.parent().unwrap_or(named);
        }
        let text =
            format!("{} `{}` names no {} of this record", self.mapping.field_word(), named.key(), names.join(" or "));
        let issue = Issue::error("not-found", "names-nothing", text).on(item);
        self.push(
            issue
                .rule(self.mapping.rule(reference.line))
                .remedy("use a key that stands in the record, or leave it empty"),
        );
    }

    /// `Type/id` of the one resource of a kind.
    pub(super) fn reference_to(&self, kind: usize) -> Option<String> {
        let first = self.made[kind].iter().find(|i| i.node.is_some())?;
        Some(format!("{}/{}", self.mapping.kinds[kind].resource, first.id))
    }

    fn write_reference(&mut self, node: Id, path: &[Step], target: usize, position: usize, offset: Option<u32>) {
        let text = format!("{}/{}", self.mapping.kinds[target].resource, self.made[target][position].id);
        let (mut at, mut rest) = (node, path);
        while let Some((to_list, after)) = split_loop(rest) {
            let item = self.made[target][position].items.last().map_or(at, |i| i.id());
            rest = after;
            // Rows that loop over the same items have made the element already.
            if !self.elements.is_empty()
                && let Some(made) = self.elements.get(&(node, item, full(to_list).as_str()))
            {
                at = *made;
                continue;
            }
            let Some((last, before)) = to_list.split_last() else { break };
            let above = reach(&mut self.out, at, before, offset);
            let list = put::array(&mut self.out, above, &last.name);
            at = self.out.push_object(list, "");
            satisfy(&mut self.out, at, &last.tests);
        }
        let at = reach(&mut self.out, at, rest, offset);
        let step = Step { name: "reference".to_owned(), select: Select::One, tests: Vec::new() };
        put::put(&mut self.out, at, &[step], crate::pure::fhir::Kind::String, &text, offset);
    }
}
