//! The vocabulary of a manager: what it is told, what it says, and what it is made with. It depends
//! on nothing else in the crate.

/// Methods that set one field each.
macro_rules! setters {
    ($of:ident: $($(#[$doc:meta])* $name:ident($arg:ident: $type:ty) = $value:expr;)*) => {
        impl $of {
            $($(#[$doc])*
            #[must_use]
            pub const fn $name(mut self, $arg: $type) -> $of {
                self.$name = $value;
                self
            })*
        }
    };
}

/// What stands for a number.
macro_rules! number {
    ($name:ident, $number:ty) => {
        impl From<$number> for $name {
            fn from(number: $number) -> $name {
                $name(number)
            }
        }

        impl From<$name> for $number {
            fn from(it: $name) -> $number {
                it.0
            }
        }
    };
}

/// What is printed alike for people and for developers.
macro_rules! debug_as_display {
    ($($name:ident),*) => {$(
        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Display::fmt(self, f)
            }
        }
    )*};
}

pub(crate) mod action;
pub(crate) mod config;
pub(crate) mod counts;
pub(crate) mod event;
pub(crate) mod id;
pub(crate) mod kind;
mod presets;
pub(crate) mod reject;
pub(crate) mod resources;
pub(crate) mod time;
pub(crate) mod validate;
