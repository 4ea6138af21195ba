//! A tree as JSON text: compact to send, indented for people.

use super::{Item, Kind};

impl Item<'_> {
    /// Compact JSON.
    #[must_use]
    pub fn to_json(self) -> String {
        let mut out = String::with_capacity(self.tree().text.len());
        self.write(&mut out);
        out
    }

    fn write(self, out: &mut String) {
        match self.kind() {
            Kind::Null => out.push_str("null"),
            Kind::Bool | Kind::Number => out.push_str(self.text()),
            Kind::String => write_string(self.text(), out),
            Kind::Array => {
                out.push('[');
                for (index, child) in self.children().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    child.write(out);
                }
                out.push(']');
            }
            Kind::Object => {
                out.push('{');
                for (index, child) in self.children().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    write_string(child.key(), out);
                    out.push(':');
                    child.write(out);
                }
                out.push('}');
            }
        }
    }

    /// JSON with two spaces of indent, for people.
    #[must_use]
    pub fn to_json_pretty(self) -> String {
        let mut out = String::with_capacity(self.tree().text.len() * 2);
        self.write_pretty(&mut out, 0);
        out.push('\n');
        out
    }

    fn write_pretty(self, out: &mut String, depth: usize) {
        if !self.is_container() || self.children().next().is_none() {
            self.write(out);
            return;
        }
        let (open, close) = if self.kind() == Kind::Array { ('[', ']') } else { ('{', '}') };
        out.push(open);
        for (index, child) in self.children().enumerate() {
            out.push_str(if index > 0 { ",\n" } else { "\n" });
            out.extend(std::iter::repeat_n("  ", depth + 1));
            if self.kind() == Kind::Object {
                write_string(child.key(), out);
                out.push_str(": ");
            }
            child.write_pretty(out, depth + 1);
        }
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
        out.push(close);
    }
}

/// Writes a JSON string with the escapes that RFC 8259 §7 asks for and no others.
fn write_string(value: &str, out: &mut String) {
    out.push('"');
    let mut clean = 0;
    for (index, byte) in value.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0x08 => "\\b",
            0x0C => "\\f",
            0..0x20 => "",
            _ => continue,
        };
        out.push_str(&value[clean..index]);
        if escape.is_empty() {
            out.push_str(&format!("\\u{byte:04x}"));
        } else {
            out.push_str(escape);
        }
        clean = index + 1;
    }
    out.push_str(&value[clean..]);
    out.push('"');
}
