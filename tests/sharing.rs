//! What a Consent says, element by element and dialect by dialect, and what is done about it: `sharing-choices` §1, §2, §3.

#[path = "sharing/authority.rs"]
mod authority;
#[path = "sharing/codes.rs"]
mod codes;
#[path = "sharing/elements.rs"]
mod elements;
#[path = "sharing/others.rs"]
mod others;
#[path = "sharing/overrides.rs"]
mod overrides;
mod plans;
#[path = "sharing/provisions.rs"]
mod provisions;
#[path = "sharing/request.rs"]
mod request;
#[path = "sharing/world.rs"]
mod world;
