//! The names in an expression against the types: elements that do not exist, and choices called by their JSON names.

use super::Expression;
use super::ast::{Id, Literal, Namespace, Node, Operator, Step, StepKind, TypeName, TypeTest, Variable};
use super::context::{EvaluationError, Fault};
use super::functions::Function;
use super::model::{Model, Type};

/// What may stand at one point of an expression.
#[derive(Clone, Debug)]
enum Kinds {
    /// Nothing is known.
    Any,
    /// Values of the expression's own, without elements.
    System,
    /// Elements of one of these types.
    Of(Vec<Type>),
}

impl Kinds {
    fn and(self, other: Kinds) -> Kinds {
        match (self, other) {
            (Kinds::Of(mut a), Kinds::Of(b)) => {
                b.into_iter().for_each(|kind| add(&mut a, kind));
                Kinds::Of(a)
            }
            (Kinds::System, Kinds::System) => Kinds::System,
            _ => Kinds::Any,
        }
    }
}

/// Adds a type that is not there yet: without that, `extension.value.extension.value…` would have fifty times as many at
/// each step.
fn add(kinds: &mut Vec<Type>, kind: Type) {
    if !kinds.contains(&kind) {
        kinds.push(kind);
    }
}

impl Expression {
    /// Checks the names in the expression for a focus of type `of` (none: whatever the expression names first).
    /// With `strict`, an element that its type does not have is wrong; without, only a choice called by its JSON name
    /// is (`valueQuantity`, which FHIRPath calls `value`).
    ///
    /// # Errors
    /// The first name that is wrong.
    pub fn check_names(&self, model: &dyn Model, of: Option<Type>, strict: bool) -> Result<(), EvaluationError> {
        let names =
            Names { nodes: &self.program.nodes, model, strict, start: of.map_or(Kinds::Any, |t| Kinds::Of(vec![t])) };
        names.node(self.program.root, &names.start).map(drop)
    }
}

struct Names<'e> {
    nodes: &'e [Node],
    model: &'e dyn Model,
    strict: bool,
    start: Kinds,
}

type Found = Result<Kinds, EvaluationError>;

fn wrong(offset: u32, text: String) -> EvaluationError {
    EvaluationError { fault: Fault::Wrong, offset: offset as usize, text }
}

