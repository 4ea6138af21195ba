//! Exact decimals: FHIR's digits and precision, and no binary fractions.

use std::cmp::Ordering;
use std::fmt;

/// A decimal number: `mantissa` × 10^-`scale`. `1.50` is 150 with scale 2: the digits written are kept.
///
/// `=` and `<` compare numbers, not digits: `1.50` equals `1.5`. What does not fit 38 digits is no decimal; sums and
/// products that do not fit are none, as FHIRPath asks for overflow.
#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    /// All digits, with the sign.
    pub mantissa: i128,
    /// How many of them stand after the point; at most 38.
    pub scale: u32,
}

/// Digits after the point that a division may add.
const DIVISION: u32 = 20;

fn ten_to(power: u32) -> Option<i128> {
    10i128.checked_pow(power)
}

impl From<i64> for Decimal {
    fn from(value: i64) -> Decimal {
        Decimal { mantissa: i128::from(value), scale: 0 }
    }
}

impl Decimal {
    /// Reads `-12.50` or JSON's `1.25e2`; none where it is no number or has too many digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Decimal> {
        let (digits, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (negative, digits) = match digits.as_bytes().first()? {
            b'-' => (true, &digits[1..]),
            b'+' => (false, &digits[1..]),
            _ => (false, digits),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() || (digits.contains('.') && fraction.is_empty()) {
            return None;
        }
        let mut mantissa: i128 = 0;
        for byte in whole.bytes().chain(fraction.bytes()) {
            if !byte.is_ascii_digit() {
                return None;
            }
            mantissa = mantissa.checked_mul(10)?.checked_add(i128::from(byte - b'0'))?;
        }
        let mantissa = if negative { -mantissa } else { mantissa };
        let scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
        if scale >= 0 {
            let scale = u32::try_from(scale).ok().filter(|s| *s <= 38)?;
            return Some(Decimal { mantissa, scale });
        }
        let mantissa = mantissa.checked_mul(ten_to(scale.unsigned_abs())?)?;
        Some(Decimal { mantissa, scale: 0 })
    }

    /// The nearest decimal of at most 15 significant digits; none for what is not a number or too large.
    #[must_use]
    pub fn from_f64(value: f64) -> Option<Decimal> {
        if !value.is_finite() || value.abs() > 1e30 {
            return None;
        }
        if value.abs() < 1e-30 {
            return Some(Decimal::from(0));
        }
        let written = format!("{value:.14e}");
        let (digits, exponent) = written.split_once('e')?;
        let exponent: i32 = exponent.parse().ok()?;
        let mantissa: i128 = digits.replace('.', "").parse().ok()?;
        let scale = 14 - exponent;
        let exact = if scale >= 0 {
            Decimal { mantissa, scale: u32::try_from(scale).ok()? }.trimmed(0)
        } else {
            Decimal { mantissa: mantissa.checked_mul(ten_to(scale.unsigned_abs())?)?, scale: 0 }
        };
        Some(if exact.scale > 38 { exact.rounded(38) } else { exact })
    }

    /// The nearest binary fraction, for functions that have no exact answer.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.to_string().parse().unwrap_or(f64::NAN)
    }

    /// The whole number, where it is one and fits.
    #[must_use]
    pub fn to_integer(self) -> Option<i64> {
        let trimmed = self.trimmed(0);
        if trimmed.scale == 0 { i64::try_from(trimmed.mantissa).ok() } else { None }
    }

    /// The same number without zeros at the end, but at least `least` digits after the point where it has them.
    #[must_use]
    pub fn trimmed(mut self, least: u32) -> Decimal {
        while self.scale > least && self.mantissa % 10 == 0 {
            self.mantissa /= 10;
            self.scale -= 1;
        }
        self
    }

    /// The same number with `scale` digits after the point; none where that loses digits or does not fit.
    #[must_use]
    pub fn widened(self, scale: u32) -> Option<Decimal> {
        let more = scale.checked_sub(self.scale)?;
        Some(Decimal { mantissa: self.mantissa.checked_mul(ten_to(more)?)?, scale })
    }

    fn cut(self, scale: u32, adjust: impl Fn(i128, i128, i128) -> i128) -> Decimal {
        if scale >= self.scale {
            return self;
        }
        let Some(unit) = ten_to(self.scale - scale) else { return Decimal { mantissa: 0, scale } };
        let (quotient, rest) = (self.mantissa / unit, self.mantissa % unit);
        Decimal { mantissa: quotient + adjust(rest, unit, self.mantissa.signum()), scale }
    }

    /// Rounded to `scale` digits after the point, halves away from zero.
    #[must_use]
    pub fn rounded(self, scale: u32) -> Decimal {
        self.cut(scale, |rest, unit, sign| if rest.abs() >= unit - rest.abs() { sign } else { 0 })
    }

    /// Cut after `scale` digits, towards zero.
    #[must_use]
    pub fn truncated(self, scale: u32) -> Decimal {
        self.cut(scale, |_, _, _| 0)
    }

    /// The largest number of `scale` digits after the point that is not above it.
    #[must_use]
    pub fn floor(self, scale: u32) -> Decimal {
        self.cut(scale, |rest, _, _| if rest < 0 { -1 } else { 0 })
    }

    /// The smallest number of `scale` digits after the point that is not below it.
    #[must_use]
    pub fn ceiling(self, scale: u32) -> Decimal {
        self.cut(scale, |rest, _, _| i128::from(rest > 0))
    }

    /// With the other sign.
    #[must_use]
    pub fn negated(self) -> Decimal {
        Decimal { mantissa: self.mantissa.checked_neg().unwrap_or(i128::MAX), scale: self.scale }
    }

