//! Lists inside a resource: items are matched by key, never by position, so that private fields stay with their own item.

use super::super::convert::is_nothing;
use super::super::data::{Data, Seg};
use super::super::mapping::{Block, From, Loop, Row};
use super::super::path::{all_hold, read};
use super::fields::{canonical, fitting, read_row};
use super::{Run, Spot, base_items, list_of, segs};
use crate::pure::fhir::{Item, Kind};
use crate::pure::parse::{Layout, Syntax};
use std::collections::{HashMap, HashSet, VecDeque};

/// Whether any row of a block is read back.
pub(super) fn comes_in(block: &Block) -> bool {
    let row = |r: &Row| r.way.comes_in() && matches!(r.from, From::Local(_));
    block.rows.iter().any(row) || block.loops.iter().any(|l| comes_in(&l.block))
}

/// The row of a list of plain values: it reads the item itself.
fn plain_row(block: &Block) -> Option<&Row> {
    block.rows.iter().find(|r| r.way.comes_in() && matches!(&r.from, From::Local(p) if p.steps.is_empty()))
}

impl<'m, 't> Run<'m, 't> {
    pub(super) fn list(&mut self, one: &'m Loop, from: Option<Item<'t>>, resource: Item<'t>, stack: &[Spot<'t>]) {
        let Some(above) = stack.get(one.local.level) else { return };
        let list = from.and_then(|f| list_of(f, &one.fhir));
        let items: Vec<Item<'t>> = list
            .into_iter()
            .flat_map(Item::each)
            .filter(|i| all_hold(&one.tests, *i) && !one.not.iter().any(|tests| all_hold(tests, *i)))
            .collect();
        if items.is_empty() && (self.partial || above.base.is_none()) {
            return;
        }
        let mut address = above.address.clone();
        address.extend(segs(&one.local));
        match plain_row(&one.block) {
            Some(row) => self.plain(row, &items, &address),
            None => self.objects(one, &items, resource, stack, &address),
        }
    }

    /// A list of plain values: as FHIR has it, each keeping its own words where they mean the same.
    fn plain(&mut self, row: &Row, items: &[Item<'t>], address: &[Seg]) {
        let tables = matches!(self.mapping.syntax, Syntax::CsvZip(_));
        let mut texts = Vec::new();
        for item in items {
            match read_row(row, *item) {
                Ok(found) => texts.extend(found),
                Err((fault, item)) => {
                    let rule = self.mapping.rule(row.spot.line);
                    self.loss.lose(item, &format!("it {}", fault.text), Some(rule), false);
                }
            }
        }
        let at = self.doc.at(address);
        let mut had: Vec<Data> = if let Data::List(had) = &*at { had.clone() } else { Vec::new() };
        let mut list = Vec::new();
        for (text, kind) in texts {
            let same =
                had.iter().position(|d| d.text().and_then(|(t, k)| canonical(row, t, k)).as_ref() == Some(&text));
            list.push(match same {
                Some(index) => had.remove(index),
                None => {
                    let usual = if tables { Kind::String } else { row.convert.local_kind(kind) };
                    Data::Plain(fitting(row.local_kind.unwrap_or(usual), &text), text)
                }
            });
        }
        *at = if list.is_empty() { Data::Nothing } else { Data::List(list) };
    }

    /// A list of objects: FHIR's order in the places that FHIR's items had, everything else where it was.
    fn objects(&mut self, one: &'m Loop, items: &[Item<'t>], resource: Item<'t>, stack: &[Spot<'t>], address: &[Seg]) {
        let above = &stack[one.local.level];
        let base: Vec<Item<'t>> = above.base.map(|b| base_items(&one.local, b).collect()).unwrap_or_default();
        let covered = |item: &Item<'_>| !is_nothing(*item) && all_hold(&one.local.tests, *item);
        let mut free: HashMap<Vec<String>, VecDeque<usize>> = HashMap::new();
        for (index, item) in base.iter().enumerate().filter(|(_, item)| covered(item)) {
            free.entry(self.base_key(one, *item)).or_default().push_back(index);
        }
        let had: Vec<Data> = if let Data::List(had) = self.doc.at(address) { had.clone() } else { Vec::new() };
        let mut made: Vec<(Data, Option<usize>)> = Vec::new();
        for item in items {
            let key = self.key_of(one, *item);
            let index = free.get_mut(&key).and_then(VecDeque::pop_front);
            let start = index.and_then(|i| had.get(i).cloned()).unwrap_or(Data::Object(Vec::new()));
            made.push((start, index));
        }
        let mut queue = made.into_iter().zip(items);
        let mut list: Vec<Data> = Vec::new();
        let mut work: Vec<(usize, Option<usize>, Item<'t>)> = Vec::new();
        let mut next = |list: &mut Vec<Data>, work: &mut Vec<(usize, Option<usize>, Item<'t>)>| {
            let Some(((start, index), item)) = queue.next() else { return false };
            work.push((list.len(), index, *item));
            list.push(start);
            true
        };
        for (index, item) in base.iter().enumerate() {
            if covered(item) {
                next(&mut list, &mut work);
            } else if let Some(kept) = had.get(index) {
                list.push(kept.clone());
            }
        }
        while next(&mut list, &mut work) {}
        *self.doc.at(address) = if list.is_empty() { Data::Nothing } else { Data::List(list) };
        for (position, index, item) in work {
            let mut address = address.to_vec();
            address.push(Seg::Index(position));
            self.doc.at(&address).satisfy(&one.local.tests);
            let mut deeper = stack.to_vec();
            deeper.push(Spot { address, base: index.map(|i| base[i]) });
            self.block(&one.block, Some(item), resource, &deeper);
        }
    }

    fn key_of(&self, one: &Loop, item: Item<'_>) -> Vec<String> {
        let parts = &self.mapping.lists[one.local.list].key;
        let value = |text: &str| {
            let rows = one.block.rows.iter().filter(|r| r.way.comes_in());
            let mut carry = rows.filter(|r| matches!(&r.from, From::Local(p) if p.text == text));
            carry.find_map(|row| read_row(row, item).ok().flatten()).map(|(text, _)| text)
        };
        parts.iter().map(|part| value(&part.from.text).unwrap_or_default()).collect()
    }

    fn base_key(&self, one: &Loop, item: Item<'_>) -> Vec<String> {
        let parts = &self.mapping.lists[one.local.list].key;
        let value = |part: &super::super::mapping::Key| {
            let found = read(item, &part.from.steps).filter(|i| !is_nothing(*i))?;
            let row = one.block.rows.iter().find(|r| matches!(&r.from, From::Local(p) if p.text == part.from.text))?;
            canonical(row, found.text(), found.kind())
        };
        parts.iter().map(|part| value(part).unwrap_or_default()).collect()
    }
}

/// In tables, the key of the one row that all others belong to.
pub(super) fn fill_keys(doc: &mut Data, layout: &Layout) {
    let ones: Vec<_> = layout.files.iter().filter(|t| t.one && t.key.len() == 1).collect();
    let names: HashSet<&str> = ones.iter().map(|t| t.name.as_str()).collect();
    for table in &layout.files {
        for column in &table.columns {
            let Some(target) = column.refers_to.as_deref().filter(|t| names.contains(t)) else { continue };
            let Some(one) = ones.iter().find(|t| t.name == target) else { continue };
            let key = doc.member(target).member(&one.columns[one.key[0]].name).clone();
            let rows = doc.member(&table.name);
            let rows: Vec<&mut Data> = match rows {
                Data::List(rows) => rows.iter_mut().collect(),
                Data::Object(_) => vec![rows],
                _ => continue,
            };
            for row in rows.into_iter().filter(|r| matches!(r, Data::Object(_))) {
                let cell = row.member(&column.name);
                if cell.text().is_none() {
                    *cell = key.clone();
                }
            }
        }
    }
}
