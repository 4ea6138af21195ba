//! The JSON Schema of a local format: what a record must look like, and which kind of value each field holds.

use crate::pure::fhir::{Issue, Item, Kind, Report, Tree};
use serde_json::Value;

/// A schema, compiled.
pub struct Schema {
    file: String,
    root: Value,
    validator: jsonschema::Validator,
}

impl std::fmt::Debug for Schema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Schema({})", self.file)
    }
}

impl Schema {
    /// Compiles a schema; `file` is its name in messages.
    ///
    /// # Errors
    /// A report that says why it is no JSON Schema.
    pub fn compile(file: &str, bytes: &[u8]) -> Result<Schema, Report> {
        let wrong = |text: String| Report::from(Issue::error("structure", "bad-schema", text).rule(file.to_owned()));
        let root: Value = serde_json::from_slice(bytes).map_err(|e| wrong(format!("the schema is no JSON: {e}")))?;
        let validator = jsonschema::validator_for(&root).map_err(|e| wrong(format!("this is no JSON Schema: {e}")))?;
        Ok(Schema { file: file.to_owned(), root, validator })
    }

    /// Checks a record that was read from `bytes`.
    ///
    /// # Errors
    /// A report with the place of each thing the schema does not allow; no value is quoted.
    pub fn check(&self, tree: &Tree, bytes: &[u8], most: usize) -> Result<(), Report> {
        let Ok(value) = serde_json::from_slice::<Value>(bytes) else {
            // Our reader accepted it, so this is a limit of the other one: too deep, or a number too large for it.
            let issue = Issue::error(
                "structure",
                "json-syntax",
                "the record is too deep, or holds a number too large, for its schema".to_owned(),
            );
            return Err(issue.on(tree.root()).rule(self.file.clone()).into());
        };
        let mut report = Report::default();
        for error in self.validator.iter_errors(&value).take(most) {
            let item = follow(tree.root(), error.instance_path().as_str());
            report.push(
                Issue::error("structure", "schema", said(&error))
                    .on(item)
                    .rule(format!("{}#{}", self.file, error.schema_path().as_str()))
                    .remedy("send what the schema of the format describes"),
            );
        }
        if report.issues.is_empty() { Ok(()) } else { Err(report) }
    }

    /// The kind of value a field holds, by its names from the root (lists count through).
    #[must_use]
    pub fn kind_at(&self, names: &[&str]) -> Option<Kind> {
        let mut at = self.resolve(&self.root)?;
        for name in names {
            at = self.resolve(at)?;
            while let Some(items) = at.get("items") {
                at = self.resolve(items)?;
            }
            at = at.get("properties")?.get(*name)?;
        }
        at = self.resolve(at)?;
        while let Some(items) = at.get("items") {
            at = self.resolve(items)?;
        }
        let kinds: Vec<&str> = match at.get("type")? {
            Value::String(one) => vec![one.as_str()],
            Value::Array(many) => many.iter().filter_map(Value::as_str).filter(|k| *k != "null").collect(),
            _ => return None,
        };
        match kinds.as_slice() {
            ["string"] => Some(Kind::String),
            ["integer" | "number"] => Some(Kind::Number),
            ["boolean"] => Some(Kind::Bool),
            _ => None,
        }
    }

    /// The fields the schema names, as paths with `[]` for lists: those that hold plain values.
    #[must_use]
    pub fn fields(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.gather(&self.root, String::new(), 0, &mut found);
        found
    }

    fn gather(&self, at: &Value, path: String, depth: usize, found: &mut Vec<String>) {
        let Some(at) = self.resolve(at).filter(|_| depth < 16) else { return };
        if let Some(items) = at.get("items") {
            self.gather(items, format!("{path}[]"), depth + 1, found);
        } else if let Some(Value::Object(properties)) = at.get("properties") {
            for (name, property) in properties {
                let dot = if path.is_empty() { "" } else { "." };
                self.gather(property, format!("{path}{dot}{name}"), depth + 1, found);
            }
        } else {
            found.push(path);
        }
    }

    /// Follows `$ref` within the schema, a few times.
    fn resolve<'v>(&'v self, mut at: &'v Value) -> Option<&'v Value> {
        for _ in 0..8 {
            let Some(Value::String(reference)) = at.get("$ref") else { return Some(at) };
            at = self.root.pointer(reference.strip_prefix('#')?)?;
        }
        None
    }
}

/// The item at a JSON Pointer, or the nearest above it.
fn follow<'t>(root: Item<'t>, pointer: &str) -> Item<'t> {
    let mut at = root;
    for part in pointer.split('/').skip(1) {
        let name = part.replace("~1", "/").replace("~0", "~");
        let next = match at.kind() {
            Kind::Array => name.parse().ok().and_then(|index| at.children().nth(index)),
            _ => at.get(&name),
        };
        match next {
            Some(item) => at = item,
            None => break,
        }
    }
    at
}

/// What is wrong, in words of ours: the validator's own would quote the record.
fn said(error: &jsonschema::ValidationError<'_>) -> String {
    use jsonschema::error::ValidationErrorKind as Wrong;
    match error.kind() {
        Wrong::AdditionalProperties { unexpected } | Wrong::UnevaluatedProperties { unexpected } => {
            format!(
                "{} of the names here {} not known to the format",
                unexpected.len(),
                if unexpected.len() == 1 { "is" } else { "are" }
            )
        }
        Wrong::Required { property } => format!("`{}` is missing", property.as_str().unwrap_or_default()),
        Wrong::Type { .. } => "this is another kind of value than the format says".to_owned(),
        Wrong::Enum { .. } | Wrong::Constant { .. } => "this is none of the values that the format allows".to_owned(),
        Wrong::Format { format } => format!("this is not written as `{format}`"),
        Wrong::Pattern { .. } => "this is not written the way the format says".to_owned(),
        Wrong::MinItems { .. }
        | Wrong::MinLength { .. }
        | Wrong::Minimum { .. }
        | Wrong::MinProperties { .. }
        | Wrong::ExclusiveMinimum { .. } => "this is too short, too few or too small".to_owned(),
        Wrong::MaxItems { .. }
        | Wrong::MaxLength { .. }
        | Wrong::Maximum { .. }
        | Wrong::MaxProperties { .. }
        | Wrong::ExclusiveMaximum { .. } => "this is too long, too many or too large".to_owned(),
        Wrong::UniqueItems => "the same thing stands twice in this list".to_owned(),
        _ => "this is not what the format describes".to_owned(),
    }
}