impl Names<'_> {
    fn node(&self, id: Id, this: &Kinds) -> Found {
        match &self.nodes[id as usize] {
            Node::Literal(Literal::Empty) => Ok(Kinds::Of(Vec::new())),
            Node::Literal(_) | Node::Index | Node::Variable(Variable::Text(_)) => Ok(Kinds::System),
            Node::This => Ok(this.clone()),
            Node::Once(_, inner) => self.node(*inner, this),
            Node::Total | Node::Variable(Variable::Resource | Variable::RootResource) => Ok(Kinds::Any),
            Node::Variable(Variable::Context) => Ok(self.start.clone()),
            Node::Path(head, steps) => {
                let mut at = match head {
                    Some(head) => self.node(*head, this)?,
                    None => this.clone(),
                };
                self.order(steps)?;
                for step in steps {
                    at = self.step(at, step, this)?;
                }
                Ok(at)
            }
            Node::Chain(first, links) => {
                let mut kinds = self.node(*first, this)?;
                for link in links {
                    let right = self.node(link.right, this)?;
                    kinds = if link.operator == Operator::Union { kinds.and(right) } else { Kinds::System };
                }
                Ok(kinds)
            }
            Node::Typed(operand, _, test, name) => {
                self.node(*operand, this)?;
                Ok(self.typed(*test, name))
            }
            Node::Negate(operand, _) | Node::Plus(operand, _) => {
                self.node(*operand, this)?;
                Ok(Kinds::System)
            }
        }
    }

    /// Children come in no order, so that which is first among them is nobody's to ask (FHIRPath N1 §5.8.1).
    fn order(&self, steps: &[Step]) -> Result<(), EvaluationError> {
        use Function as F;
        let mut ordered = true;
        for step in steps.iter().filter(|_| self.strict) {
            match &step.kind {
                StepKind::Call(F::Children | F::Descendants, ..) => ordered = false,
                StepKind::Call(F::Sort, ..) => ordered = true,
                StepKind::Index(_) | StepKind::Call(F::First | F::Last | F::Tail | F::Skip | F::Take, ..)
                    if !ordered =>
                {
                    return Err(wrong(step.offset, "children come in no order to take some from".to_owned()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn typed(&self, test: TypeTest, name: &TypeName) -> Kinds {
        match self.model.find(&name.name) {
            _ if test == TypeTest::Is => Kinds::System,
            Some(kind) if name.namespace != Some(Namespace::System) => Kinds::Of(vec![kind]),
            _ => Kinds::Any,
        }
    }

    fn step(&self, at: Kinds, step: &Step, this: &Kinds) -> Found {
        match &step.kind {
            StepKind::Child(name, first) => self.child(at, name, *first, step.offset),
            StepKind::Index(index) => {
                self.node(*index, this)?;
                Ok(at)
            }
            StepKind::Typed(test, name) => Ok(self.typed(*test, name)),
            StepKind::Call(function, arguments, _) => self.call(*function, arguments, at, this),
        }
    }

    fn child(&self, at: Kinds, name: &str, first: bool, offset: u32) -> Found {
        if first && name.starts_with(|c: char| c.is_ascii_uppercase()) {
            return Ok(self.model.find(name).map_or(Kinds::Any, |kind| Kinds::Of(vec![kind])));
        }
        let Kinds::Of(kinds) = at else { return Ok(Kinds::Any) };
        let mut found = Vec::new();
        let mut open = kinds.is_empty();
        for kind in kinds {
            match self.model.element(kind, name) {
                Some(element) if element.choice => {
                    let text =
                        format!("`{name}` is how JSON writes it: FHIRPath calls a choice by its name without type");
                    return Err(wrong(offset, text));
                }
                Some(element) => add(&mut found, element.is),
                // Any resource may stand where `Resource` does.
                None if matches!(self.model.name(kind), "Resource" | "DomainResource") => open = true,
                None => self.model.choices(kind, name).iter().for_each(|kind| add(&mut found, *kind)),
            }
        }
        if found.is_empty() && !open && self.strict {
            return Err(wrong(offset, format!("there is no element `{name}` here")));
        }
        Ok(if open || found.is_empty() { Kinds::Any } else { Kinds::Of(found) })
    }

    fn call(&self, function: Function, arguments: &[Id], at: Kinds, this: &Kinds) -> Found {
        use Function as F;
        let inner = match function {
            F::Where | F::Select | F::All | F::Exists | F::Repeat | F::Sort | F::Iif | F::Aggregate => &at,
            _ => this,
        };
        let mut kinds = Vec::with_capacity(arguments.len());
        for id in arguments {
            kinds.push(self.node(*id, inner)?);
        }
        let mut kinds = kinds.into_iter();
        Ok(match function {
            F::Where | F::First | F::Last | F::Tail | F::Skip | F::Take | F::Single | F::Trace | F::Exclude => at,
            F::Intersect | F::Distinct | F::Itself | F::Sort => at,
            F::Union | F::Combine => at.and(kinds.next().unwrap_or(Kinds::Any)),
            F::Select => kinds.next().unwrap_or(Kinds::Any),
            F::Iif => {
                let yes = kinds.nth(1).unwrap_or(Kinds::Any);
                let no = kinds.next().unwrap_or(Kinds::Of(Vec::new()));
                yes.and(no)
            }
            F::Extension => self.model.find("Extension").map_or(Kinds::Any, |kind| Kinds::Of(vec![kind])),
            F::Children | F::Descendants | F::Repeat | F::Aggregate | F::Resolve | F::Type | F::Slice => Kinds::Any,
            _ => Kinds::System,
        })
    }
}
