//! Clients that mean harm, or are broken: over real TLS sockets, against the real front door.

mod door;

use door::{FHIR, House, JSON, hasty, request, small};
use flate2::Compression;
use flate2::write::GzEncoder;
use openssl::ssl::{SslConnectorBuilder, SslVersion};
use sharewell::config::Limits;
use sharewell::edge::authority::{Authority, Purpose};
use sharewell::edge::listen::Drained;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

const FORM: &str = "content-type: application/x-www-form-urlencoded";

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// A good request still gets a good answer.
fn all_is_well(house: &House) {
    let reply = house.client("council").ask("POST", "/fhir", &[FHIR], b"{}");
    assert_eq!(reply.status, 202);
}

// ---- certificates ----------------------------------------------------------------------------------------------------

/// With TLS 1.3 a client may believe itself connected before the server has refused it; the first read tells.
fn is_refused_in_the_handshake(house: &House, issued: &sharewell::edge::authority::Issued) -> bool {
    match house.connect(Some(issued)) {
        Err(_) => true,
        Ok(mut client) => {
            client.write(request("GET", "/healthz", &[], b""));
            client.read().is_none()
        }
    }
}

#[test]
fn a_certificate_of_an_unknown_authority_ends_the_handshake() {
    let house = House::open(small());
    let now = jiff::Timestamp::now();
    let other = Authority::new("clients", now).unwrap();
    let forged = other.issue(Purpose::Client, &["council.test"], &[], now, 1).unwrap();
    assert!(is_refused_in_the_handshake(&house, &forged));
    all_is_well(&house);
}

#[test]
fn an_expired_certificate_ends_the_handshake() {
    let house = House::open(small());
    let expired = house.authority.issue(Purpose::Client, &["council.test"], &[], jiff::Timestamp::now(), -1).unwrap();
    assert!(is_refused_in_the_handshake(&house, &expired));
}

#[test]
fn a_servers_certificate_does_not_make_a_client() {
    let house = House::open(small());
    let server = house.authority.issue(Purpose::Server, &["council.test"], &[], jiff::Timestamp::now(), 1).unwrap();
    assert!(is_refused_in_the_handshake(&house, &server));
}

#[test]
fn a_certificate_of_two_parties_is_nobodys() {
    let house = House::open(small());
    let now = jiff::Timestamp::now();
    let both = house.authority.issue(Purpose::Client, &["council.test", "surgery.test"], &[], now, 1).unwrap();
    let reply = house.connect(Some(&both)).unwrap().ask("POST", "/fhir", &[FHIR], b"{}");
    assert_eq!(reply.status, 401);
}

#[test]
fn a_name_in_the_common_name_or_with_a_wildcard_is_no_name() {
    let house = House::open(small());
    let now = jiff::Timestamp::now();
    for name in ["*.test", "council.test.evil.test", "xcouncil.test"] {
        let odd = house.authority.issue(Purpose::Client, &[name], &[], now, 1).unwrap();
        let reply = house.connect(Some(&odd)).unwrap().ask("POST", "/fhir", &[FHIR], b"{}");
        assert_eq!(reply.status, 401, "{name}");
    }
    let local = "127.0.0.1".parse().unwrap();
    let no_names = house.authority.issue(Purpose::Client, &[], &[local], now, 1).unwrap();
    let reply = house.connect(Some(&no_names)).unwrap().ask("POST", "/fhir", &[FHIR], b"{}");
    assert_eq!(reply.status, 401);
}

#[test]
fn only_tls_1_2_and_1_3_are_spoken_and_only_1_3_where_it_says_so() {
    let at_most = |version| {
        move |builder: &mut SslConnectorBuilder| {
            builder.set_min_proto_version(None).unwrap();
            builder.set_max_proto_version(Some(version)).unwrap();
            // The weakest that the library can do: what is refused is refused by the server.
            builder.set_cipher_list("ALL:@SECLEVEL=0").unwrap();
        }
    };
    let house = House::open(small());
    let council = house.certificate("council");
    assert_eq!(house.client("council").version(), "TLSv1.3");
    let mut older = house.connect_with(Some(&council), at_most(SslVersion::TLS1_2)).unwrap();
    assert_eq!(older.version(), "TLSv1.2");
    assert_eq!(older.ask("POST", "/fhir", &[FHIR], b"{}").status, 202);
    assert!(house.connect_with(Some(&council), at_most(SslVersion::TLS1_1)).is_err());
    let strict = House::open_with(small(), |tls| tls.only_1_3 = true);
    let council = strict.certificate("council");
    assert!(strict.connect_with(Some(&council), at_most(SslVersion::TLS1_2)).is_err());
    assert_eq!(strict.client("council").version(), "TLSv1.3");
}

