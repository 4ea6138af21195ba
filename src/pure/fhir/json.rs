//! JSON text → [`Tree`], strictly (RFC 8259), within limits.
//!
//! Comes in: bytes as sent. Goes out: a tree that remembers where everything stood. Refuses, with line, column and
//! remedy: anything but UTF-8, a byte order mark, duplicate names, lone surrogates, control characters, numbers no
//! decimal can hold, trailing data, and input deeper or larger than the limits.
//!
//! Our own reader and not `serde_json`'s, for one reason: the sender is told the line and column of a finding in *their*
//! file, and no `serde` reader hands the position of a value to what it builds. In the same pass it rejects duplicate
//! names and keeps decimals as written. The test below holds it to `serde_json`'s verdict on everything else.

use super::issue::{Issue, Report};
use super::tree::{Id, Kind, Place, Tree, line_and_column};

/// What a reader accepts before it gives up.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Arrays and objects inside one another.
    pub depth: usize,
    /// Values in all.
    pub nodes: usize,
    /// Items of one array, or members of one object.
    pub items: usize,
    /// Bytes of text.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { depth: 100, nodes: 2_000_000, items: 100_000, bytes: 64 << 20 }
    }
}

/// Reads JSON.
///
/// # Errors
/// A report of one issue, pointing at the first thing that is wrong.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Tree, Report> {
    if bytes.len() > limits.bytes {
        return Err(too_large(limits.bytes));
    }
    let text = utf8(bytes, None)?;
    let mut tree = Tree::default();
    tree.add_source(None, text);
    let mut reader = Reader { tree, at: 0, end: text.len(), limits, scratch: Vec::new(), inside: None };
    match reader.document() {
        Ok(()) => Ok(reader.tree),
        Err(fault) => Err(reader.report(fault)),
    }
}

/// Checks that bytes are UTF-8 text without a byte order mark.
///
/// # Errors
/// A report that names the encoding it looks like, and the remedy.
pub fn utf8<'b>(bytes: &'b [u8], file: Option<&str>) -> Result<&'b str, Report> {
    let at = |line, column| Place { file: file.map(str::to_owned), line, column };
    let encoding = match bytes {
        [0xEF, 0xBB, 0xBF, ..] => Some("a UTF-8 byte order mark"),
        [0xFF, 0xFE, ..] | [_, 0, ..] => Some("UTF-16, little end first"),
        [0xFE, 0xFF, ..] | [0, _, ..] => Some("UTF-16, big end first"),
        _ => None,
    };
    if let Some(encoding) = encoding {
        return Err(Issue::error("structure", "encoding", format!("the text starts like {encoding}"))
            .at(Some(at(1, 1)))
            .rule("RFC 8259 section 8.1: UTF-8, without a byte order mark")
            .remedy("save the file as UTF-8 without a byte order mark")
            .into());
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let good = error.valid_up_to();
        let text = std::str::from_utf8(&bytes[..good]).unwrap_or_default();
        let (line, column) = line_and_column(text, u32::try_from(good).unwrap_or(u32::MAX));
        Issue::error("structure", "encoding", "the bytes here are not UTF-8".to_owned())
            .at(Some(at(line, column)))
            .rule("RFC 8259 section 8.1: UTF-8")
            .remedy("save the file as UTF-8")
            .into()
    })
}

/// Whether JSON could write a number so, within what [`read`] takes.
#[must_use]
pub fn is_number(text: &str) -> bool {
    let split = |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let rest = text.strip_prefix('-').unwrap_or(text);
    let (whole, mut rest) = rest.split_at(split(rest));
    if whole.is_empty() || (whole.len() > 1 && whole.starts_with('0')) {
        return false;
    }
    if let Some(fraction) = rest.strip_prefix('.') {
        rest = &fraction[split(fraction)..];
        if rest.len() == fraction.len() {
            return false;
        }
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        rest = &digits[split(digits)..];
        if rest.len() == digits.len() {
            return false;
        }
    }
    rest.is_empty() && text.len() <= 64 && !text.parse::<f64>().is_ok_and(f64::is_infinite)
}

fn too_large(limit: usize) -> Report {
    Issue::error("too-long", "too-large", format!("the text is longer than {limit} bytes"))
        .remedy("send less at once, or ask the operator to raise the limit")
        .into()
}

struct Fault {
    at: usize,
    code: &'static str,
    id: &'static str,
    text: String,
    remedy: &'static str,
}

struct Reader<'l> {
    tree: Tree,
    at: usize,
    end: usize,
    limits: &'l Limits,
    scratch: Vec<(u32, u32, u32)>,
    /// The innermost array or object that has begun and not ended.
    inside: Option<Id>,
}

type Read<T> = Result<T, Fault>;

