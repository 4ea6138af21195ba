//! The rooms that touch the world: sockets, files, the clock, chance. In the order of the walk.

pub mod authority;
pub mod clock;
pub mod log;

pub mod files;

pub mod listen;

pub mod authenticate;

pub mod evidence;
pub mod source;
pub mod store;

pub mod deliver;

pub mod record;
