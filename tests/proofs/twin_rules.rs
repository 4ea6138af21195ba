//! The rule files as the twin reads them: plain TOML tables, looked up by walking.

use super::world::ACT_CODE;
use std::sync::OnceLock;
use toml::{Table, Value};

/// One sensitive set.
pub struct Set {
    pub label: Option<String>,
    pub rank: usize,
    pub bar: Option<String>,
    pub exemption: Option<String>,
    pub consent_lifts: bool,
    words: Vec<String>,
    /// A word of it keeps the resource back until somebody has looked.
    pub holds: bool,
    codes: Vec<(String, String)>,
}

impl Set {
    pub fn has(&self, code: &(&str, &str)) -> bool {
        self.codes.iter().any(|(s, c)| s == code.0 && c == code.1)
    }

    pub fn speaks_in(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.words.iter().any(|w| text.contains(&w.to_lowercase()))
    }
}

/// `deploy/sharing/*.toml`.
pub struct Rules {
    all: Table,
    sections: Table,
    pub sets: Vec<Set>,
    pub freshest: i64,
    pub self_claimed: bool,
    pub highest: usize,
    pub bases: Vec<String>,
    pub opt_out_applies_to: Vec<String>,
    pub glass_reasons: Vec<String>,
    pub glass_seconds: i64,
}

