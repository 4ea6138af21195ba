//! Dates, times and both together, as precise as they were written.

mod boundary;
mod plus;
mod read;

pub use plus::CalendarUnit;

use crate::pure::fhir::time::london;
use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;
use std::cmp::Ordering;
use std::fmt;

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

/// How much was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precision {
    /// `2026`
    Year,
    /// `2026-06`
    Month,
    /// `2026-06-30`
    Day,
    /// `T12`
    Hour,
    /// `T12:00`
    Minute,
    /// `T12:00:00`
    Second,
    /// `T12:00:00.000`
    Fraction,
}

/// A date, dateTime or time. What was not written is filled with the earliest; a time stands on 1 January of year 1.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Which of the three.
    pub kind: MomentKind,
    /// How much was written.
    pub precision: Precision,
    /// The date and time on the clock it was written by.
    pub civil: DateTime,
    /// The zone, where one was written.
    pub offset: Option<Offset>,
    /// Digits of the fraction of a second, as written; 0 where there is none.
    pub digits: u8,
}

impl Moment {
    /// A day.
    #[must_use]
    pub fn day(date: Date) -> Moment {
        let civil = date.to_datetime(jiff::civil::Time::midnight());
        Moment { kind: MomentKind::Date, precision: Precision::Day, civil, offset: None, digits: 0 }
    }

    /// An instant, to the millisecond, on the clocks of London.
    #[must_use]
    pub fn now(now: jiff::Timestamp) -> Moment {
        let zoned = now.to_zoned(london());
        let civil = zoned.datetime();
        Moment {
            kind: MomentKind::DateTime,
            precision: Precision::Fraction,
            civil: civil
                .with()
                .subsec_nanosecond(civil.subsec_nanosecond() / 1_000_000 * 1_000_000)
                .build()
                .unwrap_or(civil),
            offset: Some(zoned.offset()),
            digits: 3,
        }
    }

    /// How many digits of the longest form were written: 4 for a year, 17 for a dateTime to the millisecond.
    #[must_use]
    pub fn written(self) -> i64 {
        let digits = match self.precision {
            Precision::Year => 4,
            Precision::Month => 6,
            Precision::Day => 8,
            Precision::Hour => 10,
            Precision::Minute => 12,
            Precision::Second => 14,
            Precision::Fraction => 17,
        };
        if self.kind == MomentKind::Time { digits - 8 } else { digits }
    }

    fn has_time(self) -> bool {
        self.precision >= Precision::Hour
    }

    /// On the clock of `offset`, or of London.
    fn on_clock(self, utc: bool) -> DateTime {
        let written = self.offset.map_or_else(london, jiff::tz::TimeZone::fixed);
        let shown = if utc { jiff::tz::TimeZone::UTC } else { london() };
        self.civil.to_zoned(written).map_or(self.civil, |z| z.with_time_zone(shown).datetime())
    }

    /// Which is earlier, as far as what was written tells; none where it does not, or where one is a time and the other
    /// is not.
    #[must_use]
    pub fn compare(self, other: Moment) -> Option<Ordering> {
        if (self.kind == MomentKind::Time) != (other.kind == MomentKind::Time) {
            return None;
        }
        if self.has_time() && other.has_time() && self.offset.is_some() != other.offset.is_some() {
            return self.compare_zoneless(other);
        }
        let (a, b) = self.alike(other);
        let parts =
            |c: DateTime| [i64::from(c.year()), c.month().into(), c.day().into(), c.hour().into(), c.minute().into()];
        let steps = [Precision::Year, Precision::Month, Precision::Day, Precision::Hour, Precision::Minute];
        for ((step, a), b) in steps.into_iter().zip(parts(a)).zip(parts(b)) {
            match (self.precision >= step, other.precision >= step) {
                (true, true) if a == b => {}
                (true, true) => return Some(a.cmp(&b)),
                (false, false) => return Some(Ordering::Equal),
                _ => return None,
            }
        }
        // Seconds and their fraction are one precision (FHIRPath N1 §6.1.1).
        let second = |c: DateTime| (c.second(), c.subsec_nanosecond());
        match (self.precision >= Precision::Second, other.precision >= Precision::Second) {
            (true, true) => Some(second(a).cmp(&second(b))),
            (false, false) => Some(Ordering::Equal),
            _ => None,
        }
    }

