//! The published list of reasons: every decision cites these ids and no others (`sharing-choices` §3.4).

/// Why something was permitted or withheld.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[allow(missing_docs, reason = "each is said in words by `text`")]
pub enum RuleId {
    L1,
    L2,
    L3,
    L4,
    L5,
    L6,
    L7,
    P1,
    P2,
    P3,
    P4,
    C1,
    C2,
    C3,
    C4,
    C5,
    C6,
    C7,
    D1,
    D2,
    E1,
    E2,
    R1,
    R2,
    R3,
    R4,
    R5,
    R6,
    X1,
    X2,
    X3,
}

impl RuleId {
    /// All of them, in the order of publication.
    pub const ALL: [RuleId; 31] = {
        use RuleId::{
            C1, C2, C3, C4, C5, C6, C7, D1, D2, E1, E2, L1, L2, L3, L4, L5, L6, L7, P1, P2, P3, P4, R1, R2, R3, R4, R5,
            R6, X1, X2, X3,
        };
        [
            L1, L2, L3, L4, L5, L6, L7, P1, P2, P3, P4, C1, C2, C3, C4, C5, C6, C7, D1, D2, E1, E2, R1, R2, R3, R4, R5,
            R6, X1, X2, X3,
        ]
    };

    /// The id as published: `C1`.
    #[must_use]
    pub fn id(self) -> &'static str {
        use RuleId as R;
        match self {
            R::L1 => "L1",
            R::L2 => "L2",
            R::L3 => "L3",
            R::L4 => "L4",
            R::L5 => "L5",
            R::L6 => "L6",
            R::L7 => "L7",
            R::P1 => "P1",
            R::P2 => "P2",
            R::P3 => "P3",
            R::P4 => "P4",
            R::C1 => "C1",
            R::C2 => "C2",
            R::C3 => "C3",
            R::C4 => "C4",
            R::C5 => "C5",
            R::C6 => "C6",
            R::C7 => "C7",
            R::D1 => "D1",
            R::D2 => "D2",
            R::E1 => "E1",
            R::E2 => "E2",
            R::R1 => "R1",
            R::R2 => "R2",
            R::R3 => "R3",
            R::R4 => "R4",
            R::R5 => "R5",
            R::R6 => "R6",
            R::X1 => "X1",
            R::X2 => "X2",
            R::X3 => "X3",
        }
    }

    /// The rule of this id.
    #[must_use]
    pub fn from_id(id: &str) -> Option<RuleId> {
        RuleId::ALL.into_iter().find(|r| r.id() == id)
    }

    /// Whether it keeps something back by law, or for somebody else's sake: of that not even a hint is given.
    #[must_use]
    pub fn is_bar(self) -> bool {
        use RuleId as R;
        matches!(self, R::L1 | R::L2 | R::L3 | R::L4 | R::L5 | R::R4 | R::R5)
    }

    /// What it says, in plain English.
    #[must_use]
    pub fn text(self) -> &'static str {
        use RuleId as R;
        match self {
            R::L1 => "it is not certain whose record this is",
            R::L2 => "the law protects gender recognition information",
            R::L3 => "the law protects fertility treatment information",
            R::L4 => "a court order or a person's safety forbids it",
            R::L5 => "the service is anonymous to others",
            R::L6 => "the law requires it",
            R::L7 => "safeguarding or the public interest requires it",
            R::P1 => "the purpose is not declared, not known, or not one this party may ask under",
            R::P2 => "there is no sign that this party cares for the person",
            R::P3 => "a use beyond direct care needs a basis, and a check of the National Data Opt-Out",
            R::P4 => "the proxy's right to see the record is not in force",
            R::C1 => "the person has objected",
            R::C2 => "the person has agreed",
            R::C3 => "the person has agreed to some sharing, and this is not part of it",
            R::C4 => "a choice is on file that cannot be read",
            R::C5 => "the person has agreed to this in particular, later than they objected in general",
            R::C6 => "a choice is over, withdrawn or not begun",
            R::C7 => "a choice was made by somebody who had no right to make it",
            R::D1 => "those who care for a person may be told what they would expect",
            R::D2 => "nothing permits it",
            R::E1 => "an emergency was declared",
            R::E2 => "an emergency was declared, but the person has objected to exactly this",
            R::R1 => "withheld by its label",
            R::R2 => "withheld by its kind or code",
            R::R3 => "withheld by its author, its date, or by name",
            R::R4 => "withheld by law",
            R::R5 => "it is about somebody else",
            R::R6 => "it is more than this purpose needs",
            R::X1 => "it carries no label or date to judge it by",
            R::X2 => "what is known of the person's choices is too old",
            R::X3 => "the audit log cannot be written",
        }
    }
}