#[test]
fn a_client_that_speaks_only_http_2_is_told_in_the_handshake() {
    let house = House::open(small());
    let council = house.certificate("council");
    let only = |protocols: &'static [u8]| move |b: &mut SslConnectorBuilder| b.set_alpn_protos(protocols).unwrap();
    assert!(house.connect_with(Some(&council), only(b"\x02h2")).is_err());
    let mut both = house.connect_with(Some(&council), only(b"\x02h2\x08http/1.1")).unwrap();
    assert_eq!(both.ask("POST", "/fhir", &[FHIR], b"{}").status, 202);
}

#[test]
fn a_revoked_certificate_ends_the_handshake() {
    let folder = tempfile::tempdir().unwrap();
    let now = jiff::Timestamp::now();
    let authority = Authority::new("clients", now).unwrap();
    let issue = |name| authority.issue(Purpose::Client, &[name], &[], now, 1).unwrap();
    let (good, revoked) = (issue("council.test"), issue("surgery.test"));
    let (ca, list) = (folder.path().join("ca.pem"), folder.path().join("list.pem"));
    std::fs::write(&ca, authority.certificate().unwrap()).unwrap();
    std::fs::write(&list, authority.revoke(&[&revoked], now).unwrap()).unwrap();
    let house = House::open_with(small(), |tls| {
        tls.client_authorities = ca;
        tls.client_revocations = Some(list);
    });
    assert!(is_refused_in_the_handshake(&house, &revoked));
    assert_eq!(house.connect(Some(&good)).unwrap().ask("POST", "/fhir", &[FHIR], b"{}").status, 202);
}

#[test]
fn headers_that_claim_an_identity_or_a_consent_change_nothing() {
    let house = House::open(small());
    let claims = [
        "x-forwarded-client-cert: By=council.test;Subject=\"CN=council.test\"",
        "x-forwarded-for: 127.0.0.1",
        "x-ssl-client-verify: SUCCESS",
        "nhsd-session-urid: 555254240100",
        "x-consent-decision: permit",
        "x-purpose-of-use: RESEARCH",
        "nhsd-declared-basis: s251",
        "authorization: Bearer eyJhbGciOiJub25lIn0.e30.",
    ];
    let reply = house.connect(None).unwrap().ask("GET", "/fhir/CarePlan", &claims, b"");
    assert_eq!(reply.status, 401);
    let reply = house.client("surgery").ask("GET", "/fhir/CarePlan", &claims, b"");
    assert_eq!(reply.status, 200);
    let seen = &house.seen()[0];
    assert_eq!(seen.caller, "surgery");
    for word in ["council", "permit", "555254240100", "Bearer", "RESEARCH", "s251"] {
        assert!(!seen.headers.contains(word), "`{word}` reached the walk");
    }
    let over = ["x-http-method-override: POST", FHIR];
    assert_eq!(house.client("council").ask("GET", "/fhir/CarePlan?_method=POST", &over, b"").status, 403);
}

#[test]
fn a_purpose_that_is_no_list_of_codes_is_refused_and_not_quoted() {
    let house = House::open(small());
    for odd in ["purpose-of-use: treat me", "purpose-of-use: ", "declared-basis: <script>", "purpose-of-use: TREAT,"] {
        let reply = house.client("surgery").ask("GET", "/fhir/CarePlan", &[odd], b"");
        assert_eq!((reply.status, reply.issue().as_str()), (400, "malformed-request"), "{odd}");
        assert!(!reply.body.contains("script") && !reply.body.contains("treat me"));
    }
    let twice = ["purpose-of-use: TREAT", "purpose-of-use: BTG"];
    assert_eq!(house.client("surgery").ask("GET", "/fhir/CarePlan", &twice, b"").status, 400);
    assert!(house.seen().is_empty());
    let stated = ["purpose-of-use: BTG", "declared-basis: gra-2005-635"];
    assert_eq!(house.client("surgery").ask("GET", "/fhir/CarePlan", &stated, b"").status, 200);
    let seen = &house.seen()[0].headers;
    assert!(seen.contains("BTG") && seen.contains("gra-2005-635"));
}