    fn aligned(self, other: Decimal) -> Option<(i128, i128, u32)> {
        let scale = self.scale.max(other.scale);
        Some((self.widened(scale)?.mantissa, other.widened(scale)?.mantissa, scale))
    }

    /// The sum.
    #[must_use]
    pub fn plus(self, other: Decimal) -> Option<Decimal> {
        let (a, b, scale) = self.aligned(other)?;
        Some(Decimal { mantissa: a.checked_add(b)?, scale })
    }

    /// The product.
    #[must_use]
    pub fn times(self, other: Decimal) -> Option<Decimal> {
        let product = |a: Decimal, b: Decimal| {
            let scale = a.scale + b.scale;
            let mantissa = a.mantissa.checked_mul(b.mantissa)?;
            let exact = Decimal { mantissa, scale };
            Some(if scale > 38 { exact.rounded(38) } else { exact })
        };
        product(self, other).or_else(|| product(self.trimmed(0), other.trimmed(0)))
    }

    /// The quotient, to 20 digits after the point where it does not end before.
    #[must_use]
    pub fn over(self, other: Decimal) -> Option<Decimal> {
        if other.mantissa == 0 {
            return None;
        }
        let (a, b) = (self.trimmed(0), other.trimmed(0));
        for digits in [DIVISION, 12, 6, 0] {
            // a/10^s ÷ b/10^t, with `digits` after the point, is a·10^(digits + t - s) ÷ b.
            let shift = digits + b.scale;
            let numerator = if shift >= a.scale {
                ten_to(shift - a.scale).and_then(|f| a.mantissa.checked_mul(f))
            } else {
                ten_to(a.scale - shift).map(|f| a.mantissa / f)
            };
            let Some(numerator) = numerator else { continue };
            let (quotient, rest) = (numerator.checked_div(b.mantissa)?, numerator % b.mantissa);
            let up = rest.unsigned_abs() >= b.mantissa.unsigned_abs() - rest.unsigned_abs();
            let sign = if (numerator < 0) == (b.mantissa < 0) { 1 } else { -1 };
            let mantissa = if up && rest != 0 { quotient.checked_add(sign)? } else { quotient };
            return Some(Decimal { mantissa, scale: digits }.trimmed(0));
        }
        None
    }

    /// The quotient's whole part (`div`) and the rest (`mod`).
    #[must_use]
    pub fn divided(self, other: Decimal) -> Option<(Decimal, Decimal)> {
        let (a, b, scale) = self.aligned(other)?;
        let whole = Decimal { mantissa: a.checked_div(b)?, scale: 0 };
        Some((whole, Decimal { mantissa: a.checked_rem(b)?, scale }.trimmed(0)))
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Decimal) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Decimal) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Decimal) -> Ordering {
        if let Some((a, b, _)) = self.aligned(*other) {
            return a.cmp(&b);
        }
        let (a, b) = (self.trimmed(0), other.trimmed(0));
        match a.aligned(b) {
            Some((a, b, _)) => a.cmp(&b),
            // The one that does not fit with the other's digits is far larger than it.
            None if a.scale < b.scale => a.mantissa.signum().cmp(&0).then(Ordering::Equal),
            None => 0.cmp(&b.mantissa.signum()),
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.mantissa.unsigned_abs().to_string();
        let scale = self.scale as usize;
        if self.mantissa < 0 {
            f.write_str("-")?;
        }
        if scale == 0 {
            return f.write_str(&digits);
        }
        let digits = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        write!(f, "{whole}.{fraction}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn digits_are_kept_and_numbers_compared() {
        assert_eq!(d("1.50").to_string(), "1.50");
        assert_eq!(d("-0.05").to_string(), "-0.05");
        assert_eq!(d("1.50"), d("1.5"));
        assert_eq!(d("1.25e2"), d("125"));
        assert!(d("-1.1") < d("-1.09"));
        assert!(d("12345678901234567890123456789012345678") > d("0.00000000000000000001"));
        assert!(d("-12345678901234567890123456789012345678") < d("0.00000000000000000001"));
        for wrong in ["", "-", ".5", "1.", "1.a", "1e", "1e999", "0x1"] {
            assert!(Decimal::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn arithmetic_is_exact() {
        assert_eq!(d("0.1").plus(d("0.2")), Some(d("0.3")));
        assert_eq!(d("1.2").times(d("1.2")), Some(d("1.44")));
        assert_eq!(d("1").over(d("3")).unwrap().to_string(), "0.33333333333333333333");
        assert_eq!(d("-2").over(d("3")).unwrap().to_string(), "-0.66666666666666666667");
        assert_eq!(d("1").over(d("0")), None);
        assert_eq!(
            d("2.2").divided(d("1.8")).map(|(q, r)| (q.to_string(), r.to_string())),
            Some(("1".into(), "0.4".into()))
        );
    }

    #[test]
    fn rounding_goes_where_its_name_says() {
        assert_eq!(d("-1.5").rounded(0).to_string(), "-2");
        assert_eq!(d("1.45").rounded(1).to_string(), "1.5");
        assert_eq!(d("-1.56").truncated(0).to_string(), "-1");
        assert_eq!(d("-1.56").floor(0).to_string(), "-2");
        assert_eq!(d("1.01").ceiling(1).to_string(), "1.1");
    }

    #[test]
    fn a_binary_fraction_becomes_the_decimal_it_stands_for() {
        assert_eq!(Decimal::from_f64(0.1 + 0.2), Some(d("0.3")));
        assert_eq!(Decimal::from_f64(1e-9).unwrap().to_string(), "0.000000001");
        assert_eq!(Decimal::from_f64(f64::NAN), None);
    }
}
