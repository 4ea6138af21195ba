//! Dates and times plus or minus a calendar's units (FHIRPath N1 §6.7).

use super::{Moment, MomentKind, Precision};
use crate::pure::fhirpath::decimal::Decimal;
use jiff::Span;

/// A unit that a date can be moved by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CalendarUnit {
    /// `year`
    Year,
    /// `month`
    Month,
    /// `week`
    Week,
    /// `day`
    Day,
    /// `hour`
    Hour,
    /// `minute`
    Minute,
    /// `second`
    Second,
    /// `millisecond`
    Millisecond,
}

impl CalendarUnit {
    /// The unit that a calendar's word names, in singular or plural.
    #[must_use]
    pub fn from_word(word: &str) -> Option<CalendarUnit> {
        Some(match word {
            "year" | "years" => CalendarUnit::Year,
            "month" | "months" => CalendarUnit::Month,
            "week" | "weeks" => CalendarUnit::Week,
            "day" | "days" => CalendarUnit::Day,
            "hour" | "hours" => CalendarUnit::Hour,
            "minute" | "minutes" => CalendarUnit::Minute,
            "second" | "seconds" => CalendarUnit::Second,
            "millisecond" | "milliseconds" => CalendarUnit::Millisecond,
            _ => return None,
        })
    }

    /// The unit that a UCUM code names, where it is as long as the calendar's (UCUM's `a` and `mo` are not).
    #[must_use]
    pub fn from_code(code: &str) -> Option<CalendarUnit> {
        Some(match code {
            "wk" => CalendarUnit::Week,
            "d" => CalendarUnit::Day,
            "h" => CalendarUnit::Hour,
            "min" => CalendarUnit::Minute,
            "s" => CalendarUnit::Second,
            "ms" => CalendarUnit::Millisecond,
            _ => return None,
        })
    }

    /// The UCUM code of the same length; none for years and months.
    #[must_use]
    pub fn code(self) -> Option<&'static str> {
        match self {
            CalendarUnit::Year | CalendarUnit::Month => None,
            CalendarUnit::Week => Some("wk"),
            CalendarUnit::Day => Some("d"),
            CalendarUnit::Hour => Some("h"),
            CalendarUnit::Minute => Some("min"),
            CalendarUnit::Second => Some("s"),
            CalendarUnit::Millisecond => Some("ms"),
        }
    }

    /// How many milliseconds it has, by the conversion factors of the calendar's durations (FHIRPath N1 §5.5.10).
    fn milliseconds(self) -> i64 {
        match self {
            CalendarUnit::Year => 365 * CalendarUnit::Day.milliseconds(),
            CalendarUnit::Month => 30 * CalendarUnit::Day.milliseconds(),
            CalendarUnit::Week => 7 * CalendarUnit::Day.milliseconds(),
            CalendarUnit::Day => 24 * CalendarUnit::Hour.milliseconds(),
            CalendarUnit::Hour => 60 * CalendarUnit::Minute.milliseconds(),
            CalendarUnit::Minute => 60 * CalendarUnit::Second.milliseconds(),
            CalendarUnit::Second => 1000,
            CalendarUnit::Millisecond => 1,
        }
    }

    /// So many of this unit as so many of another; a year has twelve months or 365 days.
    pub(in crate::pure::fhirpath) fn convert(self, value: Decimal, to: CalendarUnit) -> Option<Decimal> {
        match (self, to) {
            (CalendarUnit::Year, CalendarUnit::Month) => value.times(Decimal::from(12)),
            (CalendarUnit::Month, CalendarUnit::Year) => value.over(Decimal::from(12)),
            _ if self == to => Some(value),
            _ => value.times(Decimal::from(self.milliseconds()))?.over(Decimal::from(to.milliseconds())),
        }
    }

    fn span(self, count: i64) -> Option<Span> {
        match self {
            CalendarUnit::Year => Span::new().try_years(count),
            CalendarUnit::Month => Span::new().try_months(count),
            CalendarUnit::Week => Span::new().try_weeks(count),
            CalendarUnit::Day => Span::new().try_days(count),
            CalendarUnit::Hour => Span::new().try_hours(count),
            CalendarUnit::Minute => Span::new().try_minutes(count),
            CalendarUnit::Second => Span::new().try_seconds(count),
            CalendarUnit::Millisecond => Span::new().try_milliseconds(count),
        }
        .ok()
    }
}

/// How many whole steps of `coarse` the smaller unit's count makes: a date of a year only can move by whole years.
fn coarsen(unit: CalendarUnit, count: i64, coarse: Precision) -> Option<(CalendarUnit, i64)> {
    use CalendarUnit as U;
    let days = |count: i64| match unit {
        U::Week => count.checked_mul(7),
        U::Day => Some(count),
        U::Hour => Some(count / 24),
        U::Minute => Some(count / (24 * 60)),
        U::Second => Some(count / (24 * 60 * 60)),
        _ => Some(count / (24 * 60 * 60 * 1000)),
    };
    match (coarse, unit) {
        (Precision::Year, U::Year) | (Precision::Month, U::Year | U::Month) => Some((unit, count)),
        (Precision::Year, U::Month) => Some((U::Year, count / 12)),
        (Precision::Year, _) => Some((U::Year, days(count)? / 365)),
        (Precision::Month, _) => Some((U::Month, days(count)? / 30)),
        (Precision::Day, U::Hour | U::Minute | U::Second | U::Millisecond) => Some((U::Day, days(count)?)),
        _ => Some((unit, count)),
    }
}

impl Moment {
    /// Moved by `count` units; none where no calendar reaches (before year 1, after 9999) or a time of day is asked to
    /// move by days. A time of day goes round at midnight.
    #[must_use]
    pub fn moved(self, count: i64, unit: CalendarUnit) -> Option<Moment> {
        if self.kind == MomentKind::Time {
            if unit < CalendarUnit::Hour {
                return None;
            }
            let time = self.civil.time().wrapping_add(unit.span(count)?);
            return Some(Moment { civil: self.civil.date().to_datetime(time), ..self.finer(unit) });
        }
        let (unit, count) = coarsen(unit, count, self.precision)?;
        let civil = self.civil.checked_add(unit.span(count)?).ok()?;
        (1..=9999).contains(&civil.year()).then_some(Moment { civil, ..self.finer(unit) })
    }

    /// Milliseconds added to seconds show.
    fn finer(self, unit: CalendarUnit) -> Moment {
        if unit == CalendarUnit::Millisecond && self.precision == Precision::Second {
            return Moment { precision: Precision::Fraction, digits: 3, ..self };
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_after_january_ends_with_february() {
        let moved = Moment::read_date("2026-01-31").unwrap().moved(1, CalendarUnit::Month).unwrap();
        assert_eq!(moved.to_string(), "2026-02-28");
    }

    #[test]
    fn a_year_alone_moves_by_whole_years() {
        let year = Moment::read_date("2014").unwrap();
        assert_eq!(year.moved(24, CalendarUnit::Month).unwrap().to_string(), "2016");
        assert_eq!(year.moved(25, CalendarUnit::Month).unwrap().to_string(), "2016");
        assert!(year.moved(i64::MAX, CalendarUnit::Year).is_none());
        assert!(year.moved(9000, CalendarUnit::Year).is_none());
    }

    #[test]
    fn a_time_of_day_goes_round_at_midnight() {
        let late = Moment::read_time("23:00").unwrap();
        assert_eq!(late.moved(2, CalendarUnit::Hour).unwrap().to_string(), "01:00");
        assert!(late.moved(1, CalendarUnit::Day).is_none());
    }
}