// ---- what is no HTTP -------------------------------------------------------------------------------------------------

#[test]
fn plain_http_on_the_tls_port_is_not_answered() {
    let house = House::open(small());
    let mut stream = house.tcp();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/"), "it was answered in clear");
    all_is_well(&house);
}

#[test]
fn garbage_ends_the_connection_and_nothing_else() {
    let house = House::open(small());
    let mut seed: u64 = 0x5eed;
    for round in 0..20 {
        let garbage: Vec<u8> = (0..300)
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (seed >> 56) as u8
            })
            .collect();
        let _ = house.tcp().write_all(&garbage);
        let mut client = house.client("council");
        client.write(&garbage);
        client.write(b"\r\n\r\n");
        if let Some(reply) = client.read() {
            assert_eq!(reply.status, 400, "round {round}");
        }
        assert!(client.is_over());
    }
    assert!(house.seen().is_empty());
    all_is_well(&house);
}

#[test]
fn malformed_requests_are_refused() {
    let house = House::open(small());
    let long = format!("GET /fhir/CarePlan?{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(5000));
    for (text, status) in [
        ("GET /fhir/CarePlan HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n", 400),
        ("GET /fhir/CarePlan HTTP/1.1\r\n\r\n", 400),
        ("GET /fhir/CarePlan?a=%zz HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        ("GET /fhir/CarePlan HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}", 400),
        ("GET /fhir/CarePlan HTTP/1.1\r\nhost: x\r\n folded: yes\r\n\r\n", 400),
        ("GET /fhir/CarePlan HTTP/9.9\r\nhost: x\r\n\r\n", 400),
        ("GET /fhir/Care Plan HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        (&long, 414),
        ("GET /fhir/CarePlan HTTP/1.1\r\nhost: x\r\naccept: application/fhir+turtle\r\n\r\n", 406),
        ("GET /fhir/CarePlan?_format=ttl HTTP/1.1\r\nhost: x\r\n\r\n", 406),
        ("GET /fhir/CarePlan?_format=json&_format=xml HTTP/1.1\r\nhost: x\r\n\r\n", 406),
    ] {
        let mut client = house.client("surgery");
        client.write(text);
        assert_eq!(client.read().unwrap().status, status, "{text:.60}");
    }
    assert!(house.seen().is_empty());
}

#[test]
fn bodies_of_the_wrong_type_are_refused() {
    let house = House::open(small());
    for media in ["content-type: text/plain", "content-type: application/fhir+xml", "x-none: 1"] {
        assert_eq!(house.client("council").ask("POST", "/fhir", &[media], b"{}").status, 415, "{media}");
    }
    let twice = [FHIR, "content-type: application/zip"];
    assert_eq!(house.client("council").ask("POST", "/fhir", &twice, b"{}").status, 400);
    assert_eq!(house.client("council").ask("POST", "/fhir", &[FHIR, "content-encoding: br"], b"{}").status, 415);
    assert_eq!(
        house.client("council").ask("POST", "/fhir", &[FHIR, "content-encoding: gzip, gzip"], b"{}").status,
        415
    );
    assert_eq!(house.client("surgery").ask("POST", "/fhir/Goal/_search", &[FORM], b"a=%00").status, 400);
    assert!(house.seen().is_empty());
}

#[test]
fn a_condition_that_would_not_be_carried_out_is_refused() {
    let house = House::open(small());
    for condition in ["if-none-exist: identifier=x", "if-match: W/\"1\""] {
        let reply = house.client("council").ask("POST", "/fhir/CarePlan", &[FHIR, condition], b"{}");
        assert_eq!((reply.status, reply.issue().as_str()), (412, "conditional-request"));
    }
    assert!(house.seen().is_empty());
}

// ---- smuggling -------------------------------------------------------------------------------------------------------

#[test]
fn two_lengths_never_make_two_requests() {
    let house = House::open(small());
    let hidden =
        "POST /local/care-act HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    let orders =
        ["content-length: {}\r\ntransfer-encoding: chunked", "transfer-encoding: chunked\r\ncontent-length: {}"];
    for order in orders {
        let body = format!("0\r\n\r\n{hidden}");
        let lengths = order.replace("{}", &body.len().to_string());
        let text = format!("POST /fhir HTTP/1.1\r\nhost: x\r\n{FHIR}\r\n{lengths}\r\n\r\n{body}");
        let mut client = house.client("council");
        client.write(text);
        let first = client.read();
        assert!(first.is_none_or(|r| r.status == 202 || r.status == 400));
        assert!(client.read().is_none(), "the connection ends, so what is hidden behind is never read");
    }
    assert!(house.seen().iter().all(|s| s.door.name() == "bundle" && s.body.is_empty()));
}

#[test]
fn lengths_that_disagree_are_refused() {
    let house = House::open(small());
    for headers in [
        "content-length: 2\r\ncontent-length: 40",
        "content-length: 2, 40",
        "content-length: +2",
        "content-length: -1",
        "content-length: 0x2",
        "content-length: 99999999999999999999999",
        "transfer-encoding: xchunked",
        "transfer-encoding: chunked, identity",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity",
        "transfer-encoding : chunked",
        "transfer-encoding:\x0bchunked",
    ] {
        let mut client = house.client("council");
        client.write(format!("POST /fhir HTTP/1.1\r\nhost: x\r\n{FHIR}\r\n{headers}\r\n\r\n{{}}"));
        let status = client.read().map(|r| r.status);
        assert!(matches!(status, None | Some(400)), "{headers}: {status:?}");
        assert!(client.is_over(), "{headers}");
    }
    assert!(house.seen().is_empty());
}

#[test]
fn broken_chunks_are_refused() {
    let house = House::open(small());
    for chunks in ["zz\r\n{}\r\n0\r\n\r\n", "ffffffffffffffffff\r\n{}", "2\r\n{}XX0\r\n\r\n", "-2\r\n{}\r\n0\r\n\r\n"] {
        let mut client = house.client("council");
        client.write(format!("POST /fhir HTTP/1.1\r\nhost: x\r\n{FHIR}\r\ntransfer-encoding: chunked\r\n\r\n{chunks}"));
        let status = client.read().map(|r| r.status);
        assert!(matches!(status, None | Some(400)), "{chunks}: {status:?}");
    }
    assert!(house.seen().is_empty());
}

#[test]
fn pipelined_requests_are_answered_in_turn() {
    let house = House::open(small());
    let mut client = house.client("council");
    let mut text = Vec::new();
    for index in 0..20 {
        text.extend(request("POST", "/fhir", &[FHIR], " ".repeat(index + 1).as_bytes()));
    }
    client.write(text);
    for index in 0..20 {
        assert_eq!(client.read().unwrap().body, format!("{{\"bytes\":{}}}", index + 1));
    }
}

// ---- too large -------------------------------------------------------------------------------------------------------

#[test]
fn a_body_over_the_limit_is_refused_whatever_it_says_of_its_length() {
    let house = House::open(small());
    let over = vec![b' '; (64 << 10) + 1];
    let reply = house.client("council").ask("POST", "/fhir", &[FHIR], &over);
    assert_eq!((reply.status, reply.issue().as_str()), (413, "body-too-large"));
    let exact = house.client("council").ask("POST", "/fhir", &[FHIR], &over[1..]);
    assert_eq!(exact.status, 202);
    let mut client = house.client("council");
    client.write(format!("POST /fhir HTTP/1.1\r\nhost: x\r\n{FHIR}\r\ntransfer-encoding: chunked\r\n\r\n"));
    for _ in 0..65 {
        client.write("400\r\n");
        client.write(&over[..1024]);
        client.write("\r\n");
    }
    client.write("0\r\n\r\n");
    assert_eq!(client.read().unwrap().status, 413);
    let mut client = house.client("council");
    let wait = "expect: 100-continue\r\ncontent-length: 999999999";
    client.write(format!("POST /fhir HTTP/1.1\r\nhost: x\r\n{FHIR}\r\n{wait}\r\n\r\n"));
    let reply = client.read().unwrap();
    assert_eq!(reply.status, 413, "refused before a byte of it was sent");
}

#[test]
fn a_stranger_is_refused_before_the_body_is_read() {
    let house = House::open(small());
    let mut client = house.connect(None).unwrap();
    client.write(format!("POST /fhir HTTP/1.1\r\nhost: x\r\n{FHIR}\r\ncontent-length: 60000\r\n\r\n"));
    let reply = client.read().unwrap();
    assert_eq!((reply.status, reply.header("connection")), (401, Some("close")));
}

#[test]
fn gzip_is_unpacked_within_its_limits_and_a_bomb_is_not() {
    let house = House::open(small());
    let packed = ["content-encoding: gzip", FHIR];
    assert_eq!(house.client("council").ask("POST", "/fhir", &packed, &gzip(b"{\"a\":1}")).status, 202);
    assert_eq!(house.seen()[0].body, b"{\"a\":1}");
    let bomb = gzip(&vec![b' '; 30 << 20]);
    assert!(bomb.len() < 64 << 10);
    let reply = house.client("council").ask("POST", "/fhir", &packed, &bomb);
    assert_eq!((reply.status, reply.issue().as_str()), (413, "unpacked-too-large"));
    assert_eq!(house.client("council").ask("POST", "/fhir", &packed, b"{}").status, 400);
    assert_eq!(house.seen().len(), 1);
}

#[test]
fn a_flood_of_headers_is_refused() {
    let house = House::open(small());
    let many: Vec<String> = (0..200).map(|i| format!("x-{i}: 1")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(house.client("surgery").ask("GET", "/fhir/CarePlan", &many, b"").status, 431);
    let mut client = house.client("surgery");
    client.write("GET /fhir/CarePlan HTTP/1.1\r\nhost: x\r\nx-large: ");
    for _ in 0..100 {
        if !client.write(vec![b'a'; 1024]) {
            break;
        }
    }
    assert!(client.read().is_none_or(|r| r.status == 431));
    assert!(house.seen().is_empty());
    all_is_well(&house);
}

// ---- too slow, too many ----------------------------------------------------------------------------------------------

#[test]
fn slow_headers_end_the_connection() {
    let house = House::open(hasty());
    let mut client = house.client("council");
    let began = Instant::now();
    client.write("POST /fhir HTTP/1.1\r\nhost: x\r\n");
    for _ in 0..30 {
        std::thread::sleep(Duration::from_millis(100));
        if !client.write("x-a: b\r\n") {
            break;
        }
    }
    assert!(client.read().is_none());
    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(house.seen().is_empty());
}

#[test]
fn a_slow_body_is_told_so_in_time() {
    let house = House::open(hasty());
    let mut client = house.client("council");
    let began = Instant::now();
    client.write(format!("POST /fhir HTTP/1.1\r\nhost: x\r\n{FHIR}\r\ncontent-length: 1000\r\n\r\n"));
    for _ in 0..8 {
        std::thread::sleep(Duration::from_millis(100));
        client.write(" ");
    }
    let reply = client.read().unwrap();
    assert_eq!((reply.status, reply.header("connection")), (408, Some("close")));
    assert!(began.elapsed() < Duration::from_secs(3));
}

#[test]
fn a_silent_client_is_sent_away() {
    let house = House::open(hasty());
    let began = Instant::now();
    let mut silent = house.tcp();
    let mut byte = [0];
    assert!(!matches!(silent.read(&mut byte), Ok(1..)), "no handshake");
    let mut idle = house.client("council");
    assert!(idle.is_over(), "no request");
    assert!(began.elapsed() < Duration::from_secs(4));
}

#[test]
fn a_walk_that_hangs_is_answered_in_time() {
    let house = House::open(hasty());
    let reply = house.client("council").ask("POST", "/local/hangs", &[JSON], b"{}");
    assert_eq!((reply.status, reply.issue().as_str()), (503, "answer-too-late"));
    assert!(reply.header("retry-after").is_some());
}

#[test]
fn a_panic_in_a_room_is_answered_without_detail_and_the_connection_lives() {
    let house = House::open(small());
    let mut client = house.client("council");
    let reply = client.ask("POST", "/local/panics", &[JSON], b"{}");
    assert_eq!((reply.status, reply.issue().as_str()), (500, "internal"));
    assert!(!reply.body.contains("secret") && !reply.body.contains("stand-in"));
    assert_eq!(client.ask("POST", "/fhir", &[FHIR], b"{}").status, 202);
}

#[test]
fn a_client_that_closes_its_half_still_gets_its_answer() {
    let house = House::open(small());
    for with_tls in [true, false] {
        let mut client = house.client("council");
        client.write(request("POST", "/local/sleeps", &[JSON], b"{}"));
        if with_tls {
            client.half_close();
        } else {
            client.cut();
        }
        assert_eq!(client.read().map(|r| r.status), Some(202), "tls: {with_tls}");
    }
}

#[test]
fn a_body_that_ends_early_reaches_nobody() {
    let house = House::open(small());
    let mut client = house.client("council");
    client.write(format!("POST /fhir HTTP/1.1\r\nhost: x\r\n{FHIR}\r\ncontent-length: 1000\r\n\r\n{{}}"));
    client.cut();
    assert!(client.read().is_none_or(|r| r.status == 400));
    assert!(house.seen().is_empty());
}

#[test]
fn a_sender_who_hangs_up_does_not_stop_the_walk() {
    let house = House::open(small());
    let mut client = house.client("council");
    client.write(request("POST", "/local/sleeps", &[JSON], b"{}"));
    std::thread::sleep(Duration::from_millis(200));
    drop(client);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(house.seen().len(), 1);
    all_is_well(&house);
}

#[test]
fn two_hundred_connections_that_do_nothing_do_not_close_the_door() {
    let house = House::open(small());
    let idle: Vec<_> = (0..200).map(|_| house.tcp()).collect();
    all_is_well(&house);
    assert_eq!(idle.len(), 200);
}

#[test]
fn connections_past_the_limit_are_closed_and_others_go_on() {
    let limits = Limits { connections: 8, ..small() };
    let house = House::open(Limits { connections_per_address: 8, ..limits.clone() });
    let mut held: Vec<_> = (0..8).map(|_| house.client("council")).collect();
    assert!(house.connect(None).is_err());
    assert_eq!(held[0].ask("POST", "/fhir", &[FHIR], b"{}").status, 202);
    drop(held);
    std::thread::sleep(Duration::from_millis(200));
    all_is_well(&house);
    let house = House::open(Limits { connections_per_address: 2, ..limits });
    let held: Vec<_> = (0..2).map(|_| house.client("council")).collect();
    assert!(house.connect(None).is_err());
    drop(held);
}

#[test]
fn more_requests_than_places_are_told_to_come_again() {
    let house = House::open(Limits { requests: 1, ..small() });
    let mut first = house.client("council");
    first.write(request("POST", "/local/sleeps", &[JSON], b"{}"));
    std::thread::sleep(Duration::from_millis(300));
    let reply = house.client("council").ask("POST", "/fhir", &[FHIR], b"{}");
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")));
    assert_eq!(first.read().unwrap().status, 202);
    assert_eq!(house.connect(None).unwrap().ask("GET", "/healthz", &[], b"").status, 200);
}

#[test]
fn no_party_can_take_all_places() {
    let house = House::open(Limits { requests: 4, requests_per_party: 1, ..small() });
    let mut first = house.client("council");
    first.write(request("POST", "/local/sleeps", &[JSON], b"{}"));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(house.client("council").ask("POST", "/fhir", &[FHIR], b"{}").status, 503);
    assert_eq!(house.client("surgery").ask("GET", "/fhir/CarePlan", &[], b"").status, 200);
    assert_eq!(first.read().unwrap().status, 202);
}

#[test]
fn a_large_record_walks_beside_the_sockets() {
    let house = House::open(Limits { body: 1 << 20, answer_time: Duration::from_secs(2), ..small() });
    let large = vec![b' '; 400 << 10];
    let mut client = house.client("council");
    assert_eq!(client.ask("POST", "/fhir", &[FHIR], &large).status, 202);
    let reply = client.ask("POST", "/local/panics", &[JSON], &large);
    assert_eq!((reply.status, reply.issue().as_str()), (500, "internal"));
    assert_eq!(client.ask("POST", "/local/hangs", &[JSON], &large).status, 503);
}

#[test]
fn bodies_that_need_more_memory_than_there_is_are_told_to_come_again() {
    let house = House::open(Limits { memory: 100 << 10, ..small() });
    let large = vec![b' '; 60 << 10];
    let mut first = house.client("council");
    first.write(request("POST", "/local/sleeps", &[JSON], &large));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(house.client("council").ask("POST", "/fhir", &[FHIR], &large).status, 503);
    assert_eq!(house.client("council").ask("POST", "/fhir", &[FHIR], b"{}").status, 202);
    assert_eq!(first.read().unwrap().status, 202);
    assert_eq!(house.client("council").ask("POST", "/fhir", &[FHIR], &large).status, 202);
}

#[test]
fn asking_often_whether_we_are_ready_makes_no_work() {
    let house = House::open(small());
    let mut client = house.connect(None).unwrap();
    for _ in 0..50 {
        assert_eq!(client.ask("GET", "/readyz", &[], b"").status, 200);
    }
    assert!(house.walk.readied() <= 3, "it was tested {} times", house.walk.readied());
}

#[test]
fn a_connection_ends_after_its_last_request() {
    let house = House::open(Limits { requests_per_connection: 3, ..small() });
    let mut client = house.client("council");
    for expected in [None, None, Some("close")] {
        let reply = client.ask("POST", "/fhir", &[FHIR], b"{}");
        assert_eq!((reply.status, reply.header("connection")), (202, expected));
    }
    assert!(client.is_over());
}

#[test]
fn a_connection_ends_when_it_is_old() {
    let limits = Limits { connection_time: Duration::from_millis(1500), ..small() };
    let house = House::open(limits);
    let mut client = house.client("council");
    assert_eq!(client.ask("POST", "/fhir", &[FHIR], b"{}").status, 202);
    let began = Instant::now();
    assert!(client.is_over());
    assert!(began.elapsed() < Duration::from_secs(7));
}

// ---- stopping --------------------------------------------------------------------------------------------------------

#[test]
fn stopping_finishes_what_is_in_work_and_takes_nothing_new() {
    let mut house = House::open(small());
    let _idle = house.client("council");
    let mut working = house.client("council");
    working.write(request("POST", "/local/sleeps", &[JSON], b"{}"));
    std::thread::sleep(Duration::from_millis(300));
    house.begin_to_stop();
    let reply = working.read().unwrap();
    assert_eq!((reply.status, reply.header("connection")), (202, Some("close")));
    assert_eq!(house.stopped(), Drained::All);
    assert!(std::net::TcpStream::connect(house.address).is_err());
}

#[test]
fn stopping_does_not_wait_for_ever() {
    let limits = Limits { drain_time: Duration::from_millis(400), answer_time: Duration::from_secs(60), ..small() };
    let mut house = House::open(limits);
    let mut working = house.client("council");
    working.write(request("POST", "/local/hangs", &[JSON], b"{}"));
    std::thread::sleep(Duration::from_millis(300));
    let began = Instant::now();
    house.begin_to_stop();
    assert_eq!(house.stopped(), Drained::TimeUp);
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[test]
fn metrics_name_no_person() {
    let house = House::open(small());
    let path = "/fhir/CarePlan?patient.identifier=123454321&name=Plumtree";
    assert_eq!(house.client("surgery").ask("GET", path, &[], b"").status, 200);
    let text = house.client("operator").ask("GET", "/metrics", &[], b"").body;
    assert!(text.contains("sharewell_requests_total{door=\"search\",status=\"200\"} 1"), "{text}");
    assert!(!text.contains("123454321") && !text.contains("Plumtree"));
}
