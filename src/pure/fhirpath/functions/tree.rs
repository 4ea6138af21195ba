//! Walking down the record: `children()` and `descendants()` (FHIRPath N1 §5.8).

use super::{Call, Function};
use crate::pure::fhirpath::collection::Collection;
use crate::pure::fhirpath::evaluate::Outcome;
use crate::pure::fhirpath::navigate::visit_children;
use crate::pure::fhirpath::value::Value;

pub(super) fn apply<'a>(function: Function, call: &Call<'_, '_, 'a>, focus: Collection<'a>) -> Outcome<'a> {
    let mut found = Vec::new();
    for value in focus.iter() {
        add_children(value, &mut found);
        call.run.tick(1)?;
    }
    if function == Function::Descendants {
        let mut next = 0;
        while let Some(value) = found.get(next).cloned() {
            add_children(&value, &mut found);
            call.run.tick(1)?;
            call.run.bounded_count(found.len())?;
            next += 1;
        }
    }
    let found = Collection::from(found);
    call.run.tick(found.len())?;
    call.run.bounded(&found)?;
    Ok(found)
}

fn add_children<'a>(value: &Value<'a>, found: &mut Vec<Value<'a>>) {
    if let Value::Element(item, _) = value {
        visit_children(*item, &mut |child| {
            found.push(Value::Element(child, None));
            true
        });
    }
}
