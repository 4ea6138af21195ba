//! Text → date, dateTime or time, with days that exist.

use super::{Moment, MomentKind, Precision};
use jiff::civil::{Date, Time};
use jiff::tz::Offset;

fn number(text: &str, range: std::ops::Range<usize>) -> Option<i16> {
    let part = text.get(range)?;
    if part.bytes().all(|b| b.is_ascii_digit()) { part.parse().ok() } else { None }
}

fn small(text: &str, range: std::ops::Range<usize>) -> Option<i8> {
    number(text, range).and_then(|n| i8::try_from(n).ok())
}

fn date(text: &str) -> Option<(Date, Precision)> {
    let bytes = text.as_bytes();
    let year = number(text, 0..4).filter(|y| *y > 0)?;
    let (month, day, precision) = match bytes.len() {
        4 => (1, 1, Precision::Year),
        7 if bytes[4] == b'-' => (small(text, 5..7)?, 1, Precision::Month),
        10 if bytes[4] == b'-' && bytes[7] == b'-' => (small(text, 5..7)?, small(text, 8..10)?, Precision::Day),
        _ => return None,
    };
    Some((Date::new(year, month, day).ok()?, precision))
}

fn time(text: &str) -> Option<(Time, Precision, u8)> {
    let bytes = text.as_bytes();
    let hour = small(text, 0..2)?;
    let (minute, second, precision) = match bytes.len() {
        2 => (0, 0, Precision::Hour),
        5 if bytes[2] == b':' => (small(text, 3..5)?, 0, Precision::Minute),
        8.. if bytes[2] == b':' && bytes[5] == b':' => (small(text, 3..5)?, small(text, 6..8)?, Precision::Second),
        _ => return None,
    };
    let (nanos, precision, digits) = match bytes.get(8) {
        None => (0, precision, 0),
        Some(b'.') if bytes.len() > 9 && bytes[9..].iter().all(u8::is_ascii_digit) => {
            let nanos: String = text[9..].chars().chain("000000000".chars()).take(9).collect();
            let digits = u8::try_from((bytes.len() - 9).min(9)).ok()?;
            (nanos.parse().ok()?, Precision::Fraction, digits)
        }
        Some(_) => return None,
    };
    // A leap second counts as the second before it.
    let second = if second == 60 { 59 } else { second };
    Some((Time::new(hour, minute, second, nanos).ok()?, precision, digits))
}

fn offset(text: &str) -> Option<Offset> {
    if text == "Z" {
        return Some(Offset::UTC);
    }
    let bytes = text.as_bytes();
    if bytes.len() != 6 || bytes[3] != b':' {
        return None;
    }
    let (hours, minutes) = (i32::from(number(text, 1..3)?), i32::from(number(text, 4..6)?));
    if hours > 14 || minutes > 59 || (hours == 14 && minutes > 0) {
        return None;
    }
    let seconds = (hours * 60 + minutes) * 60;
    Offset::from_seconds(if bytes[0] == b'-' { -seconds } else { seconds }).ok()
}

impl Moment {
    /// A date: `2026`, `2026-06` or `2026-06-30`.
    #[must_use]
    pub fn read_date(text: &str) -> Option<Moment> {
        let (date, precision) = date(text)?;
        Some(Moment { precision, ..Moment::day(date) })
    }

    /// A dateTime of any precision; the `T` after a mere date may be missing.
    #[must_use]
    pub fn read_date_time(text: &str) -> Option<Moment> {
        let (day, rest) = text.split_once('T').unwrap_or((text, ""));
        let moment = Moment { kind: MomentKind::DateTime, ..Moment::read_date(day)? };
        if rest.is_empty() {
            return Some(moment);
        }
        if moment.precision != Precision::Day {
            return None;
        }
        let zone = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
        let (time, precision, digits) = time(&rest[..zone])?;
        let offset = if zone == rest.len() { None } else { Some(offset(&rest[zone..])?) };
        let civil = moment.civil.date().to_datetime(time);
        Some(Moment { kind: MomentKind::DateTime, precision, civil, offset, digits })
    }

    /// A time of day of any precision, without `T`.
    #[must_use]
    pub fn read_time(text: &str) -> Option<Moment> {
        let (time, precision, digits) = time(text)?;
        let civil = Date::constant(1, 1, 1).to_datetime(time);
        Some(Moment { kind: MomentKind::Time, precision, civil, offset: None, digits })
    }
}
