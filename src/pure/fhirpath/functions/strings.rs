//! Texts: search, parts, patterns (FHIRPath N1 §5.6). Positions count characters.

use super::{Call, Function};
use crate::pure::fhirpath::collection::Collection;
use crate::pure::fhirpath::evaluate::{Error, Outcome};
use crate::pure::fhirpath::pattern::Pattern;
use crate::pure::fhirpath::value::Value;
use std::borrow::Cow;

pub(super) fn apply<'a>(function: Function, call: &Call<'_, '_, 'a>, focus: Collection<'a>) -> Outcome<'a> {
    if function == Function::Join {
        return join(call, &focus);
    }
    let Some(text) = call.run.text(&focus, call.offset)? else { return Ok(Collection::Empty) };
    call.run.tick(1 + text.len() / 64)?;
    match function {
        Function::Upper => made(call, text.to_uppercase()),
        Function::Lower => made(call, text.to_lowercase()),
        Function::Trim => Ok(Value::String(trimmed(text)).into()),
        Function::Length => count(text.chars().count()),
        Function::ToChars => chars(call, &text),
        Function::Substring => substring(call, &text),
        Function::Replace => replace(call, &text),
        Function::Matches | Function::MatchesFull => matches(call, &text, function == Function::MatchesFull),
        Function::ReplaceMatches => replace_matches(call, &text),
        _ => search(function, call, &text),
    }
}

fn made<'a>(call: &Call<'_, '_, 'a>, text: String) -> Outcome<'a> {
    call.run.bounded_text(text.len())?;
    Ok(Value::String(Cow::Owned(text)).into())
}

fn count<'a>(count: usize) -> Outcome<'a> {
    Ok(Value::Integer(i64::try_from(count).unwrap_or(i64::MAX)).into())
}

fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    }
}

fn chars<'a>(call: &Call<'_, '_, 'a>, text: &str) -> Outcome<'a> {
    call.run.tick(text.len())?;
    call.run.bounded_count(text.chars().count())?;
    let all = text.chars().map(|c| Value::String(Cow::Owned(c.to_string()))).collect::<Vec<_>>().into();
    Ok(all)
}

/// The functions that look for one text in another.
fn search<'a>(function: Function, call: &Call<'_, '_, 'a>, text: &str) -> Outcome<'a> {
    let Some(part) = call.text(0)? else { return Ok(Collection::Empty) };
    let part = part.as_ref();
    let place = |found: Option<usize>| {
        let at = found.map_or(-1, |at| i64::try_from(text[..at].chars().count()).unwrap_or(i64::MAX));
        Ok(Value::Integer(at).into())
    };
    match function {
        Function::IndexOf => place(text.find(part)),
        Function::LastIndexOf => place(text.rfind(part)),
        Function::StartsWith => Ok(text.starts_with(part).into()),
        Function::EndsWith => Ok(text.ends_with(part).into()),
        Function::Contains => Ok(text.contains(part).into()),
        _ => {
            call.run.tick(text.len())?;
            call.run.bounded_count(text.matches(part).count())?;
            let parts = text.split(part).map(|p| Value::String(Cow::Owned(p.to_owned()))).collect::<Vec<_>>();
            let parts = if part.is_empty() { vec![Value::String(Cow::Owned(text.to_owned()))] } else { parts };
            let parts = parts.into();
            call.run.bounded(&parts)?;
            Ok(parts)
        }
    }
}

fn substring<'a>(call: &Call<'_, '_, 'a>, text: &str) -> Outcome<'a> {
    let Some(start) = call.integer(0)? else { return Ok(Collection::Empty) };
    let length = match (call.arguments.len(), call.integer(1)?) {
        (1, _) | (_, None) => usize::MAX,
        (_, Some(length)) => usize::try_from(length).unwrap_or(0),
    };
    let Ok(start) = usize::try_from(start) else { return Ok(Collection::Empty) };
    // ASCII, the usual case, needs no counting of characters.
    if text.is_ascii() {
        if start >= text.len() {
            return Ok(Collection::Empty);
        }
        return made(call, text[start..start.saturating_add(length).min(text.len())].to_owned());
    }
    let rest: String = text.chars().skip(start).take(length).collect();
    if start >= text.chars().count() { Ok(Collection::Empty) } else { made(call, rest) }
}

