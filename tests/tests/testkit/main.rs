//! The test kit on what we have: the driver on both adapters as a loop around the manager, both adapters as runtimes, the
//! scripted system and the process system as systems; and on mistakes of each, which it names.

mod driver;
mod runtimes;
mod stage;
mod systems;
