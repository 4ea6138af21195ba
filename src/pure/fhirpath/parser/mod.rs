//! Tokens → program: FHIRPath N1's grammar by precedence, functions checked by name and number of arguments.

mod term;

use super::ast::{Id, Link, Literal, Node, Operator, Program, Step, StepKind, TypeTest};
use super::context::ParseError;
use super::functions::{self, Function};
use super::lexer::{Kind, Token, tokens};
use super::once;
use super::pattern::Pattern;

/// Parentheses, arguments and signs inside one another. Beyond that nobody reads an expression, and the stack ends.
const DEPTH: usize = 48;
/// Bytes of one expression.
const LENGTH: usize = 64 << 10;
/// Steps that compiling the literal patterns of one expression may count as; the rest are compiled when they are met, and
/// then they count.
const PATTERNS: usize = 1 << 20;

type Parse<T> = Result<T, ParseError>;

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    nodes: Vec<Node>,
    /// What the patterns compiled so far count as
    patterns: usize,
}

/// Reads an expression.
pub(super) fn parse(text: &str) -> Parse<Program> {
    if text.len() > LENGTH {
        return Err(ParseError { offset: LENGTH, text: format!("the expression is longer than {LENGTH} bytes") });
    }
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0, nodes: Vec::new(), patterns: 0 };
    let root = parser.expression(0)?;
    match parser.peek() {
        Kind::End => {
            let mut program = Program { nodes: parser.nodes, root, slots: 0 };
            once::mark(&mut program);
            Ok(program)
        }
        _ => parser.wrong("an operator or the end should stand here"),
    }
}

/// Operators from loose to tight; a level's operators associate to the left.
const LEVELS: [&[(&str, Operator)]; 9] = [
    &[("implies", Operator::Implies)],
    &[("or", Operator::Or), ("xor", Operator::Xor)],
    &[("and", Operator::And)],
    &[("in", Operator::In), ("contains", Operator::Contains)],
    &[("=", Operator::Equal), ("~", Operator::Equivalent), ("!=", Operator::NotEqual), ("!~", Operator::NotEquivalent)],
    &[("<=", Operator::LessOrEqual), ("<", Operator::Less), (">", Operator::Greater), (">=", Operator::GreaterOrEqual)],
    &[("|", Operator::Union)],
    &[("+", Operator::Plus), ("-", Operator::Minus), ("&", Operator::Concatenate)],
    &[("*", Operator::Times), ("/", Operator::Over), ("div", Operator::Div), ("mod", Operator::Mod)],
];

/// The level of `+`; `is` and `as` bind looser than it and tighter than `|`.
const SUMS: usize = 7;

impl Parser {
    fn peek(&self) -> &Kind {
        self.tokens.get(self.at).map_or(&Kind::End, |t| &t.kind)
    }

    fn offset(&self) -> u32 {
        let at = self.tokens.get(self.at).map_or(0, |t| t.at);
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    fn wrong<T>(&self, text: impl Into<String>) -> Parse<T> {
        Err(ParseError { offset: self.offset() as usize, text: text.into() })
    }

    fn take(&mut self) -> Kind {
        let kind = self.peek().clone();
        self.at += 1;
        kind
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek(), Kind::Sign(s) if *s == sign)
    }

    fn accept(&mut self, sign: &str) -> bool {
        let found = self.is_sign(sign);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str) -> Parse<()> {
        if self.accept(sign) { Ok(()) } else { self.wrong(format!("`{sign}` should stand here")) }
    }

