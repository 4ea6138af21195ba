//! Every way in, as a stranger, as a party without the right, and as one with it. No door is forgotten.

mod door;

use door::{Client, FHIR, House, JSON, Reply, small};
use sharewell::config::Right;
use sharewell::edge::listen::routes::{Access, ROUTES};

/// Method, path to try, a header for its body, the route it belongs to, and who may.
struct Row {
    method: &'static str,
    path: &'static str,
    media: Option<&'static str>,
    route: &'static str,
    /// The party of the tests that may; none where anyone may.
    holder: Option<&'static str>,
    status: u16,
}

const FORM: &str = "content-type: application/x-www-form-urlencoded";

const fn row(
    method: &'static str,
    path: &'static str,
    media: Option<&'static str>,
    route: &'static str,
    holder: Option<&'static str>,
    status: u16,
) -> Row {
    Row { method, path, media, route, holder, status }
}

/// The list. A route that is not here fails the third test.
const LIST: [Row; 29] = [
    row("POST", "/local/care-act", Some(JSON), "/local/{format}", Some("council"), 202),
    row("POST", "/fhir", Some(FHIR), "/fhir", Some("council"), 202),
    row("GET", "/fhir/metadata", None, "/fhir/metadata", Some("nobody"), 200),
    row("POST", "/fhir/$validate", Some(FHIR), "/fhir/$validate", Some("vendor"), 200),
    row("POST", "/fhir/Consent", Some(FHIR), "/fhir/Consent", Some("app"), 202),
    row("PUT", "/fhir/Consent/a-1", Some(FHIR), "/fhir/Consent/{id}", Some("app"), 202),
    row("DELETE", "/fhir/Consent/a-1", None, "/fhir/Consent/{id}", Some("app"), 202),
    row("GET", "/fhir/Consent/$explain", None, "/fhir/Consent/$explain", Some("officer"), 200),
    row("POST", "/fhir/Consent/$explain", Some(FHIR), "/fhir/Consent/$explain", Some("officer"), 200),
    row("GET", "/fhir/CarePlan/$preview", None, "/fhir/CarePlan/$preview", Some("officer"), 200),
    row("POST", "/fhir/CarePlan/$preview", Some(FHIR), "/fhir/CarePlan/$preview", Some("officer"), 200),
    row("POST", "/fhir/Consent/a-1/$confirm", Some(FHIR), "/fhir/Consent/{id}/$confirm", Some("app"), 202),
    row("GET", "/fhir/Consent/a-1/_history", None, "/fhir/Consent/{id}/_history", Some("surgery"), 200),
    row("GET", "/fhir/Consent/a-1/_history/1", None, "/fhir/Consent/{id}/_history/{version}", Some("surgery"), 200),
    row("POST", "/fhir/CarePlan", Some(FHIR), "/fhir/{type}", Some("council"), 202),
    row("GET", "/fhir/CarePlan", None, "/fhir/{asked}", Some("surgery"), 200),
    row("POST", "/fhir/Goal/_search", Some(FORM), "/fhir/{asked}/_search", Some("surgery"), 200),
    row("POST", "/fhir/Consent/$validate", Some(FHIR), "/fhir/{type}/$validate", Some("vendor"), 200),
    row("POST", "/fhir/Consent/a-1/$validate", Some(FHIR), "/fhir/{type}/{id}/$validate", Some("vendor"), 200),
    row("GET", "/fhir/Consent/a-1", None, "/fhir/{asked}/{id}", Some("surgery"), 200),
    row("POST", "/register/emergency", Some(JSON), "/register/emergency", Some("surgery"), 200),
    row("GET", "/register/emergency", None, "/register/emergency", Some("surgery"), 200),
    row("DELETE", "/register/emergency/a-1", None, "/register/emergency/{id}", Some("surgery"), 200),
    row("POST", "/register/opt-out", Some(JSON), "/register/{kind}", Some("registrar"), 200),
    row("GET", "/register/order", None, "/register/{kind}", Some("registrar"), 200),
    row("DELETE", "/register/bar/a-1", None, "/register/{kind}/{id}", Some("registrar"), 200),
    row("GET", "/healthz", None, "/healthz", None, 200),
    row("GET", "/readyz", None, "/readyz", None, 200),
    row("GET", "/metrics", None, "/metrics", Some("operator"), 200),
];

