//! The properties of the decision over generated cases, a few hundred each; `tests/bench/properties.rs` runs them by the million.
//!
//! Names are the properties of `sharing-choices` §5.

mod proofs;

use proofs::properties::ALL;
use proofs::source::tried;

fn holds(name: &str) {
    let property = ALL.iter().find(|(n, _)| n.ends_with(name)).expect("a property of this name").1;
    let cases = std::env::var("SHAREWELL_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(200);
    for number in 0..cases {
        if let Some(failure) = tried(property, 1, number) {
            panic!("{name}, seed 1, case {number} (as small as it goes: {} numbers): {}", failure.size, failure.said);
        }
    }
}

macro_rules! properties {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            holds(stringify!($name));
        })*

        #[test]
        fn no_property_is_forgotten_here() {
            let own = |name: &&str| name.rsplit(' ').next().unwrap_or_default().to_owned();
            let all: Vec<String> = ALL.iter().map(|(name, _)| own(name)).map(|n| n.rsplit("::").next().unwrap_or_default().to_owned()).collect();
            assert_eq!(all, [$(stringify!($name)),*]);
        }
    };
}

properties! {
    the_engine_and_its_plain_twin_agree
    the_order_of_choices_provisions_entries_and_keys_changes_nothing
    a_choice_said_twice_says_no_more
    one_more_refusal_never_releases_more
    an_agreement_taken_away_opens_no_more_than_it_had_closed
    a_higher_confidentiality_never_releases_more
    data_taken_out_of_a_resource_never_release_more
    a_fact_that_is_not_known_any_more_never_releases_more
    a_name_that_nobody_can_resolve_never_releases_more
    the_same_inputs_give_the_same_answer_and_fingerprint_however_they_were_gathered
    where_the_answer_is_another_the_fingerprint_is_too
    each_resource_of_a_bundle_fares_as_it_would_alone
    another_persons_resources_never_go_and_change_nothing
    the_answer_changes_in_time_only_at_the_instants_it_names
    every_denial_gives_a_published_reason
    no_search_looks_into_what_may_be_withheld
    what_is_withheld_stands_nowhere_in_what_is_released
    what_is_withheld_could_be_anything_and_what_is_released_is_the_same
    a_released_copy_decided_again_goes_as_it_is
}
