//! FHIR's partial dates and times (R4 §2.24: date, dateTime, instant, time), with real calendar dates.
//!
//! A [`When`] is as precise as it was written and no more: `2026-06` is all of June. Where no zone is written, the
//! clocks are those of Europe/London: a choice that ends on a summer date ends at 23:00 UTC.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, Timestamp};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::sync::OnceLock;

/// How much of a date or time was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Precision {
    /// `2026`
    Year,
    /// `2026-06`
    Month,
    /// `2026-06-30`
    Day,
    /// with seconds
    Second,
    /// with a fraction of a second
    Fraction,
}

/// A date or dateTime as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct When {
    /// What was written, the rest filled with the earliest.
    pub civil: DateTime,
    /// The zone, where one was written.
    pub offset: Option<Offset>,
    /// How much was written.
    pub precision: Precision,
}

fn digits(text: &str, range: std::ops::Range<usize>) -> Option<i16> {
    let part = text.get(range)?;
    if part.bytes().all(|b| b.is_ascii_digit()) { part.parse().ok() } else { None }
}

/// The clocks that count where no zone is written.
#[must_use]
pub fn london() -> TimeZone {
    static LONDON: OnceLock<TimeZone> = OnceLock::new();
    LONDON.get_or_init(|| TimeZone::get("Europe/London").unwrap_or(TimeZone::UTC)).clone()
}

impl When {
    /// A `date`: `YYYY`, `YYYY-MM` or `YYYY-MM-DD`, and a day that exists.
    #[must_use]
    pub fn date(text: &str) -> Option<When> {
        let bytes = text.as_bytes();
        let year = digits(text, 0..4).filter(|y| *y > 0)?;
        let (month, precision) = match bytes.len() {
            4 => (1, Precision::Year),
            7 | 10 if bytes[4] == b'-' => (digits(text, 5..7)?, Precision::Month),
            _ => return None,
        };
        let (day, precision) = match bytes.len() {
            10 if bytes[7] == b'-' => (digits(text, 8..10)?, Precision::Day),
            10 => return None,
            _ => (1, precision),
        };
        let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
        Some(When { civil: date.to_datetime(Time::midnight()), offset: None, precision })
    }

    /// A `dateTime`: a `date`, or a date with time to the second and zone (`Z` or `±hh:mm`).
    #[must_use]
    pub fn date_time(text: &str) -> Option<When> {
        let Some((date, rest)) = text.split_once('T') else { return When::date(text) };
        let date = When::date(date).filter(|d| d.precision == Precision::Day)?;
        let zone = rest.find(['Z', '+', '-'])?;
        let (time, precision) = time(&rest[..zone])?;
        let offset = offset(&rest[zone..])?;
        Some(When { civil: date.civil.date().to_datetime(time), offset: Some(offset), precision })
    }

    /// An `instant`: a `dateTime` with a time.
    #[must_use]
    pub fn instant(text: &str) -> Option<When> {
        When::date_time(text).filter(|w| w.precision >= Precision::Second)
    }

    fn zone(self) -> TimeZone {
        self.offset.map_or_else(london, TimeZone::fixed)
    }

    /// The first instant it covers.
    #[must_use]
    pub fn earliest(self) -> Timestamp {
        self.zone().to_timestamp(self.civil).unwrap_or(Timestamp::MIN)
    }

    /// The first instant after what it covers: for `2026-06-30`, midnight of 1 July in London.
    #[must_use]
    pub fn end(self) -> Timestamp {
        let span = match self.precision {
            Precision::Year => Span::new().years(1),
            Precision::Month => Span::new().months(1),
            Precision::Day => Span::new().days(1),
            Precision::Second => Span::new().seconds(1),
            Precision::Fraction => Span::new().nanoseconds(1),
        };
        let next = self.civil.checked_add(span).ok().and_then(|c| self.zone().to_timestamp(c).ok());
        next.unwrap_or(Timestamp::MAX)
    }
}

