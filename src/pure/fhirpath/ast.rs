//! What an expression is compiled to: nodes in one vector, paths and operator chains flat, functions resolved by name.

use super::decimal::Decimal;
use super::functions::Function;
use super::moment::Moment;
use super::pattern::Pattern;

/// Names one node of one program.
pub(super) type Id = u32;

/// A compiled expression.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub nodes: Vec<Node>,
    pub root: Id,
    /// How many parts are evaluated once.
    pub slots: u32,
}

#[derive(Clone, Debug)]
pub(super) enum Node {
    Literal(Literal),
    This,
    Index,
    Total,
    Variable(Variable),
    /// Steps from a start (from `$this` where it is none), walked in a loop.
    Path(Option<Id>, Box<[Step]>),
    /// Operators of one precedence, left to right.
    Chain(Id, Box<[Link]>),
    /// `is` and `as`
    Typed(Id, u32, TypeTest, TypeName),
    Negate(Id, u32),
    Plus(Id, u32),
    /// The same for every item of the evaluation: the place where it is kept, and what it is.
    Once(u32, Id),
}

#[derive(Clone, Debug)]
pub(super) enum Literal {
    Empty,
    Boolean(bool),
    Integer(i64),
    Decimal(Decimal),
    Text(Box<str>),
    Moment(Moment),
    /// The number, the unit, and whether the unit is a calendar's word
    Quantity(Decimal, Box<str>, bool),
}

#[derive(Clone, Debug)]
pub(super) enum Variable {
    Context,
    Resource,
    RootResource,
    /// A constant: `%ucum`, `%vs-…`
    Text(Box<str>),
}

#[derive(Clone, Debug)]
pub(super) struct Link {
    pub operator: Operator,
    pub offset: u32,
    pub right: Id,
}

#[derive(Clone, Debug)]
pub(super) struct Step {
    pub offset: u32,
    pub kind: StepKind,
}

#[derive(Clone, Debug)]
pub(super) enum StepKind {
    /// A child; at the start of a path also the name of the focus's own type.
    Child(Box<str>, bool),
    Index(Id),
    Typed(TypeTest, TypeName),
    /// The function, its arguments, and its pattern where that is a literal
    Call(Function, Box<[Id]>, Option<Box<Pattern>>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TypeTest {
    Is,
    As,
    OfType,
}

/// A type as written: `Quantity`, `FHIR.Quantity`, `System.Quantity`.
#[derive(Clone, Debug)]
pub(super) struct TypeName {
    pub namespace: Option<Namespace>,
    pub name: Box<str>,
    /// Whether it may mean a type of FHIRPath's own.
    pub is_system: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Namespace {
    Fhir,
    System,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Times,
    Over,
    Div,
    Mod,
    Plus,
    Minus,
    Concatenate,
    Union,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
    Equivalent,
    NotEquivalent,
    In,
    Contains,
    And,
    Or,
    Xor,
    Implies,
}
