//! The ids that findings carry: what each means, whose rule it is, and how to mend it. One table, `messages.md`, for
//! readers and programs alike.
//!
//! A finding is born with the rule and the remedy of its row; who makes it may say both more exactly.

use std::sync::OnceLock;

/// One row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Stable id, in words joined by hyphens.
    pub id: &'static str,
    /// What it means, in one sentence.
    pub means: &'static str,
    /// Standard and section; empty where there is none.
    pub rule: &'static str,
    /// What to do; empty where there is nothing to do.
    pub remedy: &'static str,
}

const TABLE: &str = include_str!("messages.md");

/// All of them, in the order of their ids.
#[must_use]
pub fn messages() -> &'static [Message] {
    static ONCE: OnceLock<Vec<Message>> = OnceLock::new();
    ONCE.get_or_init(|| {
        let mut found: Vec<Message> = TABLE.lines().filter_map(row).collect();
        found.sort_by_key(|m| m.id);
        found
    })
}

/// The row of an id.
#[must_use]
pub fn message(id: &str) -> Option<&'static Message> {
    let all = messages();
    all.binary_search_by_key(&id, |m| m.id).ok().map(|at| &all[at])
}

fn row(line: &'static str) -> Option<Message> {
    let mut cells = line.strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim);
    let id = cells.next()?.strip_prefix('`')?.strip_suffix('`')?;
    Some(Message { id, means: cells.next()?, rule: cells.next()?, remedy: cells.next()? })
}

#[cfg(test)]
mod tests {
    use super::{TABLE, message, messages};

    #[test]
    fn every_row_is_read_and_stands_once_in_order() {
        let rows = TABLE.lines().filter(|l| l.starts_with("| `")).count();
        assert_eq!(messages().len(), rows);
        let ids: Vec<&str> = TABLE.lines().filter_map(super::row).map(|m| m.id).collect();
        assert!(ids.is_sorted() && ids.windows(2).all(|w| w[0] != w[1]), "the rows stand in the order of their ids");
    }

    #[test]
    fn every_row_says_what_it_means_in_a_sentence_and_whose_rule_it_is() {
        for one in messages() {
            assert!(one.means.ends_with('.') && one.means.matches(". ").count() == 0, "{}", one.id);
            assert!(!one.rule.is_empty(), "{}", one.id);
            assert!(!one.remedy.ends_with('.'), "{}", one.id);
        }
        assert_eq!(message("missing-element").map(|m| m.remedy), Some("add it"));
        assert_eq!(message("no-such-id"), None);
    }
}