    fn node(&mut self, node: Node) -> Id {
        self.nodes.push(node);
        Id::try_from(self.nodes.len() - 1).unwrap_or(Id::MAX)
    }

    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Parser) -> Parse<T>) -> Parse<T> {
        if self.depth >= DEPTH {
            return self.wrong(format!("the expression is nested more than {DEPTH} deep"));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn operator(&self, level: usize) -> Option<Operator> {
        let word = match self.peek() {
            Kind::Sign(sign) => sign,
            Kind::Name(name) => name.as_str(),
            _ => return None,
        };
        LEVELS[level].iter().find(|(text, _)| *text == word).map(|(_, operator)| *operator)
    }

    fn expression(&mut self, level: usize) -> Parse<Id> {
        if level == LEVELS.len() {
            return self.signed();
        }
        let mut left = self.expression(level + 1)?;
        let mut links = Vec::new();
        while let Some(operator) = self.operator(level) {
            let offset = self.offset();
            self.at += 1;
            let right = self.expression(level + 1)?;
            links.push(Link { operator, offset, right });
        }
        if !links.is_empty() {
            left = self.node(Node::Chain(left, links.into()));
        }
        if level == SUMS { self.typed(left) } else { Ok(left) }
    }

    /// `is` and `as` after a sum.
    fn typed(&mut self, mut operand: Id) -> Parse<Id> {
        for _ in 0..DEPTH {
            let test = match self.peek() {
                Kind::Name(name) if name == "is" => TypeTest::Is,
                Kind::Name(name) if name == "as" => TypeTest::As,
                _ => return Ok(operand),
            };
            let offset = self.offset();
            self.at += 1;
            let name = self.type_name()?;
            operand = self.node(Node::Typed(operand, offset, test, name));
        }
        self.wrong(format!("there are more than {DEPTH} tests of a type one after another"))
    }

    fn signed(&mut self) -> Parse<Id> {
        let offset = self.offset();
        if self.accept("-") {
            let operand = self.deeper(Parser::signed)?;
            return Ok(self.node(Node::Negate(operand, offset)));
        }
        if self.accept("+") {
            let operand = self.deeper(Parser::signed)?;
            return Ok(self.node(Node::Plus(operand, offset)));
        }
        self.path()
    }

    /// A term with what follows it: `.child`, `.function()`, `[index]`.
    fn path(&mut self) -> Parse<Id> {
        let mut steps = Vec::new();
        let head = match self.peek() {
            Kind::Name(name) if !matches!(name.as_str(), "true" | "false") => {
                steps.push(self.invocation(true)?);
                None
            }
            Kind::Quoted(_) => {
                steps.push(self.invocation(true)?);
                None
            }
            _ => Some(self.term()?),
        };
        loop {
            let offset = self.offset();
            if self.accept(".") {
                steps.push(self.dotted()?);
            } else if self.accept("[") {
                let index = self.deeper(|p| p.expression(0))?;
                self.expect("]")?;
                steps.push(Step { offset, kind: StepKind::Index(index) });
            } else {
                break;
            }
        }
        match (head, steps.is_empty()) {
            (Some(head), true) => Ok(head),
            (head, _) => Ok(self.node(Node::Path(head, steps.into()))),
        }
    }

    fn dotted(&mut self) -> Parse<Step> {
        let offset = self.offset();
        match self.peek() {
            Kind::Dollar(name) if name == "this" => {
                self.at += 1;
                Ok(Step { offset, kind: StepKind::Call(Function::Itself, Box::new([]), None) })
            }
            _ => self.invocation(false),
        }
    }

    fn invocation(&mut self, first: bool) -> Parse<Step> {
        let offset = self.offset();
        let name = match self.take() {
            Kind::Name(name) => {
                if self.is_sign("(") {
                    return self.call(&name, offset);
                }
                name
            }
            Kind::Quoted(name) => name,
            _ => {
                self.at -= 1;
                return self.wrong("a name should stand here");
            }
        };
        Ok(Step { offset, kind: StepKind::Child(name.into(), first) })
    }

    fn call(&mut self, name: &str, offset: u32) -> Parse<Step> {
        self.expect("(")?;
        let test = match name {
            "is" => Some(TypeTest::Is),
            "as" => Some(TypeTest::As),
            "ofType" => Some(TypeTest::OfType),
            _ => None,
        };
        if let Some(test) = test {
            let name = self.type_name()?;
            self.expect(")")?;
            return Ok(Step { offset, kind: StepKind::Typed(test, name) });
        }
        let mut arguments = Vec::new();
        if !self.accept(")") {
            loop {
                arguments.push(self.deeper(|p| p.expression(0))?);
                if !self.accept(",") {
                    break;
                }
            }
            self.expect(")")?;
        }
        let wrong = |text| Err(ParseError { offset: offset as usize, text });
        let Some((function, least, most)) = functions::named(name) else {
            return wrong(format!("there is no function `{name}`"));
        };
        if !(least..=most).contains(&arguments.len()) {
            return wrong(format!("`{name}` takes {}", functions::counted(least, most)));
        }
        let pattern = self.pattern(function, &arguments);
        Ok(Step { offset, kind: StepKind::Call(function, arguments.into(), pattern) })
    }

    fn pattern(&mut self, function: Function, arguments: &[Id]) -> Option<Box<Pattern>> {
        let plain = match function {
            Function::Matches | Function::MatchesFull => 1,
            Function::ReplaceMatches => 2,
            _ => return None,
        };
        if arguments.len() > plain {
            return None;
        }
        let first = self.nodes.get(*arguments.first()? as usize)?;
        let Node::Literal(Literal::Text(text)) = first else { return None };
        if self.patterns > PATTERNS {
            return None;
        }
        let pattern = Pattern::compile(text, function == Function::MatchesFull, "")?;
        self.patterns += pattern.compiling();
        Some(Box::new(pattern))
    }
}