fn ask(client: &mut Client, row: &Row) -> Reply {
    let media: Vec<&str> = row.media.into_iter().collect();
    let body: &[u8] = if row.media.is_some() { b"{}" } else { b"" };
    client.ask(row.method, row.path, &media, body)
}

#[test]
fn the_list_names_every_route_and_only_routes() {
    let listed: Vec<(&str, &str)> = LIST.iter().map(|r| (r.method, r.route)).collect();
    let routes: Vec<(&str, &str)> = ROUTES.iter().map(|r| (r.method.as_str(), r.path)).collect();
    assert_eq!(listed, routes, "a route was added or removed: say here who may use it");
    for (row, route) in LIST.iter().zip(&ROUTES) {
        assert_eq!(row.holder.is_none(), route.access == Access::Public, "{}", row.route);
    }
}

#[test]
fn a_stranger_gets_nothing_but_health() {
    let house = House::open(small());
    for row in &LIST {
        let mut client = house.connect(None).unwrap();
        let reply = ask(&mut client, row);
        match row.holder {
            None => assert_eq!(reply.status, 200, "{} {}", row.method, row.path),
            Some(_) => {
                assert_eq!(
                    (reply.status, reply.issue().as_str()),
                    (401, "unknown-caller"),
                    "{} {}",
                    row.method,
                    row.path
                );
                assert!(reply.header("www-authenticate").is_some());
            }
        }
    }
    let nowhere = house.connect(None).unwrap().ask("GET", "/fhir/NoSuchThing", &[], b"");
    assert_eq!(nowhere.status, 401, "a stranger does not learn which routes there are");
    assert!(house.seen().is_empty());
}

#[test]
fn a_certificate_of_our_authority_that_is_nobodys_is_a_strangers() {
    let house = House::open(small());
    let certificate = house.certificate("unheard-of");
    for row in LIST.iter().filter(|r| r.holder.is_some()) {
        let mut client = house.connect(Some(&certificate)).unwrap();
        assert_eq!(ask(&mut client, row).status, 401, "{} {}", row.method, row.path);
    }
    assert!(house.seen().is_empty());
}

#[test]
fn a_party_without_the_right_is_refused_and_one_with_it_is_served() {
    let house = House::open(small());
    for (row, route) in LIST.iter().zip(&ROUTES) {
        for (party, may, _) in door::PARTIES {
            let mut client = house.client(party);
            let reply = ask(&mut client, row);
            let expected = match route.access {
                Access::With(right) if !may.contains(&right) => 403,
                _ => row.status,
            };
            assert_eq!(reply.status, expected, "{party}: {} {}", row.method, row.path);
        }
        if let Some(holder) = row.holder {
            let may = door::PARTIES.iter().find(|p| p.0 == holder).unwrap().1;
            assert!(route.access == Access::Known || may.iter().any(|r| route.access == Access::With(*r)));
        }
    }
    for seen in house.seen() {
        let may = door::PARTIES.iter().find(|p| p.0 == seen.caller).unwrap().1;
        assert!(!may.is_empty() && may != [Right::Operate], "{} reached the walk", seen.caller);
    }
}

#[test]
fn a_format_the_party_does_not_send_is_refused_and_one_that_is_none_is_not_found() {
    let house = House::open(small());
    let mut client = house.client("council");
    let reply = client.ask("POST", "/local/secret-format", &[JSON], b"{}");
    assert_eq!((reply.status, reply.issue().as_str()), (403, "format-not-allowed"));
    let mut client = house.client("council");
    let reply = client.ask("POST", "/local/no-such", &[JSON], b"{}");
    assert_eq!((reply.status, reply.issue().as_str()), (404, "no-such-format"));
}

#[test]
fn every_other_method_is_told_which_ones_there_are() {
    let house = House::open(small());
    let mut client = house.client("council");
    for row in &LIST {
        let served =
            |method: &str| LIST.iter().any(|r| r.method == method && (r.route == row.route || r.path == row.path));
        for method in ["PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"].into_iter().filter(|m| !served(m)) {
            let reply = client.ask(method, row.path, &[], b"");
            assert_eq!(reply.status, 405, "{method} {}", row.path);
            assert!(reply.header("allow").unwrap().contains(row.method), "{method} {}", row.path);
        }
        let options = client.ask("OPTIONS", row.path, &[], b"");
        assert_eq!(options.status, 204);
        assert!(options.header("allow").unwrap().contains(row.method));
    }
}

