//! A choice as it is kept beside its Consent: its rules spelled out, to be enforced as they were understood when the choice
//! was recorded, and read faster than the Consent.

use super::choice::Choice;
use openssl::sha::Sha256;
use std::sync::OnceLock;

/// What makes rules out of a Consent. Whoever changes one of them reads Consents in another way, perhaps.
const READER: [&str; 8] = [
    include_str!("reading/mod.rs"),
    include_str!("reading/dialect.rs"),
    include_str!("reading/foreign.rs"),
    include_str!("reading/names.rs"),
    include_str!("reading/rules.rs"),
    include_str!("choice.rs"),
    include_str!("provision.rs"),
    include_str!("words.rs"),
];

impl Choice {
    /// Names the reader of Consents that this program has: rules that another one made are made again from the original.
    #[must_use]
    pub fn reader() -> &'static str {
        static NAME: OnceLock<String> = OnceLock::new();
        NAME.get_or_init(|| {
            let mut hash = Sha256::new();
            READER.iter().for_each(|text| hash.update(text.as_bytes()));
            hash.finish().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
        })
    }

    /// Its rules and all they need, as one line of JSON. Warnings are not part of it: they were for its sender.
    #[must_use]
    pub fn to_rules(&self) -> String {
        // Fails for a map without text keys, and there is none; what could not be read again is read from the original.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The choice that [`Choice::to_rules`] wrote; none where it is not one.
    #[must_use]
    pub fn from_rules(rules: &str) -> Option<Choice> {
        serde_json::from_str(rules).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::decide::read_choice;
    use crate::pure::fhir::json;

    #[test]
    fn a_choice_comes_back_from_its_rules_as_it_was() {
        let text = r#"{"resourceType":"Consent","id":"c","status":"active","dateTime":"2026-03-28T18:30:00.25+01:00",
            "patient":{"reference":"Patient/1","identifier":{"system":"s","value":"v"}},
            "scope":{"coding":[{"code":"patient-privacy"}]},"performer":[{"reference":"RelatedPerson/9"}],
            "provision":{"type":"permit","period":{"start":"2026","end":"2027-06-30T10:00:00Z"},
            "actor":[{"role":{"coding":[{"code":"IRCP"}]},"reference":{"reference":"Organization/a","display":"A"}}],
            "action":[{"coding":[{"code":"disclose"}]}],"securityLabel":[{"system":"l","code":"N"}],
            "purpose":[{"code":"TREAT"}],"class":[{"code":"goals"}],"code":[{"coding":[{"code":"1"}]}],
            "dataPeriod":{"start":"2026-02"},"data":[{"meaning":"related","reference":{"reference":"Encounter/1"}}],
            "provision":[{"type":"deny","class":[{"code":"budget"}]}]}}"#;
        let tree = json::read(text.as_bytes(), &json::Limits::default()).expect("JSON");
        let choice = read_choice(tree.root()).expect("readable");
        let back = Choice::from_rules(&choice.to_rules()).expect("it comes back");
        assert_eq!(back.to_rules(), choice.to_rules());
        assert_eq!(back.readings(), choice.readings());
        assert_eq!(
            (back.validity(), back.dated(), back.patient()),
            (choice.validity(), choice.dated(), choice.patient())
        );
        assert!(choice.to_rules().contains("2027-06-30T10:00:00Z") && !choice.readings()[0][0].actors.is_empty());
    }

    #[test]
    fn what_is_no_choice_does_not_become_one() {
        for wrong in ["", "{}", "null", r#"{"readings":[]}"#] {
            assert!(Choice::from_rules(wrong).is_none(), "{wrong}");
        }
    }
}