    /// What is the same for all moments equal to it: what was written, on UTC's clock where a zone was.
    pub(super) fn parts(self) -> [i64; 7] {
        let c = if self.offset.is_some() && self.has_time() { self.on_clock(true) } else { self.civil };
        let part = |written: Precision, value: i64| if self.precision >= written { value } else { -1 };
        [
            part(Precision::Year, c.year().into()),
            part(Precision::Month, c.month().into()),
            part(Precision::Day, c.day().into()),
            part(Precision::Hour, c.hour().into()),
            part(Precision::Minute, c.minute().into()),
            part(Precision::Second, c.second().into()),
            part(Precision::Second, c.subsec_nanosecond().into()),
        ]
    }

    /// Compares two dateTimes of which one has no zone: clocks on earth are up to fourteen hours from UTC, and within that
    /// nobody knows.
    fn compare_zoneless(self, other: Moment) -> Option<Ordering> {
        let seconds = |moment: Moment| -> Option<i64> {
            let utc = if moment.offset.is_some() { moment.on_clock(true) } else { moment.civil };
            Some(utc.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second())
        };
        let apart = seconds(self)?.checked_sub(seconds(other)?)?;
        let written = self.precision.min(other.precision);
        let unsure = 14 * 3600 + if written == Precision::Hour { 3600 } else { 60 };
        (apart.abs() > unsure).then(|| apart.cmp(&0))
    }

    /// Both on one clock: UTC where a zone was written and both have a time of day; London's where only one has.
    fn alike(self, other: Moment) -> (DateTime, DateTime) {
        if self.offset == other.offset {
            return (self.civil, other.civil);
        }
        match (self.has_time(), other.has_time()) {
            (true, true) => (self.on_clock(true), other.on_clock(true)),
            (true, false) => (self.on_clock(false), other.civil),
            (false, true) => (self.civil, other.on_clock(false)),
            (false, false) => (self.civil, other.civil),
        }
    }

    /// Whether both are the same and equally precise.
    #[must_use]
    pub fn is_equivalent(self, other: Moment) -> bool {
        self.compare(other) == Some(Ordering::Equal)
    }
}

impl fmt::Display for Moment {
    /// As FHIR writes it, without `@`; a dateTime without time of day looks like a date.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let c = self.civil;
        if self.kind != MomentKind::Time {
            write!(f, "{:04}", c.year())?;
            if self.precision >= Precision::Month {
                write!(f, "-{:02}", c.month())?;
            }
            if self.precision >= Precision::Day {
                write!(f, "-{:02}", c.day())?;
            }
            if self.has_time() {
                f.write_str("T")?;
            }
        }
        if self.has_time() {
            write!(f, "{:02}", c.hour())?;
        }
        if self.precision >= Precision::Minute {
            write!(f, ":{:02}", c.minute())?;
        }
        if self.precision >= Precision::Second {
            write!(f, ":{:02}", c.second())?;
        }
        if self.precision == Precision::Fraction {
            let nanos = format!("{:09}", c.subsec_nanosecond());
            write!(f, ".{}", &nanos[..usize::from(self.digits.clamp(1, 9))])?;
        }
        match self.offset {
            Some(offset) if offset == Offset::UTC => f.write_str("Z"),
            Some(offset) => {
                let minutes = offset.seconds() / 60;
                let sign = if minutes < 0 { '-' } else { '+' };
                write!(f, "{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
            }
            None => Ok(()),
        }
    }
}
