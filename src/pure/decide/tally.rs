//! How much of each section goes and stays, and why: counted by bits, put into words once.

use super::decision::{Section, Sent};
use super::policy::{FRAME, SectionTable, WHOLE};

/// One count for each bit a section can have, and one for the frame, which has none.
#[derive(Default)]
pub(super) struct Tally {
    counts: [Count; 32],
}

/// Which of the counts is the frame's: no section has this bit.
const FRAMES: usize = 31;

#[derive(Clone, Copy, Default)]
struct Count {
    released: usize,
    withheld: usize,
    /// The first reason for what stays, else the first for what goes.
    why: usize,
}

impl Count {
    fn add(&mut self, goes: bool, why: usize) {
        if self.withheld == 0 && (!goes || self.released == 0) {
            self.why = why;
        }
        *(if goes { &mut self.released } else { &mut self.withheld }) += 1;
    }
}

impl Tally {
    /// Counts one part of these sections. `why` numbers its reason.
    pub fn count(&mut self, sections: u32, goes: bool, why: usize) {
        if sections == FRAME {
            self.counts[FRAMES].add(goes, why);
        }
        let mut rest = sections;
        while rest != 0 {
            self.counts[rest.trailing_zeros() as usize].add(goes, why);
            rest &= rest - 1;
        }
    }

    /// The sections that parts were counted of, in the policy's order: the frame first, what is of the whole plan last.
    pub fn sections<R>(&self, table: &SectionTable, reason: R) -> Vec<Section>
    where
        R: Fn(usize) -> super::decision::Reason,
    {
        let whole = WHOLE.trailing_zeros() as usize;
        let named = table.names.iter().enumerate().map(|(bit, (code, _))| (bit, code.as_str()));
        let all = std::iter::once((FRAMES, "frame")).chain(named).chain([(whole, "whole-plan")]);
        let counted = all.map(|(bit, code)| (self.counts[bit], code)).filter(|(c, _)| c.released + c.withheld > 0);
        counted
            .map(|(Count { released, withheld, why }, code)| {
                let sent = match (released, withheld) {
                    (_, 0) => Sent::Sent,
                    (0, _) => Sent::Withheld,
                    _ => Sent::Partly,
                };
                Section { code: code.to_owned(), sent, released, withheld, reason: reason(why) }
            })
            .collect()
    }
}
