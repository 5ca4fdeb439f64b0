//! The driver on a scripted system, on both adapters: what clients see when all goes well, and whatever goes wrong.

mod drains;
mod drops;
mod elastic;
mod ends;
mod figures;
mod leases;
mod logs;
mod loss;
mod once;
mod order;
mod panics;
mod recording;
mod resume;
mod runtimes;
mod starts;
mod stops;
mod support;
mod tasks;
mod virtual_time;
mod wakers;
