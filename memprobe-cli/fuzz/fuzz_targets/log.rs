//! A whole log of whatever bytes: it is read without a panic, every line feed is counted, and all
//! views can be made of what came of it.
#![no_main]

use std::ops::ControlFlow;

use libfuzzer_sys::fuzz_target;
use memprobe_cli::input;
use memprobe_cli::model::{By, Filter, Heaviest, Model, Order, groups};
use memprobe_cli::parse::origin::Origin;
use memprobe_cli::read::Done;
use memprobe_cli::views::{end, json, markdown, text, trace};

fuzz_target!(|bytes: &[u8]| {
    let mut model = Model::new(Heaviest::new(Order::Peak, 0, 10, false), Filter::default());
    let mut items = 0_u64;
    let mut sink = |item| {
        items += 1;
        model.add((0, "a.log"), item);
        ControlFlow::Continue(())
    };
    // A damaged gzip or zstd is an error, and no panic.
    let _ = input::read(bytes, Origin::default(), &mut sink);
    model.finish();
    let counts = model.counts;
    let told = counts.events + counts.duplicates + counts.unreadable + counts.kills + counts.not_utf8;
    // A crossing that is told twice is counted once.
    assert!(told + counts.crossings <= items);
    let mut views = Vec::new();
    let groups = groups(&model, By::Process);
    for group in &groups {
        let _ = group.report.to_html_with(end::cards(group, &[]));
        text::group(group, &model, &[], 3, false, &mut views).expect("written");
        markdown::report(group, &mut views).expect("written");
    }
    let done = Done::default();
    json::report(&groups, &model, &done, 3, &mut views).expect("written");
    text::read(&model, &done, &mut views).expect("written");
    text::calls(&model, &[], &mut views).expect("written");
    for call in model.heaviest.calls() {
        json::call(call, &model, &[], &mut views).expect("written");
    }
    trace::write(&model, &[], &mut views).expect("written");
});