fn read(name: &str) -> Table {
    let path = format!("{}/deploy/sharing/{name}.toml", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).expect("the rules are there").parse().expect("the rules are TOML")
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let list = value.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn text(row: &Value, key: &str) -> Option<String> {
    row.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn rank_of(code: &str) -> Option<usize> {
    ["U", "L", "M", "N", "R", "V"].iter().position(|c| *c == code)
}

pub fn rules() -> &'static Rules {
    static ONCE: OnceLock<Rules> = OnceLock::new();
    ONCE.get_or_init(|| {
        let all = read("england");
        let table = |name: &str| all[name].as_table().expect("a table").clone();
        let (default, secondary, glass) = (table("default"), table("secondary"), table("break-glass"));
        let sets = all["sensitive"].as_array().expect("rows").iter().map(set).collect();
        Rules {
            sets,
            freshest: table("freshness")["max-age-seconds"].as_integer().expect("a number"),
            self_claimed: default["self-claimed"].as_bool().expect("yes or no"),
            highest: default["highest-label"].as_str().and_then(rank_of).expect("a label"),
            bases: texts(secondary.get("bases")),
            opt_out_applies_to: texts(secondary.get("opt-out-applies-to")),
            glass_reasons: texts(glass.get("reasons")),
            glass_seconds: glass["minutes"].as_integer().expect("a number") * 60,
            sections: read("sections"),
            all,
        }
    })
}

fn set(row: &Value) -> Set {
    let codes = row.get("codes").and_then(Value::as_array).into_iter().flatten();
    let pairs = codes.flat_map(|c| {
        let system = text(c, "system").expect("a system");
        texts(c.get("codes")).into_iter().map(move |code| (system.clone(), code))
    });
    Set {
        label: text(row, "label"),
        rank: text(row, "confidentiality").and_then(|c| rank_of(&c)).unwrap_or(4),
        bar: text(row, "bar"),
        exemption: text(row, "exemption"),
        consent_lifts: row.get("consent-lifts").and_then(Value::as_bool) == Some(true),
        words: texts(row.get("words")),
        holds: text(row, "on-words").as_deref() != Some("label"),
        codes: pairs.collect(),
    }
}

impl Rules {
    fn rows(&self, name: &str) -> impl Iterator<Item = &Value> {
        self.all.get(name).and_then(Value::as_array).into_iter().flatten()
    }

    fn row(&self, name: &str, code: &str) -> Option<&Value> {
        self.rows(name).find(|r| r["code"].as_str() == Some(code))
    }

    fn parent(&self, purpose: &str) -> Option<&str> {
        self.row("purpose", purpose)?.get("parent")?.as_str()
    }

    pub fn kind(&self, purpose: &str) -> &str {
        self.row("purpose", purpose).and_then(|r| r["kind"].as_str()).unwrap_or("unknown")
    }

    /// Whether a rule about one purpose speaks of a request for another: the same, or above it in the tree.
    pub fn purpose_covers(&self, rule: &str, asked: &str, objection: bool) -> bool {
        let below = self.row("purpose", asked).filter(|_| objection).and_then(|r| r.get("objection-below")?.as_str());
        let above = [self.parent(asked), below];
        rule == asked || above.into_iter().flatten().any(|p| self.purpose_covers(rule, p, objection))
    }

    pub fn same_family(&self, one: &str, other: &str) -> bool {
        fn root<'a>(rules: &'a Rules, purpose: &'a str) -> &'a str {
            rules.parent(purpose).map_or(purpose, |p| root(rules, p))
        }
        let care = |p: &str| self.kind(p) == "direct-care";
        (care(one) && care(other)) || root(self, one) == root(self, other)
    }

    pub fn expected(&self, audience: &str) -> bool {
        let row = self.row("audience", audience);
        row.is_some_and(|r| r["expected"].as_bool() == Some(true) && r.get("everyone").is_none())
    }

    pub fn audience(&self, code: &str) -> Option<&Value> {
        self.row("audience", code)
    }

    pub fn rank(&self, code: &str) -> Option<usize> {
        rank_of(code)
    }

    fn below(&self, above: &str, label: &str) -> bool {
        texts(self.all["labels"].get(above)).iter().any(|l| l == label)
    }

    pub fn knows(&self, label: &str) -> bool {
        let table = self.all["labels"].as_table().expect("a table");
        table.iter().any(|(above, below)| above == label || texts(Some(below)).iter().any(|b| b == label))
    }

    pub fn label_reaches(&self, rule: &str, data: &str) -> super::twin_reading::T {
        use super::twin_reading::T;
        if rule == data || self.below(rule, data) {
            T::Yes
        } else if self.below(data, rule) {
            T::Perhaps
        } else {
            T::No
        }
    }

    /// The section that a label on a resource puts it into.
    pub fn section_of_label(&self, system: &str, code: &str) -> Option<String> {
        let marks = self.sections["mark"].as_array().into_iter().flatten();
        let fits = |m: &&Value| {
            text(m, "element").as_deref() == Some("meta.security")
                && text(m, "system").as_deref() == Some(system)
                && texts(m.get("codes")).iter().any(|c| c == code)
        };
        if system == ACT_CODE { text(marks.into_iter().find(fits)?, "section") } else { None }
    }

    pub fn tells_a_place(&self, type_: &str, element: &str) -> bool {
        texts(self.all["whereabouts"].get("elements")).contains(&format!("{type_}.{element}"))
    }

    /// Whether a label on a Patient speaks of the address alone (PDS).
    pub fn speaks_of_the_address(&self, label: &(&str, &str)) -> bool {
        let code = self.all["whereabouts"].get("patient-label").and_then(Value::as_str);
        label.0 == super::world::CONFIDENTIALITY && code == Some(label.1)
    }

    /// The least that these purposes need, one list of sections a row.
    pub fn minimum(&self, purposes: &[&str]) -> Vec<Vec<String>> {
        let fits =
            |r: &&Value| purposes.iter().any(|p| r["purpose"].as_str() == Some(p)) && r.get("audience").is_none();
        self.rows("minimum").filter(fits).map(|r| texts(r.get("sections"))).collect()
    }

    /// Place in the published list of rules.
    pub fn published(&self, rule: &str) -> Option<usize> {
        let list = "L1 L2 L3 L4 L5 L6 L7 P1 P2 P3 P4 C1 C2 C3 C4 C5 C6 C7 D1 D2 E1 E2 R1 R2 R3 R4 R5 R6 X1 X2 X3";
        list.split(' ').position(|r| r == rule)
    }
}
