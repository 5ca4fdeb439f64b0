//! Loops around a manager under the kit: one that is right, one mistake after the other, and the example of the core.

mod chapter;
mod mistakes;
mod small;
mod threads;
