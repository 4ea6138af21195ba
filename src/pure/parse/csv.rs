//! CSV text (RFC 4180) → rows of cells that know where they stood.
//!
//! Our own reader for the reason the JSON reader gives: a finding names the line and column of a cell, quoted newlines and
//! all, and CSV crates tell the position of a row at best. The test below holds it to the `csv` crate's reading.

use std::borrow::Cow;

/// One cell: where it starts, and what it holds, quotes taken off.
pub(super) struct Cell<'t> {
    pub at: usize,
    pub text: Cow<'t, str>,
}

/// What is wrong, and at which byte.
#[derive(Debug, PartialEq)]
pub(super) struct Fault {
    pub at: usize,
    pub id: &'static str,
    pub text: String,
    pub remedy: &'static str,
}

/// Reads row after row.
pub(super) struct Rows<'t> {
    text: &'t str,
    at: usize,
    cell: usize,
}

impl<'t> Rows<'t> {
    /// `cell` is the most bytes of one cell.
    pub fn new(text: &'t str, cell: usize) -> Rows<'t> {
        // Spreadsheets write a byte order mark in front of UTF-8; it means nothing.
        let at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Rows { text, at, cell }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn fault<T>(at: usize, id: &'static str, text: &str, remedy: &'static str) -> Result<T, Fault> {
        Err(Fault { at, id, text: text.to_owned(), remedy })
    }

    /// The next row that is not blank, with the byte it starts at.
    pub fn row(&mut self) -> Result<Option<(usize, Vec<Cell<'t>>)>, Fault> {
        loop {
            while self.line_end() {}
            if self.at >= self.text.len() {
                return Ok(None);
            }
            let start = self.at;
            let mut cells = Vec::new();
            loop {
                cells.push(self.one()?);
                match self.peek() {
                    Some(b',') => self.at += 1,
                    _ => break,
                }
            }
            if self.at < self.text.len() && !self.line_end() {
                let remedy = "end lines with a line feed, or carriage return and line feed";
                return Self::fault(self.at, "csv-line-end", "a carriage return stands alone here", remedy);
            }
            if cells.iter().any(|c| !c.text.trim().is_empty()) {
                return Ok(Some((start, cells)));
            }
        }
    }

    fn line_end(&mut self) -> bool {
        let rest = &self.text.as_bytes()[self.at..];
        let length = if rest.starts_with(b"\r\n") { 2 } else { usize::from(rest.starts_with(b"\n")) };
        self.at += length;
        length > 0
    }

    fn one(&mut self) -> Result<Cell<'t>, Fault> {
        let at = self.at;
        let text = if self.peek() == Some(b'"') { self.quoted()? } else { Cow::Borrowed(self.bare()?) };
        if text.len() > self.cell {
            let text = format!("a cell is longer than {} bytes", self.cell);
            return Err(Fault { at, id: "cell-too-long", text, remedy: "shorten it, or send it as a document" });
        }
        if let Some(bad) = text.bytes().position(|b| b < 0x20 && !matches!(b, b'\n' | b'\r' | b'\t')) {
            let here = if text.as_bytes()[bad] == 0 {
                "a NUL byte stands in this cell"
            } else {
                "a control character stands in this cell"
            };
            return Self::fault(at, "control-character", here, "take it out");
        }
        Ok(Cell { at, text })
    }

    fn bare(&mut self) -> Result<&'t str, Fault> {
        let start = self.at;
        while let Some(byte) = self.peek() {
            match byte {
                b',' | b'\n' | b'\r' => break,
                b'"' => {
                    let remedy = "put the whole cell in double quotes, and write each quote inside it twice";
                    return Self::fault(
                        self.at,
                        "csv-quote",
                        "a double quote stands inside a cell that is not quoted",
                        remedy,
                    );
                }
                _ => self.at += 1,
            }
        }
        Ok(&self.text[start..self.at])
    }

    fn quoted(&mut self) -> Result<Cow<'t, str>, Fault> {
        let open = self.at;
        self.at += 1;
        let start = self.at;
        let mut doubled = false;
        loop {
            let Some(length) = self.text.as_bytes()[self.at..].iter().position(|b| *b == b'"') else {
                let remedy = "close it, and write each quote inside the cell twice";
                return Self::fault(open, "csv-quote", "a cell is opened with a double quote and never closed", remedy);
            };
            self.at += length + 1;
            if self.peek() != Some(b'"') {
                break;
            }
            doubled = true;
            self.at += 1;
        }
        let inside = &self.text[start..self.at - 1];
        if !matches!(self.peek(), None | Some(b',' | b'\n' | b'\r')) {
            let remedy = "put the whole cell in double quotes, and write each quote inside it twice";
            return Self::fault(self.at, "csv-quote", "text stands after the closing quote of a cell", remedy);
        }
        Ok(if doubled { Cow::Owned(inside.replace("\"\"", "\"")) } else { Cow::Borrowed(inside) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ours(text: &str) -> Result<Vec<Vec<String>>, Fault> {
        let mut rows = Rows::new(text, 1 << 20);
        let mut all = Vec::new();
        while let Some((_, cells)) = rows.row()? {
            all.push(cells.into_iter().map(|c| c.text.into_owned()).collect());
        }
        Ok(all)
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_read_as_the_csv_crate_reads_it(text in "[a,\"\n\r é]{0,40}") {
            if let Ok(rows) = ours(&text) {
                let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
                let theirs: Vec<Vec<String>> = reader
                    .records()
                    .map(|r| r.expect("it is UTF-8").iter().map(str::to_owned).collect::<Vec<_>>())
                    .filter(|r: &Vec<String>| r.iter().any(|c| !c.trim().is_empty()))
                    .collect();
                prop_assert_eq!(rows, theirs);
            }
        }
    }

    #[test]
    fn cells_know_where_they_start_and_quotes_come_off() {
        let mut rows = Rows::new("a,\"b \"\"x\"\"\nc\",d\r\n\r\ne", 100);
        let (start, cells) = rows.row().unwrap().unwrap();
        assert_eq!((start, cells[1].at, &*cells[1].text, cells[2].at), (0, 2, "b \"x\"\nc", 14));
        assert_eq!(rows.row().unwrap().unwrap().0, 19);
        assert!(rows.row().unwrap().is_none());
    }

    #[test]
    fn stray_quotes_and_lone_carriage_returns_are_refused() {
        for (text, at) in [("a,b\"c", 3), ("\"a\"b", 3), ("x,\"a", 2), ("a\rb", 1)] {
            assert_eq!(ours(text).unwrap_err().at, at, "{text:?}");
        }
    }
}
