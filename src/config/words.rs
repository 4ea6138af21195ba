//! Words of the configuration: sizes with their unit, and the name that was probably meant.

/// `64 KiB` and the like in bytes.
pub(super) fn bytes(text: &str) -> Option<usize> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: usize = text[..split].parse().ok()?;
    let unit = match text[split..].trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(unit)
}

/// Names for people: `a`, `b`, `c`.
pub(super) fn listed<'s>(names: impl Iterator<Item = &'s str>) -> String {
    names.map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")
}

/// The name that was probably meant, if one is near.
pub(super) fn closest<'s>(name: &str, among: impl Iterator<Item = &'s str>) -> Option<&'s str> {
    let most = name.chars().count().div_ceil(3).clamp(1, 3);
    among.map(|other| (distance(name, other), other)).filter(|(d, _)| *d <= most).min().map(|(_, other)| other)
}

/// How many letters have to be added, dropped or changed (Levenshtein). Long names are not compared.
fn distance(a: &str, b: &str) -> usize {
    if a.len() > 128 || b.len() > 128 {
        return usize::MAX;
    }
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (corner + usize::from(x != *y)).min(above + 1).min(row[j] + 1);
            corner = above;
        }
    }
    row[b.len()]
}

/// What was probably meant, or what there is.
pub(super) fn suggestion(name: &str, known: &[String]) -> String {
    match closest(name, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "there is none".to_owned(),
        None => format!("there are {}", listed(known.iter().map(String::as_str))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_that_was_meant_is_found() {
        let names = ["endpoint", "format", "party"];
        assert_eq!(closest("endpont", names.into_iter()), Some("endpoint"));
        assert_eq!(closest("fromat", names.into_iter()), Some("format"));
        assert_eq!(closest("colour", names.into_iter()), None);
    }

    #[test]
    fn sizes_are_read_with_their_unit() {
        assert_eq!(bytes("8 MiB"), Some(8 << 20));
        assert_eq!(bytes("64KiB"), Some(64 << 10));
        assert_eq!(bytes("12"), Some(12));
        for wrong in ["", "MiB", "8 MB", "-1", "1.5 MiB", "99999999999999999999 GiB"] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }
}