fn u(value: usize) -> u32 {
    u32::try_from(value).expect("input is bounded below 4 GB")
}

impl Reader<'_> {
    fn report(&self, fault: Fault) -> Report {
        let (line, column) = line_and_column(&self.tree.raw()[..self.end], u(fault.at));
        let issue = Issue::error(fault.code, fault.id, fault.text)
            .at(Some(Place { file: None, line, column }))
            .rule("RFC 8259 and RFC 7493 (I-JSON), within the limits of this gateway")
            .remedy(fault.remedy);
        // as far as it was read, this is where it stands
        match self.inside.map(|id| self.tree.item(id).path()).filter(|path| !path.is_empty()) {
            Some(path) => issue.expression(path).into(),
            None => issue.into(),
        }
    }

    fn fault<T>(&self, id: &'static str, text: impl Into<String>, remedy: &'static str) -> Read<T> {
        Err(Fault { at: self.at, code: "structure", id, text: text.into(), remedy })
    }

    fn syntax<T>(&self, text: impl Into<String>) -> Read<T> {
        self.fault("json-syntax", text, "send well-formed JSON (RFC 8259)")
    }

    fn peek(&self) -> Option<u8> {
        if self.at < self.end { Some(self.tree.raw().as_bytes()[self.at]) } else { None }
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn document(&mut self) -> Read<()> {
        self.space();
        if self.at == self.end {
            return self.fault("empty", "there is nothing here", "send a JSON document");
        }
        self.value(None, (0, 0), 0)?;
        self.space();
        if self.at < self.end {
            return self.syntax("there is more text after the end of the document");
        }
        Ok(())
    }

    fn value(&mut self, parent: Option<Id>, key: (u32, u32), depth: usize) -> Read<()> {
        if self.tree.len() >= self.limits.nodes {
            let text = format!("there are more than {} values", self.limits.nodes);
            return self.fault("too-many-values", text, "send less at once");
        }
        let start = self.at;
        match self.peek() {
            Some(b'{') => self.object(parent, key, depth),
            Some(b'[') => self.array(parent, key, depth),
            Some(b'"') => {
                let span = self.string()?;
                self.tree.push_raw(parent, key, Kind::String, span, u(start));
                Ok(())
            }
            Some(b'-' | b'0'..=b'9') => {
                self.number()?;
                self.tree.push_raw(parent, key, Kind::Number, (u(start), u(self.at)), u(start));
                Ok(())
            }
            Some(b't') => self.word(parent, key, "true", Kind::Bool),
            Some(b'f') => self.word(parent, key, "false", Kind::Bool),
            Some(b'n') => self.word(parent, key, "null", Kind::Null),
            Some(_) => self.syntax("a value should start here"),
            None => self.syntax("the text ends where a value should start"),
        }
    }

    fn word(&mut self, parent: Option<Id>, key: (u32, u32), word: &str, kind: Kind) -> Read<()> {
        let start = self.at;
        if !self.tree.raw().as_bytes()[start..self.end].starts_with(word.as_bytes()) {
            return self.syntax("a value should start here");
        }
        self.at += word.len();
        let span = if kind == Kind::Null { (0, 0) } else { (u(start), u(self.at)) };
        self.tree.push_raw(parent, key, kind, span, u(start));
        Ok(())
    }

    fn deeper(&self, depth: usize) -> Read<usize> {
        if depth >= self.limits.depth {
            let text = format!("arrays and objects stand more than {} deep", self.limits.depth);
            return self.fault("too-deep", text, "send a flatter document");
        }
        Ok(depth + 1)
    }

    fn counted(&self, count: usize) -> Read<()> {
        if count > self.limits.items {
            let text = format!("one array or object holds more than {} items", self.limits.items);
            return self.fault("too-many-items", text, "send less at once");
        }
        Ok(())
    }

    fn array(&mut self, parent: Option<Id>, key: (u32, u32), depth: usize) -> Read<()> {
        let depth = self.deeper(depth)?;
        let id = self.tree.push_raw(parent, key, Kind::Array, (0, 0), u(self.at));
        self.inside = Some(id);
        self.at += 1;
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            self.inside = parent;
            return Ok(());
        }
        let mut count = 0;
        loop {
            count += 1;
            self.counted(count)?;
            self.space();
            self.value(Some(id), (0, 0), depth)?;
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    self.inside = parent;
                    return Ok(());
                }
                _ => return self.syntax("`,` or `]` should stand here"),
            }
        }
    }

    fn object(&mut self, parent: Option<Id>, key: (u32, u32), depth: usize) -> Read<()> {
        let depth = self.deeper(depth)?;
        let id = self.tree.push_raw(parent, key, Kind::Object, (0, 0), u(self.at));
        self.inside = Some(id);
        self.at += 1;
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            self.inside = parent;
            return Ok(());
        }
        let names = self.scratch.len();
        loop {
            self.counted(self.scratch.len() - names + 1)?;
            self.space();
            if self.peek() != Some(b'"') {
                return self.syntax("a name in double quotes should stand here");
            }
            let start = self.at;
            let name = self.string()?;
            self.scratch.push((name.0, name.1, u(start)));
            self.space();
            if self.peek() != Some(b':') {
                return self.syntax("`:` should stand here");
            }
            self.at += 1;
            self.space();
            self.value(Some(id), name, depth)?;
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    break;
                }
                _ => return self.syntax("`,` or `}` should stand here"),
            }
        }
        self.no_duplicates(names)?;
        self.scratch.truncate(names);
        self.inside = parent;
        Ok(())
    }

    /// The names of this object, `scratch[from..]`, are all different. Pairs for the usual few, sorted for many.
    fn no_duplicates(&mut self, from: usize) -> Read<()> {
        let text = self.tree.raw();
        let name = |(start, end, _): (u32, u32, u32)| &text[start as usize..end as usize];
        let names = &mut self.scratch[from..];
        let mut second = None;
        if names.len() <= 16 {
            for (index, later) in names.iter().enumerate() {
                if names[..index].iter().any(|earlier| name(*earlier) == name(*later)) {
                    second = Some(*later);
                    break;
                }
            }
        } else {
            names.sort_by(|a, b| name(*a).cmp(name(*b)).then(a.2.cmp(&b.2)));
            let repeated = names.windows(2).filter(|pair| name(pair[0]) == name(pair[1]));
            second = repeated.map(|pair| pair[1]).min_by_key(|n| n.2);
        }
        match second {
            None => Ok(()),
            Some((_, _, at)) => Err(Fault {
                at: at as usize,
                code: "structure",
                id: "json-duplicate-name",
                text: "this name stands twice in one object".to_owned(),
                remedy: "keep one of the two; receivers disagree on which one counts",
            }),
        }
    }

    fn string(&mut self) -> Read<(u32, u32)> {
        self.at += 1;
        let start = self.at;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok((u(start), u(self.at - 1)));
                }
                Some(b'\\') => return self.escaped_string(start),
                Some(0..0x20) => return self.syntax("a control character stands unescaped in a string"),
                Some(_) => self.at += 1,
                None => return self.syntax("the text ends inside a string"),
            }
        }
    }

    fn escaped_string(&mut self, start: usize) -> Read<(u32, u32)> {
        let mut value = self.tree.raw()[start..self.at].to_owned();
        loop {
            let clean = self.at;
            while !matches!(self.peek(), None | Some(b'"' | b'\\' | 0..0x20)) {
                self.at += 1;
            }
            value.push_str(&self.tree.raw()[clean..self.at]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(self.tree.append(&value));
                }
                Some(b'\\') => value.push(self.escape()?),
                Some(_) => return self.syntax("a control character stands unescaped in a string"),
                None => return self.syntax("the text ends inside a string"),
            }
        }
    }

    fn escape(&mut self) -> Read<char> {
        self.at += 1;
        let plain = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return self.syntax("this is not an escape that JSON knows"),
        };
        self.at += 1;
        Ok(plain)
    }

    fn unicode(&mut self) -> Read<char> {
        let start = self.at - 1;
        let first = self.hex4()?;
        let code = match first {
            0xD800..=0xDBFF => {
                let second = match self.tree.raw().as_bytes()[..self.end].get(self.at..self.at + 2) {
                    Some(b"\\u") => {
                        self.at += 1;
                        self.hex4()?
                    }
                    _ => 0,
                };
                if !(0xDC00..=0xDFFF).contains(&second) {
                    self.at = start;
                    return self.lone_surrogate();
                }
                0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)
            }
            0xDC00..=0xDFFF => {
                self.at = start;
                return self.lone_surrogate();
            }
            code => code,
        };
        char::from_u32(code).map_or_else(|| self.syntax("this escape names no character"), Ok)
    }

    fn lone_surrogate<T>(&self) -> Read<T> {
        self.fault("json-surrogate", "half of a surrogate pair stands alone", "write the character itself in UTF-8")
    }

    /// Four hexadecimal digits after the `u` that `at` points to.
    fn hex4(&mut self) -> Read<u32> {
        self.at += 1;
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|b| char::from(b).to_digit(16));
            let Some(digit) = digit else { return self.syntax("four hexadecimal digits should stand here") };
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Read<()> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let leading_zero = self.peek() == Some(b'0');
        let whole = self.digits();
        if whole == 0 || (leading_zero && whole > 1) {
            return self.syntax("this is not a number as JSON writes it");
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return self.syntax("a digit should follow the decimal point");
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return self.syntax("a digit should follow the exponent");
            }
        }
        let text = &self.tree.raw()[start..self.at];
        if text.len() > 64 || text.parse::<f64>().is_ok_and(f64::is_infinite) {
            self.at = start;
            return self.fault("number-range", "no decimal can hold this number", "send a number of ordinary size");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refusal(text: &str) -> (String, u32, u32) {
        let report = read(text.as_bytes(), &Limits::default()).expect_err("should be refused");
        let place = report.issues[0].place.clone().expect("has a place");
        (report.issues[0].id.to_string(), place.line, place.column)
    }

    #[test]
    fn a_document_comes_back_as_it_was_written() {
        let text = r#"{"a":[1.00,-2e3,true,null],"b":{"c":"é\n\u0001"},"d":"\"\\"}"#;
        let tree = read(text.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(tree.root().to_json(), text);
    }

    #[test]
    fn every_value_knows_where_it_stood() {
        let tree = read(b"{\n  \"a\": [1,\n   \"\xc3\xa9\", 2]}", &Limits::default()).unwrap();
        let places: Vec<_> = tree.root().all("a").map(|i| i.place().unwrap().to_string()).collect();
        assert_eq!(places, ["2:9", "3:4", "3:9"]);
        let last = tree.root().all("a").last().unwrap();
        assert_eq!(last.path(), "a[2]");
    }

    #[test]
    fn a_fault_is_told_with_the_path_of_what_had_begun() {
        let path = |text: &str| {
            let report = read(text.as_bytes(), &Limits::default()).expect_err("should be refused");
            report.issues[0].expression.clone()
        };
        assert_eq!(path(r#"{"resourceType":"Patient","name":[{"text":"x"},{"text" 1}]}"#).unwrap(), "Patient.name[1]");
        assert_eq!(path(r#"{"resourceType":"Patient","name":[{"text":"x"}],"a":[],"b" 1}"#).unwrap(), "Patient");
        assert_eq!(path(r#"{"goals":[{"due":1,"due":2}]}"#).unwrap(), "goals[0]");
        assert_eq!(path("x"), None);
    }

    #[test]
    fn what_receivers_read_differently_is_refused_with_its_place() {
        assert_eq!(refusal("{\"a\":1,\n\"a\":2}"), ("json-duplicate-name".into(), 2, 1));
        assert_eq!(refusal(r#"{"a":1,"\u0061":2}"#).0, "json-duplicate-name");
        assert_eq!(refusal(r#"["\ud800"]"#).0, "json-surrogate");
        assert_eq!(refusal(r#"["\udc00\ud800"]"#).0, "json-surrogate");
        assert_eq!(refusal("[1e999]"), ("number-range".into(), 1, 2));
        assert_eq!(refusal("[01]").0, "json-syntax");
        assert_eq!(refusal("{} x"), ("json-syntax".into(), 1, 4));
        assert_eq!(refusal("").0, "empty");
        assert_eq!(refusal("\u{feff}{}").0, "encoding");
        assert_eq!(refusal("[\"a\tb\"]").0, "json-syntax");
    }

    #[test]
    fn many_names_are_checked_for_duplicates_too() {
        let mut text = String::from("{");
        for index in 0..1000 {
            text.push_str(&format!("\"n{index}\":0,"));
        }
        text.push_str("\"n7\":1}");
        assert_eq!(refusal(&text).0, "json-duplicate-name");
    }

    #[test]
    fn the_limits_hold() {
        assert_eq!(refusal(&"[".repeat(200)).0, "too-deep");
        assert_eq!(refusal(&format!("[{}0]", "0,".repeat(1_000_000))).0, "too-many-items");
    }

    proptest! {
        #[test]
        fn a_number_is_what_the_reader_reads_as_one(text in r"[-+0-2.eE ]{0,8}") {
            let read = read(text.as_bytes(), &Limits::default());
            let as_one = read.is_ok_and(|t| t.root().kind() == Kind::Number && t.root().text() == text);
            prop_assert_eq!(is_number(&text), as_one);
        }

        #[test]
        fn the_verdict_is_serde_jsons(text in r#"[\[\]{}:,"\\a-c0-2eE+\-. ntu\n]{0,40}"#) {
            let ours = read(text.as_bytes(), &Limits::default());
            let theirs = serde_json::from_str::<serde_json::Value>(&text);
            match ours {
                Ok(tree) => {
                    let theirs = theirs.expect("serde_json accepts what we accept");
                    let again: serde_json::Value = serde_json::from_str(&tree.root().to_json()).unwrap();
                    prop_assert_eq!(again, theirs);
                }
                Err(report) => {
                    let stricter = ["json-duplicate-name", "number-range"].contains(&report.issues[0].id.as_ref());
                    prop_assert!(stricter || theirs.is_err());
                }
            }
        }
    }
}
