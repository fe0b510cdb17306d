//! The report of a large program: a small real one, multiplied, each copy with figures, names
//! and labels of its own.

use std::hint::black_box;
use std::iter;

use memprobe::report::{Figures, Function, Node};
use memprobe::{Report, memprobe, probe};

use crate::random::Random;

/// Functions for each module.
const MODULE: usize = 8;
/// Functions for each root of the call tree, which is one of them.
const ROOT: usize = 10;

macro_rules! templates {
    ($($name:ident)*) => {
        $(#[memprobe]
        fn $name(bytes: usize) {
            let one = black_box(vec![1_u8; bytes]);
            probe!("1");
            let other = black_box(vec![1_u8; bytes / 2]);
            probe!("2");
            drop(other);
            probe!("3");
            black_box(vec![1_u8; bytes / 3]);
            probe!("4");
            drop(one);
        })*
        const TEMPLATES: &[fn(usize)] = &[$($name),*];
    };
}

templates!(a b c d e f g h i j k l m n o p);

/// A report of so many functions, each with five segments. The binary needs jemalloc.
///
/// # Panics
///
/// If the templates are not in the report.
pub fn big_report(functions: usize) -> Report {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for (at, template) in TEMPLATES.iter().enumerate() {
        for _ in 0..200 {
            template((128 << at) + random.below(128 << at) as usize);
        }
    }
    let mut report = memprobe::report();
    let templates = std::mem::take(&mut report.functions);
    assert_eq!(templates.len(), TEMPLATES.len(), "they are there");
    let mut node = report.tree[0].clone();
    let labels: Vec<&'static str> = (0..300).map(|at| leak(format!("step {at} done"))).collect();
    report.functions = (0..functions)
        .map(|at| {
            let template = &templates[random.below(templates.len() as u64) as usize];
            function(at, template, &labels, &mut random)
        })
        .collect();
    report.functions.sort_by_key(|one| std::cmp::Reverse(one.figures.map(|all| all.high_water)));
    report.tree = report
        .functions
        .chunks(ROOT)
        .map(|chunk| {
            let (root, nested) = chunk.split_first().expect("a chunk is not empty");
            let mut root = of(root, &mut node);
            root.children = nested.iter().map(|function| of(function, &mut node)).collect();
            root
        })
        .collect();
    report
}

fn function(
    at: usize,
    template: &Function,
    labels: &[&'static str],
    random: &mut Random,
) -> Function {
    let mut function = template.clone();
    let module = at / MODULE;
    function.name =
        leak(format!("shop::area_{}::module_{module}::Type{}::work_{at}", module / 20, at % 5));
    let calls = random.below(100_000) + 1;
    function.outcomes.returned = calls;
    if at % 50 == 0 {
        function.outcomes.cancelled = random.below(calls);
    }
    function.max_concurrent = Some(1 + random.below(at as u64 % 40 + 1));
    let figures = function.figures.as_mut().expect("figures");
    scale(figures, calls, random);
    if let Some(cold) = &mut function.first_call {
        cold.peak += random.below(4096);
        cold.allocated += random.below(4096);
    }
    let mut from = "entry";
    for segment in &mut function.segments {
        segment.from = from;
        from = labels[random.below(labels.len() as u64) as usize];
        segment.label = from;
        segment.count = calls;
        scale(segment.figures.as_mut().expect("figures"), calls, random);
    }
    function
}

/// Other figures of about that size.
fn scale(figures: &mut Figures, calls: u64, random: &mut Random) {
    let each = figures.allocated / 200 + random.below(64);
    figures.allocated = each * calls + random.below(calls);
    let net = if random.below(4) == 0 { random.below(calls * 8) } else { 0 };
    figures.freed = figures.allocated.saturating_sub(net);
    let nested = if random.below(2) == 0 { random.below(each + 1) } else { 0 };
    figures.self_allocated = figures.allocated - nested;
    figures.self_freed = figures.freed;
    figures.high_water += random.below(figures.high_water / 8 + 1);
    figures.peak = figures.high_water;
    figures.self_peak = figures.self_peak.map(|peak| peak + random.below(peak / 8 + 1));
}

fn of(function: &Function, template: &mut Node) -> Node {
    let mut node = template.clone();
    node.function = function.name;
    node.outcomes = function.outcomes;
    node.figures = function.figures;
    node.children = Vec::new();
    let segments = iter::zip(&function.segments, &template.segments);
    node.segments = segments
        .map(|(of, template)| {
            let mut segment = template.clone();
            (segment.from, segment.label) = (of.from, of.label);
            (segment.count, segment.figures) = (of.count, of.figures);
            segment
        })
        .collect();
    node
}

fn leak(name: String) -> &'static str {
    name.leak()
}
