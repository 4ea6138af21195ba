//! Reads a query or a form into names and values (application/x-www-form-urlencoded), and refuses what is not clean.

/// How many parameters, and how long a value, a question may have.
const MOST: usize = 64;
const LONGEST: usize = 2048;

/// Names and values in order, or what is wrong with them, in words without their values.
///
/// # Errors
/// A broken escape, text that is not UTF-8, a control character, too many or too long.
pub fn read(text: &str) -> Result<Vec<(String, String)>, &'static str> {
    let mut found = Vec::new();
    for part in text.split('&').filter(|p| !p.is_empty()) {
        if found.len() == MOST {
            return Err("there are too many parameters");
        }
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        found.push((decode(name)?, decode(value)?));
    }
    Ok(found)
}

fn decode(text: &str) -> Result<String, &'static str> {
    if text.len() > LONGEST {
        return Err("a parameter is too long");
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|b| char::from(b).to_digit(16));
                let (Some(high), Some(low)) = (digit(), digit()) else {
                    return Err("a parameter holds a broken escape");
                };
                u8::try_from(high * 16 + low).unwrap_or_default()
            }
            byte => byte,
        });
    }
    let text = String::from_utf8(bytes).map_err(|_| "a parameter is not UTF-8")?;
    if text.chars().any(char::is_control) { Err("a parameter holds a control character") } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_read_is_bounded_and_clean(text in "[a-z=&%+0-9A-F]{0,200}|.{0,80}") {
            for (name, value) in read(&text).unwrap_or_default() {
                prop_assert!(!name.contains(char::is_control) && !value.contains(char::is_control));
                prop_assert!(name.len() + value.len() <= text.len());
            }
        }
    }

    #[test]
    fn names_and_values_come_out_decoded_in_order() {
        let pair = |n: &str, v: &str| (n.to_owned(), v.to_owned());
        let read = read("patient=http%3A%2F%2Fx%7C1&a=b+c&a=&d&").unwrap();
        assert_eq!(read, [pair("patient", "http://x|1"), pair("a", "b c"), pair("a", ""), pair("d", "")]);
    }

    #[test]
    fn what_is_not_clean_is_refused() {
        for wrong in ["a=%", "a=%4", "a=%zz", "a=%ff", "a=%00", "a=%0d%0a"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert!(read(&"a&".repeat(65)).is_err());
        assert!(read(&format!("a={}", "b".repeat(3000))).is_err());
    }
}
