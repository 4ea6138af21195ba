//! Text → tokens (FHIRPath N1, grammar). Names and strings come out unescaped, moments read.

use super::context::ParseError;
use super::moment::Moment;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// A name, or a word of the language
    Name(String),
    /// A name in backticks
    Quoted(String),
    Text(String),
    /// Digits, with a point where one was written
    Number(String),
    Moment(MomentText),
    /// `$this`, without the `$`
    Dollar(String),
    /// `%name`
    Variable(String),
    Sign(&'static str),
    End,
}

/// A moment; equal when written alike.
#[derive(Clone, Debug)]
pub(super) struct MomentText(pub Moment);

impl PartialEq for MomentText {
    fn eq(&self, other: &MomentText) -> bool {
        self.0.to_string() == other.0.to_string()
    }
}

#[derive(Clone, Debug)]
pub(super) struct Token {
    pub kind: Kind,
    pub at: usize,
}

const SIGNS: [&str; 22] =
    ["!=", "!~", "<=", ">=", "(", ")", "[", "]", "{", "}", ".", ",", "+", "-", "*", "/", "&", "|", "=", "~", "<", ">"];

struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

/// Splits an expression into tokens; the last is [`Kind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, ParseError> {
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip()?;
        let at = lexer.at;
        let kind = lexer.token()?;
        let end = kind == Kind::End;
        tokens.push(Token { kind, at });
        if end {
            return Ok(tokens);
        }
    }
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn wrong<T>(&self, at: usize, text: impl Into<String>) -> Result<T, ParseError> {
        Err(ParseError { offset: at, text: text.into() })
    }

    /// Skips white space and comments.
    fn skip(&mut self) -> Result<(), ParseError> {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            if trimmed.starts_with("//") {
                self.at += trimmed.find('\n').unwrap_or(trimmed.len());
            } else if trimmed.starts_with("/*") {
                match trimmed.find("*/") {
                    Some(end) => self.at += end + 2,
                    None => return self.wrong(self.at, "this comment does not end"),
                }
            } else {
                return Ok(());
            }
        }
    }

    fn while_matches(&mut self, matches: impl Fn(char) -> bool) -> String {
        let rest = self.rest();
        let end = rest.find(|c: char| !matches(c)).unwrap_or(rest.len());
        let found = rest[..end].to_owned();
        self.at += end;
        found
    }

    fn name(&mut self) -> String {
        self.while_matches(|c| c.is_ascii_alphanumeric() || c == '_')
    }

    fn token(&mut self) -> Result<Kind, ParseError> {
        let start = self.at;
        let Some(first) = self.peek() else { return Ok(Kind::End) };
        match first {
            'a'..='z' | 'A'..='Z' | '_' => Ok(Kind::Name(self.name())),
            '0'..='9' => Ok(Kind::Number(self.number())),
            '\'' => Ok(Kind::Text(self.quoted(first)?)),
            '`' => Ok(Kind::Quoted(self.quoted(first)?)),
            '@' => self.moment(),
            '$' => {
                self.at += 1;
                Ok(Kind::Dollar(self.name()))
            }
            '%' => self.variable(),
            _ => match SIGNS.iter().find(|sign| self.rest().starts_with(**sign)) {
                Some(sign) => {
                    self.at += sign.len();
                    Ok(Kind::Sign(sign))
                }
                None => self.wrong(start, "this character does not belong here"),
            },
        }
    }

    fn number(&mut self) -> String {
        let mut digits = self.while_matches(|c| c.is_ascii_digit());
        let mut after = self.rest().chars();
        if after.next() == Some('.') && after.next().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
            digits.push('.');
            digits.push_str(&self.while_matches(|c| c.is_ascii_digit()));
        }
        digits
    }

    fn variable(&mut self) -> Result<Kind, ParseError> {
        let start = self.at;
        self.at += 1;
        let name = match self.peek() {
            Some(quote @ ('`' | '\'')) => self.quoted(quote)?,
            _ => self.while_matches(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-'),
        };
        if name.is_empty() { self.wrong(start, "a name should follow `%`") } else { Ok(Kind::Variable(name)) }
    }

    fn quoted(&mut self, quote: char) -> Result<String, ParseError> {
        let start = self.at;
        self.at += 1;
        let mut value = String::new();
        loop {
            let Some(next) = self.peek() else { return self.wrong(start, "this text does not end") };
            self.at += next.len_utf8();
            match next {
                _ if next == quote => return Ok(value),
                '\\' => value.push(self.escape()?),
                _ => value.push(next),
            }
        }
    }

    fn escape(&mut self) -> Result<char, ParseError> {
        let at = self.at - 1;
        let Some(escaped) = self.peek() else { return self.wrong(at, "this text does not end") };
        self.at += escaped.len_utf8();
        match escaped {
            'f' => Ok('\u{c}'),
            'n' => Ok('\n'),
            'r' => Ok('\r'),
            't' => Ok('\t'),
            'u' => Ok(self.unicode().unwrap_or('u')),
            // Before anything else a backslash is ignored (FHIRPath N1 §2.4 String).
            _ => Ok(escaped),
        }
    }

    /// The character that four hexadecimal digits name; eight in two escapes for those beyond the first plane.
    fn unicode(&mut self) -> Option<char> {
        let digits = |text: &str| u32::from_str_radix(text.get(..4).filter(|d| !d.starts_with('+'))?, 16).ok();
        let first = digits(self.rest())?;
        if let Some(character) = char::from_u32(first) {
            self.at += 4;
            return Some(character);
        }
        let second = self.rest().get(4..).and_then(|rest| rest.strip_prefix("\\u")).and_then(digits)?;
        let both = char::decode_utf16([u16::try_from(first).ok()?, u16::try_from(second).ok()?]).next()?.ok()?;
        self.at += 10;
        Some(both)
    }

    fn moment(&mut self) -> Result<Kind, ParseError> {
        let start = self.at;
        self.at += 1;
        let mut text = self.while_matches(|c| c.is_ascii_digit() || matches!(c, '-' | ':' | 'T'));
        // A point belongs to the moment only as the start of a fraction of a second: `@2015.is(Date)`.
        if self.rest().starts_with('.') && self.rest()[1..].starts_with(|c: char| c.is_ascii_digit()) {
            self.at += 1;
            text.push('.');
            text.push_str(&self.while_matches(|c| c.is_ascii_digit()));
        }
        if text.contains('T') && !text.starts_with('T') {
            text.push_str(&self.while_matches(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | ':' | 'Z')));
        }
        let moment = match text.strip_prefix('T') {
            Some(time) => Moment::read_time(time),
            None if text.contains('T') => Moment::read_date_time(&text),
            None => Moment::read_date(&text),
        };
        match moment {
            Some(moment) => Ok(Kind::Moment(MomentText(moment))),
            None => self.wrong(start, "this is not a date or time that exists"),
        }
    }
}
