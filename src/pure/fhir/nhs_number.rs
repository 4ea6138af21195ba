//! The NHS number: ten digits, the last one a modulus 11 check digit (NHS Data Dictionary, NHS NUMBER).

/// The identifier system of England's NHS number.
pub const SYSTEM: &str = "https://fhir.nhs.uk/Id/nhs-number";

/// Whether these are ten digits of which the last checks the first nine. Spaces are not accepted here.
#[must_use]
pub fn is_valid(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || !bytes.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let digit = |index: usize| u32::from(bytes[index] - b'0');
    let sum: u32 = (0..9).map(|index| digit(index) * (10 - u32::try_from(index).unwrap_or(0))).sum();
    match 11 - sum % 11 {
        11 => digit(9) == 0,
        10 => false,
        check => digit(9) == check,
    }
}

#[cfg(test)]
mod tests {
    use super::is_valid;

    #[test]
    fn the_last_digit_checks_the_others() {
        for right in ["9999999468", "9990000018", "4010232137"] {
            assert!(is_valid(right), "{right}");
        }
        for wrong in ["9999999467", "999999946", "999 999 9468", "99999994680", "", "999999946x"] {
            assert!(!is_valid(wrong), "{wrong}");
        }
    }
}
