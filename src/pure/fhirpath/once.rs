//! Marks the parts of an expression that are the same for every item, so that they are evaluated once: in
//! `entry.all(request.exists() = (%resource.type = 'batch'))` what stands in the inner parentheses.

use super::ast::{Id, Node, Program, Step, StepKind};
use super::functions::Function;

/// Functions whose argument is evaluated on each item, with its own `$this` and `$index`.
const EACH: [Function; 5] = [Function::Where, Function::Select, Function::All, Function::Exists, Function::Repeat];

/// Marks a program.
pub(super) fn mark(program: &mut Program) {
    let repeats = |step: &Step| matches!(&step.kind, StepKind::Call(function, ..) if EACH.contains(function));
    if program.nodes.iter().any(|node| matches!(node, Node::Path(_, steps) if steps.iter().any(repeats))) {
        visit(program, program.root, false);
    }
}

/// Goes down from a node; `inside` says whether it may be evaluated more than once.
fn visit(program: &mut Program, id: Id, inside: bool) {
    let node = program.nodes[id as usize].clone();
    if inside && matches!(node, Node::Path(Some(_), _) | Node::Chain(..)) && is_fixed(program, id) {
        let inner = Id::try_from(program.nodes.len()).unwrap_or(Id::MAX);
        program.nodes.push(node);
        program.nodes[id as usize] = Node::Once(program.slots, inner);
        program.slots += 1;
        return;
    }
    match node {
        Node::Path(head, steps) => {
            head.into_iter().for_each(|head| visit(program, head, inside));
            steps.iter().for_each(|step| visit_step(program, step, inside));
        }
        Node::Chain(first, links) => {
            visit(program, first, inside);
            links.iter().for_each(|link| visit(program, link.right, inside));
        }
        Node::Typed(operand, ..) | Node::Negate(operand, _) | Node::Plus(operand, _) => {
            visit(program, operand, inside);
        }
        Node::Literal(_) | Node::This | Node::Index | Node::Total | Node::Variable(_) | Node::Once(..) => {}
    }
}

fn visit_step(program: &mut Program, step: &Step, inside: bool) {
    match &step.kind {
        StepKind::Index(index) => visit(program, *index, inside),
        // `sort` reads the signs of its arguments
        StepKind::Call(Function::Sort, ..) => {}
        StepKind::Call(function, arguments, _) => {
            let inside = inside || EACH.contains(function);
            arguments.iter().for_each(|id| visit(program, *id, inside));
        }
        StepKind::Child(..) | StepKind::Typed(..) => {}
    }
}

/// Whether a node yields the same wherever in one evaluation it is asked.
fn is_fixed(program: &Program, id: Id) -> bool {
    match &program.nodes[id as usize] {
        Node::Literal(_) | Node::Variable(_) | Node::Once(..) => true,
        Node::This | Node::Index | Node::Total | Node::Path(None, _) => false,
        Node::Path(Some(head), steps) => {
            is_fixed(program, *head) && steps.iter().all(|step| is_fixed_step(program, step))
        }
        Node::Chain(first, links) => is_fixed(program, *first) && links.iter().all(|l| is_fixed(program, l.right)),
        Node::Typed(operand, ..) | Node::Negate(operand, _) | Node::Plus(operand, _) => is_fixed(program, *operand),
    }
}

fn is_fixed_step(program: &Program, step: &Step) -> bool {
    match &step.kind {
        StepKind::Child(..) | StepKind::Typed(..) => true,
        StepKind::Index(index) => is_fixed(program, *index),
        StepKind::Call(function, arguments, _) => {
            arguments.iter().all(|id| is_fixed(program, *id) || (EACH.contains(function) && !asks_total(program, *id)))
        }
    }
}

/// Whether `$total`, which comes from further out, is asked for anywhere below.
fn asks_total(program: &Program, id: Id) -> bool {
    match &program.nodes[id as usize] {
        Node::Total => true,
        Node::Literal(_) | Node::This | Node::Index | Node::Variable(_) | Node::Once(..) => false,
        Node::Path(head, steps) => {
            head.is_some_and(|head| asks_total(program, head))
                || steps.iter().any(|step| match &step.kind {
                    StepKind::Index(index) => asks_total(program, *index),
                    StepKind::Call(_, arguments, _) => arguments.iter().any(|id| asks_total(program, *id)),
                    StepKind::Child(..) | StepKind::Typed(..) => false,
                })
        }
        Node::Chain(first, links) => asks_total(program, *first) || links.iter().any(|l| asks_total(program, l.right)),
        Node::Typed(operand, ..) | Node::Negate(operand, _) | Node::Plus(operand, _) => asks_total(program, *operand),
    }
}

#[cfg(test)]
mod tests {
    use crate::pure::fhirpath::parser::parse;

    #[test]
    fn only_what_is_the_same_for_every_item_is_evaluated_once() {
        for (text, slots) in [
            ("entry.all(request.exists() = (%resource.type = 'batch' or %resource.type = 'transaction'))", 1),
            ("contained.where(('#' + id in %resource.descendants().reference).not())", 1),
            ("%resource.type = 'batch'", 0),
            ("entry.where(fullUrl = 'x')", 0),
            ("entry.select(%resource.entry[$index].fullUrl)", 0),
            ("entry.where(%resource.entry.where($this.fullUrl = 'x').exists())", 1),
            ("entry.aggregate($total + %resource.entry.select($total).count(), 0)", 0),
        ] {
            assert_eq!(parse(text).unwrap().slots, slots, "{text}");
        }
    }
}
