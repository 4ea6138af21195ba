//! The earliest and latest moment that what was written allows (`lowBoundary()`, `highBoundary()`).

use super::{Moment, MomentKind, Precision};
use jiff::tz::{Offset, offset};

fn precision_of(digits: i64, kind: MomentKind) -> Option<Precision> {
    let digits = if kind == MomentKind::Time { digits + 8 } else { digits };
    let precision = match digits {
        4 => Precision::Year,
        6 => Precision::Month,
        8 => Precision::Day,
        10 => Precision::Hour,
        12 => Precision::Minute,
        14 => Precision::Second,
        17 => Precision::Fraction,
        _ => return None,
    };
    match kind {
        MomentKind::Date if precision > Precision::Day => None,
        MomentKind::Time if precision < Precision::Hour => None,
        _ => Some(precision),
    }
}

impl Moment {
    fn boundary(self, digits: Option<i64>, offset: Offset, fill: impl Fn(Moment) -> Option<Moment>) -> Option<Moment> {
        let usual = match self.kind {
            MomentKind::Date => 8,
            MomentKind::DateTime => 17,
            MomentKind::Time => 9,
        };
        let precision = precision_of(digits.unwrap_or(usual), self.kind)?;
        let mut filled = if precision > self.precision { fill(self)? } else { self };
        filled.precision = precision;
        filled.digits = if precision == Precision::Fraction { self.digits.max(3) } else { 0 };
        let zoned = self.kind == MomentKind::DateTime && precision >= Precision::Hour;
        filled.offset = if zoned { Some(self.offset.unwrap_or(offset)) } else { None };
        Some(filled)
    }

    /// The earliest, to `digits` of the longest form; where no zone was written, that of the east-most clocks.
    #[must_use]
    pub fn low_boundary(self, digits: Option<i64>) -> Option<Moment> {
        self.boundary(digits, offset(14), Some)
    }

    /// The latest, to `digits` of the longest form; where no zone was written, that of the west-most clocks.
    ///
    /// An hour without minutes counts as the full hour, as the official suite has it.
    #[must_use]
    pub fn high_boundary(self, digits: Option<i64>) -> Option<Moment> {
        self.boundary(digits, offset(-12), |moment| {
            let civil = moment.civil;
            let mut with = civil.with();
            if moment.precision < Precision::Month {
                with = with.month(12);
            }
            if moment.precision < Precision::Day {
                let last = with.day(1).build().ok()?.days_in_month();
                with = civil.with().day(last);
                if moment.precision < Precision::Month {
                    with = with.month(12);
                }
            }
            if moment.precision < Precision::Hour {
                with = with.hour(23).minute(59);
            }
            if moment.precision < Precision::Second {
                with = with.second(59);
            }
            if moment.precision < Precision::Fraction {
                with = with.subsec_nanosecond(999_000_000);
            }
            Some(Moment { civil: with.build().ok()?, ..moment })
        })
    }
}
