//! A number with a unit: UCUM, or a calendar's words.

use super::decimal::Decimal;
use super::moment::CalendarUnit;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

/// The longest unit that is looked into, in bytes: UCUM's reader goes deeper with each term.
const UNIT: usize = 200;

/// A number in another unit of UCUM; none where the units measure different things, are none, or are longer than units are.
#[must_use]
pub fn converted(value: f64, from: &str, to: &str) -> Option<f64> {
    if from.len() > UNIT || to.len() > UNIT { None } else { ucum::convert(value, from, to).ok() }
}

/// A number with a unit.
#[derive(Clone, Debug)]
pub struct Quantity<'a> {
    /// How much.
    pub value: Decimal,
    /// Of what: a UCUM code (`1` where there is none), or a calendar's word.
    pub unit: Cow<'a, str>,
    /// Whether the unit is a calendar's word: `4 days` and not `4 'd'`.
    pub calendar: bool,
    /// Whether it stands in a record, where UCUM's `a` and `mo` mean the calendar's year and month.
    pub recorded: bool,
}

impl<'a> Quantity<'a> {
    /// A mere number.
    #[must_use]
    pub fn number(value: Decimal) -> Quantity<'a> {
        Quantity { value, unit: Cow::Borrowed("1"), calendar: false, recorded: false }
    }

    /// So much of a unit, as an expression writes it.
    #[must_use]
    pub fn of(value: Decimal, unit: Cow<'a, str>, calendar: bool) -> Quantity<'a> {
        Quantity { value, unit, calendar, recorded: false }
    }

    /// Reads `4 days`, `4.5 'mg'` or `4`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Quantity<'static>> {
        let text = text.trim();
        let end = text.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '-' | '+')).unwrap_or(text.len());
        let value = Decimal::parse(&text[..end])?;
        let unit = text[end..].trim_start();
        if unit.is_empty() {
            return Some(Quantity::number(value));
        }
        if let Some(code) = unit.strip_prefix('\'').and_then(|u| u.strip_suffix('\'')) {
            return (!code.is_empty()).then(|| Quantity::of(value, Cow::Owned(code.to_owned()), false));
        }
        CalendarUnit::from_word(unit)?;
        Some(Quantity::of(value, Cow::Owned(unit.to_owned()), true))
    }

    /// The calendar's unit: a calendar's word, or, in a quantity out of a record, UCUM's code for it (R4 fhirpath §2.9.1.3,
    /// Use of FHIR Quantity).
    fn word(&self) -> Option<CalendarUnit> {
        match &*self.unit {
            word if self.calendar => CalendarUnit::from_word(word),
            "a" if self.recorded => Some(CalendarUnit::Year),
            "mo" if self.recorded => Some(CalendarUnit::Month),
            _ => None,
        }
    }

    /// The unit of time that a date can be moved by; the official suite takes the calendar's words in quotes too.
    #[must_use]
    pub fn calendar_unit(&self) -> Option<CalendarUnit> {
        self.word().or_else(|| CalendarUnit::from_code(&self.unit)).or_else(|| CalendarUnit::from_word(&self.unit))
    }

    /// The UCUM code of the unit, which the calendar's months and years do not have.
    fn code(&self) -> Option<&str> {
        if self.calendar { CalendarUnit::from_word(&self.unit)?.code() } else { Some(&self.unit) }
    }

    /// With UCUM's year or month for the calendar's, which `~` does not tell apart (FHIRPath N1 §6.1.2).
    fn definite(&self) -> Quantity<'_> {
        let unit = match self.word() {
            Some(CalendarUnit::Year) => "a",
            Some(CalendarUnit::Month) => "mo",
            _ => return self.clone(),
        };
        Quantity { value: self.value, unit: Cow::Borrowed(unit), calendar: false, recorded: false }
    }

    /// Whether both measure the same thing.
    #[must_use]
    pub fn is_comparable(&self, other: &Quantity<'_>) -> bool {
        self.in_unit_of(other).is_some()
    }

    /// The same amount in the other's unit; none where they measure different things.
    #[must_use]
    pub fn in_unit_of(&self, other: &Quantity<'_>) -> Option<Decimal> {
        if self.unit == other.unit && self.calendar == other.calendar {
            return Some(self.value);
        }
        if self.calendar || other.calendar {
            let known = |q: &Quantity<'_>| q.word().or_else(|| CalendarUnit::from_code(&q.unit));
            // UCUM's year has 365.25 days, the calendar's has not: they do not compare (FHIRPath N1 §6.2).
            return known(self)?.convert(self.value, known(other)?);
        }
        let (from, to) = (self.code()?, other.code()?);
        if from == to {
            return Some(self.value);
        }
        if from.len() > UNIT || to.len() > UNIT {
            return None;
        }
        let (a, b) = (ucum::analyze(from).ok()?, ucum::analyze(to).ok()?);
        if a.dimension != b.dimension {
            return None;
        }
        if a.is_special || b.is_special {
            // Temperatures and logarithms: no exact factor, so what the conversion adds beyond ten digits is noise.
            return Decimal::from_f64(converted(self.value.to_f64(), from, to)?).map(|d| d.rounded(10).trimmed(0));
        }
        let (factor, inverse) = (Decimal::from_f64(a.factor / b.factor), Decimal::from_f64(b.factor / a.factor));
        match (factor, inverse) {
            // Dividing by a whole number is exact where multiplying by its rounded inverse is not.
            (_, Some(inverse)) if a.factor < b.factor => self.value.over(inverse),
            (Some(factor), _) => self.value.times(factor),
            _ => None,
        }
    }

    /// Which is larger; none where they measure different things.
    #[must_use]
    pub fn compare(&self, other: &Quantity<'_>) -> Option<Ordering> {
        Some(self.in_unit_of(other)?.cmp(&other.value))
    }

    /// Whether both are the same to the digits of the one written with fewer, zeros at the end not counted.
    #[must_use]
    pub fn is_equivalent(&self, other: &Quantity<'_>) -> bool {
        if self.calendar != other.calendar && self.in_unit_of(other).is_none() {
            return self.definite().is_alike(&other.definite());
        }
        self.is_alike(other)
    }

    fn is_alike(&self, other: &Quantity<'_>) -> bool {
        let digits = self.value.trimmed(0).scale.min(other.value.trimmed(0).scale);
        // The converted number is rounded to what was written, not to what the conversion made of it.
        let Some(mine) = self.in_unit_of(other) else { return false };
        if mine == other.value {
            return true;
        }
        let Some(theirs) = other.in_unit_of(self) else { return false };
        mine.rounded(digits) == other.value.rounded(digits) || theirs.rounded(digits) == self.value.rounded(digits)
    }

    /// The sum, in the finer of the two units: `3 'm' + 3 'cm'` is `303 'cm'` (FHIRPath N1 §6.6.3).
    #[must_use]
    pub fn plus(&self, other: &Quantity<'a>) -> Option<Quantity<'a>> {
        let one = Quantity { value: Decimal::from(1), ..self.clone() };
        let (coarse, fine) = if one.in_unit_of(other)? > Decimal::from(1) { (self, other) } else { (other, self) };
        Some(Quantity { value: coarse.in_unit_of(fine)?.plus(fine.value)?, ..fine.clone() })
    }

    fn is_one(&self) -> bool {
        self.unit == "1"
    }

    /// So much of the same unit.
    fn with(&self, value: Decimal) -> Quantity<'static> {
        let unit = Cow::Owned(self.unit.clone().into_owned());
        Quantity { value, unit, calendar: self.calendar, recorded: self.recorded }
    }

    /// The product, its unit composed; none where the unit gets too long.
    #[must_use]
    pub fn times(&self, other: &Quantity<'_>) -> Option<Quantity<'static>> {
        let value = self.value.times(other.value)?;
        let unit = match (self.is_one(), other.is_one()) {
            (true, _) => return Some(other.with(value)),
            (_, true) => return Some(self.with(value)),
            _ => format!("{}.{}", grouped(self.code()?), grouped(other.code()?)),
        };
        (unit.len() <= UNIT).then(|| Quantity::of(value, Cow::Owned(unit), false))
    }

    /// The quotient, its unit composed; none where the unit gets too long.
    #[must_use]
    pub fn over(&self, other: &Quantity<'_>) -> Option<Quantity<'static>> {
        let value = self.value.over(other.value)?;
        if other.is_one() {
            return Some(self.with(value));
        }
        let unit = if self.unit == other.unit || (self.code().is_some() && self.code() == other.code()) {
            "1".to_owned()
        } else {
            format!("{}/{}", grouped(self.code()?), grouped(other.code()?))
        };
        (unit.len() <= UNIT).then(|| Quantity::of(value, Cow::Owned(unit), false))
    }
}

fn grouped(unit: &str) -> Cow<'_, str> {
    if unit.contains(['.', '/']) { Cow::Owned(format!("({unit})")) } else { Cow::Borrowed(unit) }
}

