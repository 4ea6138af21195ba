//! Dates, times and both together, as precise as they were written.

/// Which of the three types it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MomentKind {
    /// `@2026-06`
    Date,
    /// `@2026-06T`, `@2026-06-30T12:00:00Z`
    DateTime,
    /// `@T12:00`
    Time,
}

/// A date, dateTime or time.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Which of the three.
    pub kind: MomentKind,
}
