//! A model out of a table in a text, so that the engine's tests need no definitions.
//!
//! `Patient < DomainResource` starts a type; below it, indented, `name HumanName *` for an element (`*` where it may
//! repeat), `deceased[x] boolean dateTime` for a choice.

use sharewell::pure::fhirpath::{Element, Model, Type};
use std::collections::HashMap;

#[derive(Default)]
struct Row {
    name: String,
    base: Option<String>,
    elements: HashMap<String, (String, bool, bool)>,
    choices: HashMap<String, Vec<Type>>,
}

/// The model.
#[derive(Default)]
pub struct Table {
    rows: Vec<Row>,
    by_name: HashMap<String, Type>,
}

impl Table {
    pub fn read(text: &str) -> Table {
        let mut table = Table::default();
        for line in text.lines().filter(|l| !l.trim().is_empty() && !l.starts_with(' ')) {
            let (name, base) = line.split_once('<').map_or((line.trim(), None), |(n, b)| (n.trim(), Some(b.trim())));
            let number = Type(u32::try_from(table.rows.len()).unwrap());
            table.by_name.insert(name.to_owned(), number);
            table.rows.push(Row { name: name.to_owned(), base: base.map(str::to_owned), ..Row::default() });
        }
        let mut at = 0;
        for line in text.lines().filter(|l| !l.trim().is_empty()) {
            if !line.starts_with(' ') {
                at = table.by_name[line.split('<').next().unwrap().trim()].0 as usize;
                continue;
            }
            let mut words = line.split_whitespace();
            let name = words.next().unwrap();
            let array = line.trim_end().ends_with('*');
            let types: Vec<&str> = words.filter(|w| *w != "*").collect();
            table.add(at, name, &types, array);
        }
        table
    }

    fn add(&mut self, row: usize, name: &str, types: &[&str], array: bool) {
        let Some(choice) = name.strip_suffix("[x]") else {
            self.rows[row].elements.insert(name.to_owned(), (types[0].to_owned(), false, array));
            return;
        };
        let forms = types.iter().filter_map(|t| self.find(t)).collect();
        self.rows[row].choices.insert(choice.to_owned(), forms);
        for kind in types {
            let ending = kind[..1].to_uppercase() + &kind[1..];
            self.rows[row].elements.insert(format!("{choice}{ending}"), ((*kind).to_owned(), true, array));
        }
    }
}

impl Model for Table {
    fn find(&self, name: &str) -> Option<Type> {
        self.by_name.get(name).copied()
    }

    fn name(&self, of: Type) -> &str {
        let name = self.rows[of.0 as usize].name.as_str();
        if name.contains('.') { "BackboneElement" } else { name }
    }

    fn base(&self, of: Type) -> Option<Type> {
        self.find(self.rows[of.0 as usize].base.as_deref()?)
    }

    fn element(&self, of: Type, name: &str) -> Option<Element> {
        let mut at = Some(of);
        while let Some(kind) = at {
            if let Some((is, choice, array)) = self.rows[kind.0 as usize].elements.get(name) {
                return Some(Element { is: self.find(is)?, choice: *choice, array: *array });
            }
            at = self.base(kind);
        }
        None
    }

    fn choices(&self, of: Type, name: &str) -> &[Type] {
        let mut at = Some(of);
        while let Some(kind) = at {
            if let Some(types) = self.rows[kind.0 as usize].choices.get(name) {
                return types;
            }
            at = self.base(kind);
        }
        &[]
    }
}