impl fmt::Display for Quantity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.calendar {
            write!(f, "{} {}", self.value, self.unit)
        } else {
            write!(f, "{} '{}'", self.value, self.unit)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn q(text: &str) -> Quantity<'static> {
        Quantity::parse(text).unwrap()
    }

    #[test]
    fn units_convert_before_they_compare() {
        assert_eq!(q("4 'g'").compare(&q("4000 'mg'")), Some(Ordering::Equal));
        assert_eq!(q("4 'g'").compare(&q("4040 'mg'")), Some(Ordering::Less));
        assert_eq!(q("7 days").compare(&q("1 'wk'")), Some(Ordering::Equal));
        assert_eq!(q("1 year").compare(&q("12 months")), Some(Ordering::Equal));
        assert_eq!(q("1 year").compare(&q("1 'a'")), None);
        assert_eq!(q("1 day").compare(&q("1 'a'")), None);
        assert_eq!(q("1 month").compare(&q("30 days")), Some(Ordering::Equal));
        assert_eq!(q("24 hours").compare(&q("1 'd'")), Some(Ordering::Equal));
        assert!(q("1 year").is_equivalent(&q("1 'a'")) && q("12 months").is_equivalent(&q("1 'a'")));
        assert!(q("1.00 'm'").is_equivalent(&q("1.1 'm'")));
        assert_eq!(q("1 'cm'").compare(&q("1 's'")), None);
        assert!(Quantity::parse("1 wk").is_none());
    }

    #[test]
    fn products_have_composed_units() {
        let area = q("2.0 'cm'").times(&q("2.0 'm'")).unwrap();
        assert_eq!(area.compare(&q("0.040 'm2'")), Some(Ordering::Equal));
        assert_eq!(q("4.0 'g'").over(&q("2.0 'm'")).unwrap().compare(&q("2 'g/m'")), Some(Ordering::Equal));
        assert_eq!(q("1.0 'm'").over(&q("1.0 'm'")).unwrap().to_string(), "1 '1'");
    }
}
