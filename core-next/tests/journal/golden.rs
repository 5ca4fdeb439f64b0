//! Golden files: a journal of each format, which stays readable for ever.
use crate::story;
#[test]
fn show() {
    let taped = story::golden();
    let mut fresh = remuda::Manager::new(story::golden_config()).unwrap();
    for recorded in taped.events {
        println!("{} {:?}", recorded.time, recorded.event);
        for action in fresh.handle(recorded.event, recorded.time) { println!("      {action:?}"); }
    }
    println!("{:#?}", fresh.counts().machines);
    for m in fresh.machines() { println!("{m:?}"); }
}
