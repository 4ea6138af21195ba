//! Exact decimals: FHIR's digits and precision, and no binary fractions.

/// A decimal number: `mantissa` × 10^-`scale`. `1.50` is 150 with scale 2: the digits written are kept.
#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    /// All digits, with the sign.
    pub mantissa: i128,
    /// How many of them stand after the point.
    pub scale: u32,
}
