//! The section table: which part of a record belongs to which section of a plan.

use std::collections::HashMap;

/// Sections as bits, in the policy's order.
pub(in crate::pure::decide) type Bits = u32;
/// Goes only where the choice is for the whole plan.
pub(in crate::pure::decide) const WHOLE: Bits = 1 << 30;
/// All sections there are: nobody can look inside.
pub(in crate::pure::decide) const EVERYTHING: Bits = (1 << 31) - 1;
/// No section of its own: goes wherever something of the plan goes.
pub(in crate::pure::decide) const FRAME: Bits = 0;
/// At most so many sections can be named.
pub(super) const MOST: usize = 29;

/// Where something belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pure::decide) enum Where {
    /// To these sections; none of them is the frame.
    Sections(Bits),
    /// To the party it names.
    Addressee,
    /// To the section of what the reference points at, or to these.
    Target(Bits),
}

/// A row about whole resources.
#[derive(Clone, Debug)]
pub(in crate::pure::decide) struct ResourceRow {
    pub has: Option<String>,
    pub coded: Option<(String, String, Vec<String>)>,
    pub to: Where,
}

/// Elements and extensions of a type that belong elsewhere.
#[derive(Clone, Debug, Default)]
pub(in crate::pure::decide) struct Elements {
    pub by_name: HashMap<String, Where>,
    /// Stems of `name[x]`.
    pub choices: Vec<(String, Where)>,
    pub by_extension: HashMap<String, Where>,
    pub any_extension: Option<Where>,
}

/// A mark on a resource: its codes say a section.
#[derive(Clone, Debug)]
pub(in crate::pure::decide) struct Mark {
    pub type_: Option<String>,
    pub element: Vec<String>,
    pub system: String,
    pub codes: Vec<String>,
    /// None: the code names the section.
    pub section: Option<Bits>,
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub(in crate::pure::decide) struct SectionTable {
    /// Code and plain English, in bit order.
    pub names: Vec<(String, String)>,
    pub resources: HashMap<String, Vec<ResourceRow>>,
    pub elements: HashMap<String, Elements>,
    pub marks: Vec<Mark>,
    /// Types that, once in this section, are not divided but for these elements.
    pub undivided: Vec<(String, Bits, Vec<String>)>,
    pub own_extensions: Vec<String>,
    pub impersonal: Vec<String>,
}

impl SectionTable {
    /// The bits of a section code.
    pub fn bits(&self, code: &str) -> Option<Bits> {
        match code {
            "frame" => Some(FRAME),
            "whole-plan" => Some(WHOLE),
            "everything" => Some(EVERYTHING),
            _ => self.names.iter().position(|(c, _)| c == code).map(|i| 1 << i),
        }
    }

    /// The codes of bits, in order.
    pub fn codes(&self, bits: Bits) -> Vec<String> {
        let named = self.names.iter().enumerate().filter(|(i, _)| bits & (1 << i) != 0).map(|(_, (c, _))| c.clone());
        let mut codes: Vec<String> = named.collect();
        if bits & WHOLE != 0 {
            codes.push("whole-plan".to_owned());
        }
        if bits == FRAME {
            codes.push("frame".to_owned());
        }
        codes
    }
}