impl fmt::Display for When {
    /// As it was written, a fraction of a second without zeros at its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = match self.precision {
            Precision::Year => "%Y",
            Precision::Month => "%Y-%m",
            Precision::Day => "%Y-%m-%d",
            Precision::Second => "%Y-%m-%dT%H:%M:%S",
            Precision::Fraction => "%Y-%m-%dT%H:%M:%S%.f",
        };
        write!(f, "{}", self.civil.strftime(form))?;
        if self.precision == Precision::Fraction && self.civil.subsec_nanosecond() == 0 {
            f.write_str(".0")?;
        }
        let Some(offset) = self.offset else { return Ok(()) };
        let minutes = offset.seconds() / 60;
        if minutes == 0 {
            return f.write_str("Z");
        }
        let sign = if minutes < 0 { '-' } else { '+' };
        write!(f, "{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
    }
}

impl Serialize for When {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<When, D::Error> {
        let text = String::deserialize(deserializer)?;
        When::date_time(&text).ok_or_else(|| D::Error::custom("a date cannot be read"))
    }
}

/// A `time` of day: `hh:mm:ss`, with an optional fraction. A leap second (`:60`) counts as `:59`.
#[must_use]
pub fn time(text: &str) -> Option<(Time, Precision)> {
    let bytes = text.as_bytes();
    if bytes.len() < 8 || bytes[2] != b':' || bytes[5] != b':' {
        return None;
    }
    let (hour, minute, second) = (digits(text, 0..2)?, digits(text, 3..5)?, digits(text, 6..8)?);
    if second > 60 {
        return None;
    }
    let (nanos, precision) = match bytes.get(8) {
        None => (0, Precision::Second),
        Some(b'.') if bytes.len() > 9 && bytes[9..].iter().all(u8::is_ascii_digit) => {
            let fraction: String = text[9..].chars().chain("000000000".chars()).take(9).collect();
            (fraction.parse().ok()?, Precision::Fraction)
        }
        Some(_) => return None,
    };
    let part = |value: i16| i8::try_from(value).ok();
    Some((Time::new(part(hour)?, part(minute)?, part(second.min(59))?, nanos).ok()?, precision))
}

fn offset(text: &str) -> Option<Offset> {
    if text == "Z" {
        return Some(Offset::UTC);
    }
    let bytes = text.as_bytes();
    if bytes.len() != 6 || bytes[3] != b':' {
        return None;
    }
    let (hours, minutes) = (digits(text, 1..3)?, digits(text, 4..6)?);
    if hours > 14 || minutes > 59 || (hours == 14 && minutes > 0) {
        return None;
    }
    let seconds = (i32::from(hours) * 60 + i32::from(minutes)) * 60;
    Offset::from_seconds(if bytes[0] == b'-' { -seconds } else { seconds }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_days_that_exist_are_dates() {
        assert!(When::date("2026-02-28").is_some());
        assert!(When::date("2024-02-29").is_some());
        for wrong in ["2026-02-29", "2026-13", "26-01-01", "2026-1-1", "2026-01-01 ", "0000", "2026-01-01T00:00:00Z"] {
            assert!(When::date(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn what_was_read_is_written_as_it_was() {
        for text in ["2026", "2026-06", "2026-06-30", "2026-06-30T12:00:00Z", "2026-06-30T12:00:00.25-03:30"] {
            assert_eq!(When::date_time(text).unwrap().to_string(), text);
        }
        let whole = When::date_time("2026-06-30T12:00:00.0+01:00").unwrap();
        assert_eq!(When::date_time(&whole.to_string()), Some(whole));
    }

    #[test]
    fn a_time_needs_seconds_and_a_zone() {
        assert!(When::date_time("2026-06-30T12:00:00Z").is_some());
        assert!(When::date_time("2026-06-30T12:00:00.123+01:00").is_some());
        for wrong in ["2026-06-30T12:00Z", "2026-06-30T12:00:00", "2026-06-30T24:00:00Z", "2026-06T12:00:00Z"] {
            assert!(When::date_time(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_summer_date_ends_an_hour_before_midnight_utc() {
        let end = When::date("2026-06-30").unwrap().end();
        assert_eq!(end.to_string(), "2026-06-30T23:00:00Z");
        let winter = When::date("2026-01-31").unwrap().end();
        assert_eq!(winter.to_string(), "2026-02-01T00:00:00Z");
    }
}
