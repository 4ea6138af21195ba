//! The pages of one searchset, put together. Only their shape is looked at; what they hold is read again at parse.

use super::SourceFault;
use crate::pure::fhir::{Limits, Tree, json};
use bytes::Bytes;

/// One page: its bytes, and where the next one is.
pub(super) struct Page {
    pub bytes: Bytes,
    pub next: Option<String>,
    tree: Tree,
}

/// Reads one page.
pub(super) fn read(bytes: Bytes, most: usize) -> Result<Page, SourceFault> {
    let limits = Limits { bytes: most, ..Limits::default() };
    let tree =
        json::read(&bytes, &limits).map_err(|_| SourceFault::Malformed("its answer is no JSON that is read here"))?;
    let root = tree.root();
    if root.resource_type() != Some("Bundle") || root.str_at(&["type"]) != Some("searchset") {
        return Err(SourceFault::Malformed("its answer is no searchset"));
    }
    let next = root.all("link").find(|l| l.str_at(&["relation"]) == Some("next"));
    let next = next.and_then(|l| l.str_at(&["url"])).map(str::to_owned);
    Ok(Page { bytes, next, tree })
}

/// One searchset with the entries of all pages, without links and total, which were each page's own. A single page
/// stays as it came.
pub(super) fn together(pages: Vec<Page>) -> Bytes {
    if let [only] = pages.as_slice() {
        return only.bytes.clone();
    }
    let mut whole = Tree::object();
    let root = whole.root().id();
    whole.push_str(root, "resourceType", "Bundle");
    whole.push_str(root, "type", "searchset");
    let entries: Vec<_> = pages.iter().flat_map(|p| p.tree.root().all("entry")).collect();
    if !entries.is_empty() {
        let list = whole.push_array(root, "entry");
        for entry in entries {
            whole.push_copy(list, "", entry);
        }
    }
    whole.root().to_json().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> Result<Page, SourceFault> {
        read(Bytes::copy_from_slice(text.as_bytes()), 10_000)
    }

    #[test]
    fn pages_become_one_searchset() {
        let first = page(
            r#"{"resourceType":"Bundle","type":"searchset","total":2,"link":[{"relation":"next","url":"p2"}],"entry":[{"fullUrl":"a"}]}"#,
        );
        let second = page(r#"{"resourceType":"Bundle","type":"searchset","total":2,"entry":[{"fullUrl":"b"}]}"#);
        let (first, second) = (first.ok().unwrap(), second.ok().unwrap());
        assert_eq!(first.next.as_deref(), Some("p2"));
        let whole = together(vec![first, second]);
        let expected = r#"{"resourceType":"Bundle","type":"searchset","entry":[{"fullUrl":"a"},{"fullUrl":"b"}]}"#;
        assert_eq!(whole, expected);
    }

    #[test]
    fn what_is_no_searchset_is_refused() {
        for text in
            ["", "[]", "{}", r#"{"resourceType":"Patient"}"#, r#"{"resourceType":"Bundle","type":"collection"}"#]
        {
            assert!(page(text).is_err(), "{text}");
        }
    }
}
