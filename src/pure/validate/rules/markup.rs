//! Markup where words should be: HTML in strings is shown by some readers and run by others (R4 security.html,
//! narrative.html: injected content); in markdown it is not portable (R4 datatypes.html#markdown).
//! And urls of example domains, for those who want none (RFC 2606 §3).

use crate::pure::fhir::{Item, Severity};
use crate::pure::profile::primitive::Primitive;
use crate::pure::validate::walk::{By, Walk};

/// Domains and arcs that stand for nobody.
const EXAMPLES: &[&str] = &["example.org", "example.com", "example.net", "acme.com", "acme.org"];
const EXAMPLE_OIDS: &[&str] = &["urn:oid:1.3.6.1.4.1.32473.", "urn:oid:2.999."];

impl<'a> Walk<'a> {
    /// Looks for HTML in a value. Cheap where there is none: one look for `<`.
    pub(super) fn markup(&mut self, item: Item<'a>, by: By<'a>, primitive: Primitive) {
        let words = item.text();
        if !words.contains('<') {
            return;
        }
        let is_markdown = primitive == Primitive::Markdown;
        if self.options.security_checks || !is_markdown {
            let severity = if self.options.security_checks { Severity::Error } else { Severity::Information };
            if has_tag(words) {
                let text = "a value holds what looks like an HTML tag".to_owned();
                let remedy = "write it without tags, or `&lt;` for `<`";
                self.find(severity, "invalid", "html-in-text", item, Some(by), text, remedy);
            }
        }
        if is_markdown && has_html_block(words) {
            let severity = if self.options.refuse_html_in_markdown { Severity::Error } else { Severity::Warning };
            let text = "markdown holds what looks like an HTML tag".to_owned();
            let remedy = "write `\\<` for `<`, and markdown for what the tag should do";
            self.find(severity, "invalid", "html-in-markdown", item, Some(by), text, remedy);
        }
    }

    /// Tells of an example url, where they are not wanted.
    pub(super) fn example(&mut self, item: Item<'a>, by: By<'a>) {
        if is_example(item.text()) {
            let text = "a url of an example domain stands where a real one should".to_owned();
            self.error("invalid", "example-url", item, Some(by), text, "write the real url");
        }
    }
}

/// Whether a url is one of those that stand for nobody.
fn is_example(url: &str) -> bool {
    let named = |domain: &&str| {
        url.match_indices(*domain).any(|(at, _)| matches!(url[at + domain.len()..].chars().next(), None | Some('/')))
    };
    EXAMPLES.iter().any(named) || EXAMPLE_OIDS.iter().any(|arc| url.starts_with(arc))
}

/// Whether there is a tag: `<name>`, `</name>` or `<name attributes>`.
fn has_tag(text: &str) -> bool {
    text.match_indices('<').any(|(at, _)| {
        let rest = &text[at + 1..];
        let Some(end) = rest.find(['<', '>']).filter(|end| rest[*end..].starts_with('>')) else { return false };
        let inside = rest[..end].strip_prefix('/').unwrap_or(&rest[..end]);
        let name = inside.trim_end_matches('/').split(char::is_whitespace).next().unwrap_or_default();
        let mut letters = name.chars();
        letters.next().is_some_and(char::is_alphabetic) && letters.all(|c| c.is_alphanumeric() || c == '_')
    })
}

/// Whether markdown holds HTML that is not escaped: a tag, or what starts with `<!` or `<?`.
fn has_html_block(text: &str) -> bool {
    text.match_indices('<').any(|(at, _)| {
        let rest = &text[at + 1..];
        if rest.starts_with(['!', '?']) {
            return true;
        }
        let rest = rest.strip_prefix('/').unwrap_or(rest);
        let name = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'-').count();
        !text[..at].ends_with('\\')
            && rest.starts_with(|c: char| c.is_ascii_alphabetic())
            && rest[name..].starts_with(|c: char| c == '>' || c.is_whitespace())
    })
}

#[cfg(test)]
mod tests {
    use super::{has_html_block, has_tag, is_example};

    #[test]
    fn a_tag_is_told_from_a_comparison() {
        for tag in ["<b>x</b>", "<script src=\"x\">", "a </p> b", "<br/>"] {
            assert!(has_tag(tag), "{tag}");
        }
        for words in ["a < b > c", "1<2", "<http://a.b/c>", "<", "<>", "a <5 and b>3"] {
            assert!(!has_tag(words), "{words}");
        }
    }

    #[test]
    fn markdown_may_escape_and_link() {
        assert!(has_html_block("a <b>bold</b> word") && has_html_block("<!-- note -->"));
        assert!(!has_html_block("a \\<b> word") && !has_html_block("<http://a.b/c>") && !has_html_block("1 < 2"));
    }

    #[test]
    fn example_domains_stand_for_nobody() {
        assert!(
            is_example("http://example.org/x") && is_example("https://fhir.acme.com") && is_example("urn:oid:2.999.1")
        );
        assert!(!is_example("http://example.organic/x") && !is_example("http://hl7.org/fhir"));
    }
}
