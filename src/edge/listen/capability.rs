//! The CapabilityStatement (R4 §2.4): made from the route table, so that it claims what works and nothing else.

use super::routes::{ASKED, ROUTES};
use crate::config::Gateway;
use crate::pure::fhir::{Id, Tree};
use hyper::Method;
use jiff::Timestamp;

/// Makes it. `since` is when we started.
#[must_use]
pub fn statement(gateway: &Gateway, since: Timestamp) -> Tree {
    let mut tree = Tree::object();
    let root = tree.root().id();
    tree.push_str(root, "resourceType", "CapabilityStatement");
    tree.push_str(root, "status", "active");
    tree.push_str(root, "date", &since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    tree.push_str(root, "kind", "instance");
    let software = tree.push_object(root, "software");
    tree.push_str(software, "name", "Sharewell");
    tree.push_str(software, "version", env!("CARGO_PKG_VERSION"));
    let implementation = tree.push_object(root, "implementation");
    tree.push_str(implementation, "description", &gateway.name);
    tree.push_str(implementation, "url", &format!("{}/fhir", gateway.base));
    tree.push_str(root, "fhirVersion", "4.0.1");
    strings(&mut tree, root, "format", &["application/fhir+json", "json"]);
    let rest = tree.push_array(root, "rest");
    let rest = tree.push_object(rest, "");
    tree.push_str(rest, "mode", "server");
    tree.push_str(rest, "documentation", DOCUMENTATION);
    let security = tree.push_object(rest, "security");
    tree.push_str(security, "description", "mutual TLS with a client certificate that is registered here");
    let resources = tree.push_array(rest, "resource");
    for kind in ASKED {
        resource(&mut tree, resources, kind);
    }
    if has(&Method::POST, "/fhir/$validate") {
        let operations = tree.push_array(rest, "operation");
        operation(&mut tree, operations);
    }
    tree
}

/// What a caller may say of its question beyond its parameters.
const DOCUMENTATION: &str = "A question may state its purposes of use in the header `Purpose-Of-Use`, codes of v3-ActReason \
    separated by commas, all of which must hold; without it the party's usual purpose counts. Legal bases and statutory \
    exemptions are declared in `Declared-Basis`. An emergency is declared beforehand by POST /register/emergency and asked \
    under with BTG or ETREAT. What may not be told is absent.";

fn has(method: &Method, path: &str) -> bool {
    ROUTES.iter().any(|r| r.method == *method && r.path == path)
}

fn strings(tree: &mut Tree, parent: Id, name: &str, values: &[&str]) {
    let list = tree.push_array(parent, name);
    for value in values {
        tree.push_str(list, "", value);
    }
}

fn resource(tree: &mut Tree, list: Id, kind: &str) {
    let entry = tree.push_object(list, "");
    tree.push_str(entry, "type", kind);
    let interactions = tree.push_array(entry, "interaction");
    let own = kind == "Consent";
    let create = if own { "/fhir/Consent" } else { "/fhir/{type}" };
    let claims = [
        ("read", Method::GET, "/fhir/{asked}/{id}"),
        ("search-type", Method::GET, "/fhir/{asked}"),
        ("create", Method::POST, create),
        ("vread", Method::GET, "/fhir/Consent/{id}/_history/{version}"),
        ("update", Method::PUT, "/fhir/Consent/{id}"),
        ("delete", Method::DELETE, "/fhir/Consent/{id}"),
        ("history-instance", Method::GET, "/fhir/Consent/{id}/_history"),
    ];
    // the last four are of choices alone
    for (code, method, path) in claims.into_iter().take(if own { 7 } else { 3 }) {
        if has(&method, path) {
            let interaction = tree.push_object(interactions, "");
            tree.push_str(interaction, "code", code);
        }
    }
    tree.push_str(entry, "versioning", if own { "versioned" } else { "no-version" });
    if own {
        tree.push_bool(entry, "readHistory", true);
        tree.push_bool(entry, "updateCreate", false);
    }
    let parameters = tree.push_array(entry, "searchParam");
    let parameter = tree.push_object(parameters, "");
    tree.push_str(parameter, "name", "patient");
    tree.push_str(parameter, "type", "reference");
    tree.push_str(
        parameter,
        "documentation",
        "by NHS number: patient=https://fhir.nhs.uk/Id/nhs-number|value, or patient.identifier",
    );
    if own {
        let parameter = tree.push_object(parameters, "");
        tree.push_str(parameter, "name", "_at");
        tree.push_str(parameter, "type", "date");
        tree.push_str(parameter, "documentation", "the choices recorded here that held at a time, or when a day ended");
    }
    let validates = has(&Method::POST, "/fhir/{type}/$validate");
    let further: &[(&str, &str)] = match kind {
        "Consent" => &[("explain", "consent-explain")],
        "CarePlan" => &[("preview", "careplan-preview")],
        _ => &[],
    };
    let confirms = own && has(&Method::POST, "/fhir/Consent/{id}/$confirm");
    if validates || confirms {
        let operations = tree.push_array(entry, "operation");
        if validates {
            operation(tree, operations);
        }
        if confirms {
            let confirm = tree.push_object(operations, "");
            tree.push_str(confirm, "name", "confirm");
            tree.push_str(confirm, "definition", "https://sharewell.example/fhir/OperationDefinition/consent-confirm");
        }
        for (name, definition) in further.iter().filter(|(name, _)| has(&Method::GET, &format!("/fhir/{kind}/${name}")))
        {
            let at = tree.push_object(operations, "");
            tree.push_str(at, "name", name);
            tree.push_str(
                at,
                "definition",
                &format!("https://sharewell.example/fhir/OperationDefinition/{definition}"),
            );
        }
    }
}

fn operation(tree: &mut Tree, list: Id) {
    let operation = tree.push_object(list, "");
    tree.push_str(operation, "name", "validate");
    tree.push_str(operation, "definition", "http://hl7.org/fhir/OperationDefinition/Resource-validate");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::profile::Definitions;
    use crate::pure::validate::check;

    #[test]
    fn the_statement_is_valid_r4() {
        let text = |s: &str| s.to_owned();
        let gateway = Gateway { name: text("t"), system: text("s"), value: text("v"), base: text("https://g.test") };
        let tree = statement(&gateway, Timestamp::UNIX_EPOCH);
        let report = check(&tree, &[], &Definitions::base().expect("the definitions are embedded"));
        let errors: Vec<String> = report.issues.iter().filter(|i| i.is_error()).map(ToString::to_string).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
}
