//! The patterns of `matches()` and its kin: full regular expressions in time linear to the text, and what each may cost.

use regex::{Regex, RegexBuilder};

/// Bytes that a compiled pattern may take, tried from small to large: the larger, the more each byte of text costs.
const SIZES: [usize; 5] = [4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20];

/// A compiled pattern.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    pub regex: Regex,
    size: usize,
}

impl Pattern {
    /// Compiles a pattern as `matches()` means it: anywhere in the text, `.` matches line ends; with `whole` all of the
    /// text. The flag `i` takes letters of either case, `m` lets `^` and `$` match at each line. None for what is no
    /// pattern, looks around, or is too large.
    pub fn compile(text: &str, whole: bool, flags: &str) -> Option<Pattern> {
        let text = if whole { format!("^(?:{text})$") } else { text.to_owned() };
        SIZES.into_iter().find_map(|size| {
            let regex = RegexBuilder::new(&text)
                .dot_matches_new_line(true)
                .case_insensitive(flags.contains('i'))
                .multi_line(flags.contains('m'))
                .size_limit(size)
                .dfa_size_limit(SIZES[4])
                .build()
                .ok()?;
            Some(Pattern { regex, size })
        })
    }

    /// The steps that compiling it counts as.
    pub fn compiling(&self) -> usize {
        self.size / 4
    }

    /// The steps that one search through so many bytes of text counts as.
    pub fn cost(&self, bytes: usize) -> usize {
        bytes.saturating_mul(self.size / SIZES[0])
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn what_takes_longer_costs_more() {
        let small = Pattern::compile("^[a-z]+$", false, "").unwrap();
        let large = Pattern::compile("(x{1,90}){1,90}z", false, "").unwrap();
        assert!(small.cost(1600) <= 1_600 && large.cost(1600) > 5_000);
        assert!(large.compiling() > small.compiling());
        for refused in ["(", "(?=x)", "(x)\\1", "((x{1,1000}){1,1000}){1,1000}"] {
            assert!(Pattern::compile(refused, false, "").is_none(), "{refused}");
        }
    }
}
