//! What an expression is made of: literals, variables, parentheses, the names of types.

use super::{Parse, Parser};
use crate::pure::fhirpath::ast::{Id, Literal, Namespace, Node, TypeName, Variable};
use crate::pure::fhirpath::context::ParseError;
use crate::pure::fhirpath::decimal::Decimal;
use crate::pure::fhirpath::lexer::{Kind, MomentText};
use crate::pure::fhirpath::moment::CalendarUnit;
use crate::pure::fhirpath::types::SYSTEM;

impl Parser {
    pub(super) fn type_name(&mut self) -> Parse<TypeName> {
        let mut parts = Vec::new();
        loop {
            match self.take() {
                Kind::Name(name) | Kind::Quoted(name) => parts.push(name),
                _ => {
                    self.at -= 1;
                    return self.wrong("the name of a type should stand here");
                }
            }
            // `as Period.unit` does not reach beyond the type: a second name follows a namespace only.
            let space = parts.len() == 1 && matches!(parts[0].as_str(), "FHIR" | "System");
            if !(space && self.accept(".")) {
                break;
            }
        }
        let name = parts.pop().unwrap_or_default();
        let namespace = parts.first().map(|n| if n == "FHIR" { Namespace::Fhir } else { Namespace::System });
        let is_system = namespace != Some(Namespace::Fhir) && SYSTEM.contains(&name.as_str());
        Ok(TypeName { namespace, name: name.into(), is_system })
    }

    pub(super) fn term(&mut self) -> Parse<Id> {
        let offset = self.offset();
        let node = match self.take() {
            Kind::Sign("(") => {
                let inner = self.deeper(|p| p.expression(0))?;
                self.expect(")")?;
                return Ok(inner);
            }
            Kind::Sign("{") => {
                self.expect("}")?;
                Node::Literal(Literal::Empty)
            }
            Kind::Name(name) => Node::Literal(Literal::Boolean(name == "true")),
            Kind::Text(text) => Node::Literal(Literal::Text(text.into())),
            Kind::Number(digits) => Node::Literal(self.number(&digits, offset)?),
            Kind::Moment(MomentText(moment)) => Node::Literal(Literal::Moment(moment)),
            Kind::Dollar(name) => match name.as_str() {
                "this" => Node::This,
                "index" => Node::Index,
                "total" => Node::Total,
                _ => return Err(ParseError { offset: offset as usize, text: format!("there is no `${name}`") }),
            },
            Kind::Variable(name) => Node::Variable(variable(&name, offset)?),
            _ => {
                self.at -= 1;
                return self.wrong("a value, a name or a function should stand here");
            }
        };
        Ok(self.node(node))
    }

    fn number(&mut self, digits: &str, offset: u32) -> Parse<Literal> {
        let too_large = || ParseError { offset: offset as usize, text: "this number is too large".to_owned() };
        let value = Decimal::parse(digits).ok_or_else(too_large)?;
        let unit = match self.peek() {
            Kind::Text(code) => Some((code.clone(), false)),
            Kind::Name(word) if CalendarUnit::from_word(word).is_some() => Some((word.clone(), true)),
            _ => None,
        };
        if let Some((unit, calendar)) = unit {
            self.at += 1;
            return Ok(Literal::Quantity(value, unit.into(), calendar));
        }
        if digits.contains('.') {
            return Ok(Literal::Decimal(value));
        }
        let integer = value.to_integer().filter(|i| *i <= i64::from(i32::MAX)).ok_or_else(too_large)?;
        Ok(Literal::Integer(integer))
    }
}

fn variable(name: &str, offset: u32) -> Parse<Variable> {
    Ok(match name {
        "context" => Variable::Context,
        "resource" => Variable::Resource,
        "rootResource" => Variable::RootResource,
        "ucum" => Variable::Text("http://unitsofmeasure.org".into()),
        "sct" => Variable::Text("http://snomed.info/sct".into()),
        "loinc" => Variable::Text("http://loinc.org".into()),
        _ => {
            if let Some(id) = name.strip_prefix("vs-") {
                Variable::Text(format!("http://hl7.org/fhir/ValueSet/{id}").into())
            } else if let Some(id) = name.strip_prefix("ext-") {
                Variable::Text(format!("http://hl7.org/fhir/StructureDefinition/{id}").into())
            } else {
                return Err(ParseError { offset: offset as usize, text: format!("there is no `%{name}`") });
            }
        }
    })
}
