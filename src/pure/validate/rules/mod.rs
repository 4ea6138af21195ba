//! The rules, one a file, each with the standard's word for its name.

pub mod answer;
pub mod attachment;
pub mod binding;
pub mod bundle;
pub mod coding;
pub mod control;
pub mod definition;
pub mod document;
pub mod enable;
pub mod extension;
pub mod fixed;
pub mod identifier;
pub mod invariant;
pub mod limits;
pub mod markup;
pub mod must_support;
pub mod narrative;
mod native;
pub mod primitive;
pub mod questionnaire;
pub mod reference;
pub mod resource;
pub mod response;
pub mod search_set;
pub mod slicing;
pub mod terminology;
pub mod vital_signs;
