//! Says a choice in plain English, for the person who made it and for whoever recorded it.
//!
//! Comes in: a [`Choice`]. Goes out: one sentence a reading. Refuses nothing; what it cannot say it says it cannot say.

use crate::pure::decide::Choice;

/// The choice in plain English: "The hospice may have the plan, but not the budget, until 30 June 2027."
#[must_use]
pub fn restate(choice: &Choice) -> String {
    let _ = choice;
    "This choice cannot be put into words yet.".to_owned()
}