#[test]
fn head_is_get_without_a_body() {
    let house = House::open(small());
    let mut client = house.client("surgery");
    let get = client.ask("GET", "/fhir/CarePlan", &[], b"");
    let head = client.ask("HEAD", "/fhir/CarePlan", &[], b"");
    assert_eq!((head.status, head.header("content-length")), (200, get.header("content-length")));
    assert_eq!(client.ask("GET", "/fhir/CarePlan/1", &[], b"").status, 200, "the connection goes on");
}

#[test]
fn the_capability_statement_claims_the_routes_that_are() {
    let house = House::open(small());
    let reply = house.client("nobody").ask("GET", "/fhir/metadata", &[], b"");
    assert_eq!(reply.header("content-type"), Some("application/fhir+json; fhirVersion=4.0"));
    let statement: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!(statement["fhirVersion"], "4.0.1");
    let resources = statement["rest"][0]["resource"].as_array().unwrap();
    let mut surgery = house.client("surgery");
    let mut council = house.client("council");
    let mut app = house.client("app");
    for resource in resources {
        let kind = resource["type"].as_str().unwrap();
        for interaction in resource["interaction"].as_array().unwrap() {
            let status = match interaction["code"].as_str().unwrap() {
                "read" => surgery.ask("GET", &format!("/fhir/{kind}/1"), &[], b"").status,
                "search-type" => surgery.ask("GET", &format!("/fhir/{kind}?patient=x"), &[], b"").status,
                "create" if kind == "Consent" => app.ask("POST", "/fhir/Consent", &[FHIR], b"{}").status,
                "create" => council.ask("POST", &format!("/fhir/{kind}"), &[FHIR], b"{}").status,
                "vread" => surgery.ask("GET", &format!("/fhir/{kind}/1/_history/1"), &[], b"").status,
                "history-instance" => surgery.ask("GET", &format!("/fhir/{kind}/1/_history"), &[], b"").status,
                "update" => app.ask("PUT", &format!("/fhir/{kind}/1"), &[FHIR], b"{}").status,
                "delete" => app.ask("DELETE", &format!("/fhir/{kind}/1"), &[], b"").status,
                other => panic!("`{other}` is claimed"),
            };
            assert!(status < 300, "{kind}: {status}");
        }
    }
}

#[test]
fn answers_name_their_request_and_are_not_kept_by_caches() {
    let house = House::open(small());
    let mut client = house.client("council");
    let own = "x-request-id: 7F0F8A52-5B4C-4B0A-9D8E-0123456789ab";
    let reply = client.ask("POST", "/fhir", &[FHIR, own], b"{}");
    assert_eq!(reply.header("x-request-id"), Some("7f0f8a52-5b4c-4b0a-9d8e-0123456789ab"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(house.seen()[0].request_id, "7f0f8a52-5b4c-4b0a-9d8e-0123456789ab");
    for odd in ["x-request-id: 1234543210", "x-request-id: a b", "x-request-id: ", "accept: */*"] {
        let reply = client.ask("POST", "/fhir", &[FHIR, odd], b"{}");
        assert_eq!(reply.status, 202);
        let id = reply.header("x-request-id").unwrap();
        assert!(id.len() == 36 && !odd.contains(id), "an id of our own is made: {id}");
    }
}

#[test]
fn the_question_reaches_the_walk_decoded_and_without_its_format() {
    let house = House::open(small());
    let mut client = house.client("surgery");
    let path = "/fhir/CarePlan?patient.identifier=https%3A%2F%2Fx%7C1&_format=json";
    assert_eq!(client.ask("GET", path, &["accept: application/json"], b"").status, 200);
    assert_eq!(client.ask("POST", "/fhir/CarePlan/_search?a=1", &[FORM], b"b=2+3").status, 200);
    let pair = |n: &str, v: &str| (n.to_owned(), v.to_owned());
    let seen = house.seen();
    assert_eq!(seen[0].parameters, [pair("patient.identifier", "https://x|1")]);
    assert_eq!(seen[1].parameters, [pair("a", "1"), pair("b", "2 3")]);
}
