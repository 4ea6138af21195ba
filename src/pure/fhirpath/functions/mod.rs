//! The functions by name: how many arguments each takes, and which family carries it out.

mod coded;
mod combining;
mod conversion;
mod existence;
mod fhir;
mod filtering;
mod html;
mod math;
mod resolve;
mod strings;
mod subsetting;
mod text_forms;
mod tree;
mod utility;

use super::ast::{Id, Node};
use super::collection::Collection;
use super::evaluate::{Error, Outcome, Run, Scope};
use super::pattern::Pattern;
use super::value::Value;
use std::borrow::Cow;

/// One call of one function.
pub(super) struct Call<'r, 's, 'a> {
    pub run: &'r Run<'a>,
    pub scope: &'r Scope<'s, 'a>,
    pub arguments: &'a [Id],
    pub pattern: Option<&'a Pattern>,
    pub offset: u32,
}

impl<'a> Call<'_, '_, 'a> {
    /// An argument, evaluated where the call stands; empty where it was not given.
    fn argument(&self, index: usize) -> Outcome<'a> {
        self.arguments.get(index).map_or(Ok(Collection::Empty), |id| self.run.evaluate(*id, self.scope))
    }

    fn integer(&self, index: usize) -> Result<Option<i64>, Error> {
        self.run.integer(&self.argument(index)?, self.offset)
    }

    fn text(&self, index: usize) -> Result<Option<Cow<'a, str>>, Error> {
        self.run.text(&self.argument(index)?, self.offset)
    }

    /// An argument, evaluated on one item.
    fn on(&self, index: usize, this: &Collection<'a>, at: usize) -> Outcome<'a> {
        let Some(id) = self.arguments.get(index) else { return Ok(Collection::Empty) };
        self.run.evaluate(*id, &Scope { this, index: Some(at), total: self.scope.total })
    }

    /// Whether an argument holds for one item.
    fn holds(&self, this: &Collection<'a>, at: usize) -> Result<bool, Error> {
        Ok(self.run.truth(&self.on(0, this, at)?, self.offset)? == Some(true))
    }

    fn wrong(&self, text: &str) -> Error {
        self.run.wrong(self.offset, text)
    }

    fn single(&self, values: &Collection<'a>) -> Result<Option<Value<'a>>, Error> {
        self.run.single(values, self.offset)
    }

    fn node(&self, index: usize) -> Option<&'a Node> {
        self.run.program.nodes.get(*self.arguments.get(index)? as usize)
    }
}

macro_rules! functions {
    ($($family:ident { $($variant:ident $name:literal $least:literal $most:literal)* })*) => {
        /// A function, resolved when the expression is compiled.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Function {
            $($(#[doc = $name] $variant,)*)*
        }

        /// The function of this name, with the least and the most arguments it takes.
        pub(super) fn named(name: &str) -> Option<(Function, usize, usize)> {
            match name {
                $($($name => Some((Function::$variant, $least, $most)),)*)*
                _ => None,
            }
        }

        /// Carries out a call.
        pub(super) fn apply<'a>(function: Function, call: &Call<'_, '_, 'a>, focus: Collection<'a>) -> Outcome<'a> {
            match function {
                $($(Function::$variant)|* => $family::apply(function, call, focus),)*
            }
        }
    };
}

functions! {
    existence {
        Empty "empty" 0 0 Exists "exists" 0 1 All "all" 1 1 AllTrue "allTrue" 0 0 AnyTrue "anyTrue" 0 0
        AllFalse "allFalse" 0 0 AnyFalse "anyFalse" 0 0 SubsetOf "subsetOf" 1 1 SupersetOf "supersetOf" 1 1
        Count "count" 0 0 Distinct "distinct" 0 0 IsDistinct "isDistinct" 0 0 Not "not" 0 0
    }
    filtering {
        Where "where" 1 1 Select "select" 1 1 Repeat "repeat" 1 1 Aggregate "aggregate" 1 2 Iif "iif" 2 3
        Sort "sort" 0 8
    }
    subsetting {
        Single "single" 0 0 First "first" 0 0 Last "last" 0 0 Tail "tail" 0 0 Skip "skip" 1 1 Take "take" 1 1
        Intersect "intersect" 1 1 Exclude "exclude" 1 1
    }
    combining { Union "union" 1 1 Combine "combine" 1 1 }
    conversion {
        ToBoolean "toBoolean" 0 0 ConvertsToBoolean "convertsToBoolean" 0 0
        ToInteger "toInteger" 0 0 ConvertsToInteger "convertsToInteger" 0 0
        ToDecimal "toDecimal" 0 0 ConvertsToDecimal "convertsToDecimal" 0 0
        ToText "toString" 0 0 ConvertsToText "convertsToString" 0 0
        ToDate "toDate" 0 0 ConvertsToDate "convertsToDate" 0 0
        ToDateTime "toDateTime" 0 0 ConvertsToDateTime "convertsToDateTime" 0 0
        ToTime "toTime" 0 0 ConvertsToTime "convertsToTime" 0 0
        ToQuantity "toQuantity" 0 1 ConvertsToQuantity "convertsToQuantity" 0 1
    }
    strings {
        IndexOf "indexOf" 1 1 LastIndexOf "lastIndexOf" 1 1 Substring "substring" 1 2 StartsWith "startsWith" 1 1
        EndsWith "endsWith" 1 1 Contains "contains" 1 1 Upper "upper" 0 0 Lower "lower" 0 0 Replace "replace" 2 2
        Matches "matches" 1 2 MatchesFull "matchesFull" 1 2 ReplaceMatches "replaceMatches" 2 3 Length "length" 0 0
        ToChars "toChars" 0 0 Trim "trim" 0 0 Split "split" 1 1 Join "join" 0 1
    }
    text_forms {
        Encode "encode" 1 1 Decode "decode" 1 1 Escape "escape" 1 1 Unescape "unescape" 1 1
    }
    math {
        Abs "abs" 0 0 Ceiling "ceiling" 0 0 Exp "exp" 0 0 Floor "floor" 0 0 Ln "ln" 0 0 Log "log" 1 1
        Power "power" 1 1 Round "round" 0 1 Sqrt "sqrt" 0 0 Truncate "truncate" 0 0
    }
    tree { Children "children" 0 0 Descendants "descendants" 0 0 }
    utility {
        Itself "$this" 0 0 Trace "trace" 1 2 Now "now" 0 0 TimeOfDay "timeOfDay" 0 0 Today "today" 0 0 Type "type" 0 0
        LowBoundary "lowBoundary" 0 1 HighBoundary "highBoundary" 0 1 Precision "precision" 0 0
        Comparable "comparable" 1 1
    }
    fhir {
        Extension "extension" 1 1 HasExtension "hasExtension" 1 1 HasValue "hasValue" 0 0 GetValue "getValue" 0 0 Resolve "resolve" 0 0
        HtmlChecks "htmlChecks" 0 0 MemberOf "memberOf" 1 1 ConformsTo "conformsTo" 1 1
        Subsumes "subsumes" 1 1 SubsumedBy "subsumedBy" 1 1 ElementDefinition "elementDefinition" 0 0
        Slice "slice" 2 2 CheckModifiers "checkModifiers" 0 8
    }
}

/// How many arguments, in words.
pub(super) fn counted(least: usize, most: usize) -> String {
    let words = |count: usize| match count {
        0 => "no argument".to_owned(),
        1 => "one argument".to_owned(),
        _ => format!("{count} arguments"),
    };
    if least == most { words(least) } else { format!("{least} to {}", words(most)) }
}
