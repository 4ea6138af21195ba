//! FHIR XML: what is read, what is refused and where, what is written, and that nothing is lost between XML and JSON.

use sharewell::pure::fhir::{Limits, Report, Tree, xml};
use sharewell::pure::profile::Definitions;
use std::sync::OnceLock;

#[path = "xml/canonical.rs"]
mod canonical;
#[path = "xml/hostile.rs"]
mod hostile;
#[path = "xml/loss.rs"]
mod loss;
#[path = "xml/narrative.rs"]
mod narrative;
#[path = "xml/reader.rs"]
mod reader;
#[path = "xml/writer.rs"]
mod writer;

/// The R4 definitions out of the binary, loaded once.
fn definitions() -> &'static Definitions {
    static DEFINITIONS: OnceLock<Definitions> = OnceLock::new();
    DEFINITIONS.get_or_init(|| Definitions::r4().expect("the definitions are embedded"))
}

fn read_xml(bytes: &[u8]) -> Result<Tree, Report> {
    xml::read(bytes, &Limits::default(), definitions())
}