fn replace<'a>(call: &Call<'_, '_, 'a>, text: &str) -> Outcome<'a> {
    let (Some(old), Some(new)) = (call.text(0)?, call.text(1)?) else { return Ok(Collection::Empty) };
    let times = if old.is_empty() { text.chars().count() + 1 } else { text.matches(old.as_ref()).count() };
    call.run.bounded_text(text.len().saturating_add(times.saturating_mul(new.len())))?;
    if !old.is_empty() {
        return made(call, text.replace(old.as_ref(), &new));
    }
    // Before each character, but not after the last, as the official suite has it.
    let spread: String = text.chars().flat_map(|c| new.chars().chain(std::iter::once(c))).collect();
    made(call, spread + &new)
}

/// The pattern of a call, to be tried on so many bytes: compiled with the expression where it is a literal, now where it
/// is not.
fn compiled<'a>(
    call: &Call<'_, '_, 'a>,
    whole: bool,
    flags: usize,
    bytes: usize,
) -> Result<Option<Cow<'a, Pattern>>, Error> {
    if let Some(pattern) = call.pattern {
        call.run.tick(pattern.cost(bytes))?;
        return Ok(Some(Cow::Borrowed(pattern)));
    }
    let Some(text) = call.text(0)? else { return Ok(None) };
    let flags = call.text(flags)?.unwrap_or_default();
    if let Some(odd) = flags.chars().find(|flag| !"im".contains(*flag)) {
        return Err(call.wrong(&format!("there is no flag `{odd}`: a pattern takes `i` and `m`")));
    }
    call.run.tick(1000 + text.len())?;
    match Pattern::compile(&text, whole, &flags) {
        Some(pattern) => {
            call.run.tick(pattern.compiling() + pattern.cost(bytes))?;
            Ok(Some(Cow::Owned(pattern)))
        }
        None => Err(call.run.unknown(call.offset, "this pattern cannot be used here: look-around or too large")),
    }
}

fn matches<'a>(call: &Call<'_, '_, 'a>, text: &str, whole: bool) -> Outcome<'a> {
    Ok(compiled(call, whole, 1, text.len())?.map(|pattern| pattern.regex.is_match(text)).into())
}

fn replace_matches<'a>(call: &Call<'_, '_, 'a>, text: &str) -> Outcome<'a> {
    let pattern = compiled(call, false, 2, text.len())?;
    let (Some(pattern), Some(new)) = (pattern, call.text(1)?) else { return Ok(Collection::Empty) };
    if pattern.regex.as_str().is_empty() {
        return made(call, text.to_owned());
    }
    let mut out = String::new();
    let mut last = 0;
    let groups = new.matches('$').count();
    for captures in pattern.regex.captures_iter(text) {
        let Some(found) = captures.get(0) else { continue };
        // Each `$` may stand for a group, and no group is longer than what was found.
        let most = new.len().saturating_add(groups.saturating_mul(found.len()));
        call.run.bounded_text(most)?;
        call.run.bounded_bytes(out.len().saturating_add(most))?;
        out.push_str(&text[last..found.start()]);
        captures.expand(&new, &mut out);
        last = found.end();
        call.run.tick(1)?;
    }
    out.push_str(&text[last..]);
    made(call, out)
}

fn join<'a>(call: &Call<'_, '_, 'a>, focus: &Collection<'a>) -> Outcome<'a> {
    let between = call.text(0)?.unwrap_or_default();
    let mut out: Option<String> = None;
    for value in focus.iter() {
        let one = Collection::One(value.clone());
        // A primitive that has extensions only says nothing here.
        let Some(text) = call.run.text(&one, call.offset)? else { continue };
        let out = match &mut out {
            Some(out) => {
                out.push_str(&between);
                out
            }
            None => out.insert(String::new()),
        };
        out.push_str(&text);
        call.run.tick(1)?;
        call.run.bounded_bytes(out.len())?;
    }
    out.map_or(Ok(Collection::Empty), |out| made(call, out))
}
